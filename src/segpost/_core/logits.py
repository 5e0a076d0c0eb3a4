"""Logits as the kernels read them, and the checks of what is said of them."""

from __future__ import annotations

import math
import numbers

import numpy as np

from segpost._core import sampling
from segpost._core.arguments import as_output_size, check_choice, resolve_class_axis, resolve_grid
from segpost._core.arrays import LABEL_KINDS, LOGIT_KINDS, Array, InputArray, as_input_array
from segpost._core.contract import Logits
from segpost._core.device import DeviceArray
from segpost._core.errors import format_index
from segpost._core.sampling import Axes


def as_logits(logits: object, axis: object, spatial: int = 2) -> tuple[Logits, InputArray, int]:
    """Any logits as (N, C, h, w), with three spatial axes (N, C, d, h, w), without a copy.

    Also the array as it came, and its class axis.
    """
    given = as_input_array(logits, "logits")
    array = given.array
    if given.kind not in LOGIT_KINDS:
        hint = "; a boolean map is already a label map" if given.kind == "bool" else ""
        raise TypeError(f"logits must be of dtype {', '.join(LOGIT_KINDS)}, got {given.kind}{hint}")
    counted = resolve_class_axis(array.shape, axis, spatial, integers=given.kind in LABEL_KINDS)
    if given.kind in ("int64", "uint64"):
        if isinstance(array, DeviceArray):
            raise TypeError(f"logits on {array.context} must have up to 32 bits or be floats")
        check_exact_integers(array)
    view = array if array.ndim == spatial + 2 else array[None]
    if counted == -1:
        view = view.transpose(0, spatial + 1, *range(1, spatial + 1))
    return Logits(view, given.kind), given, counted


def check_exact_integers(array: Array) -> None:
    """Refuse 64-bit integers that float64, in which labels are defined, cannot hold."""
    beyond = (array > 2**53) | (array < -(2**53)) if array.dtype.kind == "i" else array > 2**53
    if beyond.any():
        place = np.unravel_index(int(beyond.argmax()), array.shape)
        raise ValueError(
            f"logits have {int(beyond.sum())} of {array.size} integers beyond 2**53, which float64 "
            f"cannot hold, first {array[place]} at {format_index(place)}"
        )


def resampling_axes(logits: Logits, size: object, grid: object) -> Axes | None:
    """The axes from the logits' grid to `size`, or None where every pixel is read as it is.

    A `grid` of None is one that nobody has told.
    """
    if grid is not None:
        check_choice(grid, "grid", sampling.GRIDS)
    if size is None:
        return None
    height, width = as_output_size(size)
    wanted, shape = (height, width), (logits.values.shape[2], logits.values.shape[3])
    if shape == wanted or 0 in shape:
        return None
    return sampling.axes(shape, wanted, resolve_grid(grid, shape, wanted))


def output_shape(logits: Logits, axes: Axes | None) -> tuple[int, int, int]:
    """(N, H, W) of what comes out."""
    n, _, h, w = logits.values.shape
    return (n, h, w) if axes is None else (n, axes.y.n_out, axes.x.n_out)


def apply_quantization(view: Logits, quantization: object, wanted: set[str]) -> Logits:
    """Integer logits with what they mean, which probabilities need."""
    integers = not view.kind.startswith(("float", "bfloat"))
    if quantization is None:
        missing = wanted & {"confidence", "probabilities", "crf"}
        if integers and missing:
            raise TypeError(
                f"logits are {view.kind}: for {' and '.join(sorted(missing))} pass "
                "quantization=(scale, zero_point); a softmax of raw integers means nothing"
            )
        return view
    if not integers:
        raise TypeError(f"quantization is for integer logits, got {view.kind}")
    if not isinstance(quantization, (tuple, list)) or len(quantization) != 2:
        raise ValueError(f"quantization must be (scale, zero_point), got {quantization!r}")
    scale, zero_point = quantization
    for name, number in (("scale", scale), ("zero_point", zero_point)):
        if isinstance(number, bool) or not isinstance(number, (numbers.Real, np.number)):
            raise TypeError(
                f"quantization's {name} must be one number, got {number!r}; with a scale for each "
                "class the raw values cannot be compared: dequantize first"
            )
    if not (math.isfinite(scale) and scale > 0 and math.isfinite(zero_point)):
        raise ValueError(f"quantization's scale must be positive and finite, got {quantization!r}")
    return view._replace(scale=float(scale), zero_point=float(zero_point))


def apply_threshold(view: Logits, threshold: object, of_probabilities: bool = False) -> Logits:
    """A one-channel head's logits (or probabilities) with the value at which class 1 begins."""
    if threshold is None:
        return view
    classes = view.values.shape[1]
    if classes != 1:
        raise ValueError(f"threshold is for logits of one class, got {classes}")
    if isinstance(threshold, bool) or not isinstance(threshold, (numbers.Real, np.number)):
        raise TypeError(f"threshold must be a number, got {threshold!r}")
    probability = float(threshold)
    if not 0.0 < probability < 1.0:
        raise ValueError(f"threshold is a probability between 0 and 1, got {threshold!r}")
    odds = math.log(probability / (1.0 - probability))
    level = probability if of_probabilities else odds
    return view._replace(threshold=level / view.scale + view.zero_point)
