"""Conversion of logits for the kernels, and resolution of quantization and threshold."""

from __future__ import annotations

import math
import numbers
from typing import NamedTuple

import numpy as np

from segpost._core.arguments import resolve_class_axis
from segpost._core.arrays import (
    LABEL_KINDS,
    LOGIT_KINDS,
    Array,
    InputArray,
    as_input_array,
    widen,
)
from segpost._core.contract import Logits
from segpost._core.device import DeviceArray
from segpost._core.errors import format_index
from segpost._core.extensions import load_native
from segpost._core.suspicious_logits import as_integers, holds_labels

CLASSES_FIRST = {2: (0, 3, 1, 2), 3: (0, 4, 1, 2, 3)}  # of (N, h, w, C) and of (N, d, h, w, C)


class InputLogits(NamedTuple):
    """The argument `logits`, converted."""

    logits: Logits  # values [N, C, h, w], of volumes [N, C, d, h, w]
    array: InputArray  # in the caller's layout
    class_axis: int  # of the caller's layout, counted from the end


try:
    _native = load_native()
    _native.bind_logits(
        InputLogits(Logits(np.empty(0), ""), InputArray(np.empty(0), "", np.array), 0)
    )
    read_logits = _native.read_logits
except ImportError:

    def read_logits(
        value: object, axis: object, spatial: int, min_classes: int
    ) -> InputLogits | None:
        """Return None, as the compiled reader does for what are no plain logits."""
        return None


def as_logits(
    logits: object, axis: object, spatial: int = 2, *, min_classes: int = 1
) -> InputLogits:
    """Return any logits as a view (N, C, h, w), or with three spatial axes as (N, C, d, h, w).

    Nothing is copied. Masks may be none: `min_classes` is 0.

    Raises
    ------
    TypeError
        If the element type is none of `LOGIT_KINDS`.
    ValueError
        If the shape or the class axis is wrong, or if 64-bit integers are beyond 2**53: float64,
        in which labels are defined, does not hold them.
    """
    plain = read_logits(logits, axis, spatial, min_classes)
    if plain is not None:
        return plain  # type: ignore[no-any-return]
    array = as_input_array(logits, "logits")
    values, kind = array.array, array.kind
    if kind not in LOGIT_KINDS:
        hint = "; a boolean map is already a label map" if kind == "bool" else ""
        raise TypeError(f"logits must be of dtype {', '.join(LOGIT_KINDS)}, got {kind}{hint}")
    class_axis, shape = axis if type(axis) is int else 0, values.shape
    is_batch = len(shape) == spatial + 2
    has_ndim = is_batch or len(shape) == spatial + 1
    is_named = class_axis == -spatial - 1 or class_axis == -1
    if not (has_ndim and is_named and shape[class_axis] >= min_classes):
        labels = _describe_labels(array, type(logits)) if len(shape) == spatial else ""
        class_axis = resolve_class_axis(
            shape, axis, spatial, labels=labels, min_classes=min_classes
        )
    if kind in ("int64", "uint64"):
        if isinstance(values, DeviceArray):
            raise TypeError(f"logits on {values.context} must have up to 32 bits or be floats")
        is_too_large = values > 2**53
        if kind == "int64":
            is_too_large |= values < -(2**53)
        if is_too_large.any():
            first = np.unravel_index(int(is_too_large.argmax()), values.shape)
            raise ValueError(
                f"logits have {int(is_too_large.sum())} of {values.size} integers beyond 2**53, "
                f"which float64 cannot hold, first {values[first]} at {format_index(first)}"
            )
    if not is_batch:
        values = values[None]
    if class_axis == -1:
        values = values.transpose(CLASSES_FIRST[spatial])
    return InputLogits(Logits(values, kind), array, class_axis)


def _describe_labels(array: InputArray, argument_type: type) -> str:
    """Return an expression of the labels that an array holds; empty if it holds none."""
    if array.kind in LABEL_KINDS:
        return "logits"
    return as_integers("logits", argument_type) if holds_labels(array) else ""


def resolve_quantization(quantization: object) -> tuple[float, float] | None:
    """Return (scale, zero_point) as floats; None where there is no quantization.

    Runtimes say (0.0, 0) of an output that is not quantized.

    Raises
    ------
    TypeError, ValueError
        If it is not a pair of finite numbers, with a positive scale and a whole zero point.
    """
    if quantization is None:
        return None
    if not isinstance(quantization, (tuple, list)) or len(quantization) != 2:
        raise ValueError(f"quantization must be (scale, zero_point), got {quantization!r}")
    scale, zero_point = quantization
    for name, number in (("scale", scale), ("zero_point", zero_point)):
        if isinstance(number, bool) or not isinstance(number, (numbers.Real, np.number)):
            raise TypeError(
                f"quantization's {name} must be one number, got {number!r}; with one scale per "
                "class the raw values cannot be compared: dequantize first"
            )
    if scale == 0 and zero_point == 0:
        return None
    is_finite = math.isfinite(scale) and math.isfinite(zero_point)
    if is_finite and not float(zero_point).is_integer() and float(scale).is_integer():
        raise ValueError(
            f"quantization must be (scale, zero_point), got {quantization!r}, whose zero point "
            f"{zero_point!r} is no whole number: they are exchanged, pass ({zero_point!r}, "
            f"{scale!r})"
        )
    if not (is_finite and scale > 0):
        raise ValueError(f"quantization's scale must be positive and finite, got {quantization!r}")
    if not float(zero_point).is_integer():
        raise ValueError(
            f"quantization's zero_point must be a whole number, got {quantization!r}: a real logit "
            "is scale * (value - zero_point)"
        )
    return float(scale), float(zero_point)


def check_quantized(kind: str, quantization: object) -> None:
    """Refuse a quantization of logits that are no integers.

    Raises
    ------
    TypeError
    """
    if quantization is not None and kind not in LABEL_KINDS:
        raise TypeError(f"quantization is for integer logits, got {kind}")


def resolve_threshold(
    threshold: object,
    classes: int,
    quantization: tuple[float, float] = (1.0, 0.0),
    *,
    of_probabilities: bool = False,
) -> float | None:
    """Return the raw value above which a pixel of a one-channel head has class 1, or None.

    `threshold` is a probability. It is compared with raw values: logits, or probabilities if
    `of_probabilities`, before the quantization (scale, zero_point) is applied.

    Raises
    ------
    ValueError, TypeError
        If the head has several channels, or if the threshold is not a number between 0 and 1.
    """
    if threshold is None:
        return None
    if classes != 1:
        raise ValueError(
            f"threshold is for logits of one class, got {classes}: leave it out for the label of "
            "the largest one; the masks of independent sigmoids come from segpost.binarize"
        )
    if isinstance(threshold, bool) or not isinstance(threshold, (numbers.Real, np.number)):
        raise TypeError(f"threshold must be a number, got {threshold!r}")
    probability = float(threshold)
    if not 0.0 < probability < 1.0:
        raise ValueError(f"threshold is a probability between 0 and 1, got {threshold!r}")
    odds = math.log(probability / (1.0 - probability))
    scale, zero_point = quantization
    return (probability if of_probabilities else odds) / scale + zero_point


def dequantize(values: Array, kind: str, scale: float, zero_point: float) -> Array:
    """Return raw values as float32, or as float64 where they need it, with their quantization."""
    values = widen(values, kind)
    if scale == 1.0 and zero_point == 0.0:
        return values
    return np.asarray((values.astype(np.float64) - zero_point) * scale)


def with_both_classes(logits: Logits) -> Logits:
    """Return logits with a channel for every class: the sigmoid of x is the softmax of (0, x)."""
    if logits.threshold is None:
        return logits
    real = dequantize(logits.values, logits.kind, logits.scale, logits.zero_point)
    both = np.concatenate([np.zeros_like(real), real], axis=1)
    return Logits(both, both.dtype.name, origin=logits.origin)


def are_finite(logits: Logits) -> bool:
    """Return whether no logit is infinite or NaN, by one sum unless that is not finite."""
    values = logits.values
    if logits.kind == "bfloat16":
        values = widen(values, logits.kind)
    with np.errstate(over="ignore", invalid="ignore"):
        total = values.sum(dtype=np.result_type(values, np.float32))
    return bool(np.isfinite(total)) or bool(np.isfinite(values).all())
