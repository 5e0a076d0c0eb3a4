"""Checks that several operations share, and the sentences of their errors."""

from __future__ import annotations

import math
import warnings
from typing import Any, NoReturn

import numpy as np

from segpost._core import sampling
from segpost._core.arrays import LABEL_KINDS, LOGIT_KINDS, Array, Incoming, incoming, widen
from segpost._core.contract import Bad, Logits, Report
from segpost._core.device import DeviceArray, place_of, to_host
from segpost._core.sampling import Axes

NAN_RULES = ("raise", "propagate")
CHECKS = ("sync", "deferred", "off")


def one_of(value: object, name: str, allowed: tuple[str, ...]) -> None:
    """Refuse a word that is not in the list."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")


def class_axis(axis: object, ndim: int, first: int = -3) -> int:
    """`first` or -1, whichever way the axis was counted."""
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise TypeError(f"axis must be an integer, got {axis!r}")
    counted = int(axis) - ndim if axis >= 0 else int(axis)
    if counted not in (first, -1):
        raise ValueError(
            f"axis must be {first} (channels first) or -1 (channels last), got {axis} "
            f"of {ndim} dimensions"
        )
    return counted


def class_axis_of(shape: tuple[int, ...], axis: object, spatial: int) -> int:
    """The class axis of logits of a shape, counted from behind."""
    least = spatial + 1
    if len(shape) not in (least, least + 1):
        sizes = "H, W" if spatial == 2 else "D, H, W"
        hint = ""
        if len(shape) == spatial:
            hint = "; a one-channel map needs its class axis: logits[None]"
        if spatial == 3:
            hint += "; three numbers in size, or axis=-4, mean a volume"
        raise ValueError(
            f"logits must have {least} dimensions (C, {sizes}) or {least + 1} (N, C, {sizes}), "
            f"classes last with axis=-1, got {len(shape)}: shape {shape}{hint}"
        )
    counted = class_axis(axis, len(shape), -least)
    if shape[counted] == 0:
        raise ValueError(f"logits have no classes: axis {counted} of shape {shape} has length 0")
    return counted


def logits_view(logits: object, axis: object, spatial: int = 2) -> tuple[Logits, Incoming, int]:
    """Any logits as (N, C, h, w), with three spatial axes (N, C, d, h, w), without a copy.

    Also the array as it came, and its class axis.
    """
    given = incoming(logits, "logits")
    array = given.array
    if given.kind not in LOGIT_KINDS:
        hint = "; a boolean map is already a label map" if given.kind == "bool" else ""
        raise TypeError(f"logits must be of dtype {', '.join(LOGIT_KINDS)}, got {given.kind}{hint}")
    counted = class_axis_of(array.shape, axis, spatial)
    if given.kind in ("int64", "uint64"):
        if isinstance(array, DeviceArray):
            raise TypeError(f"logits on {array.place} must have up to 32 bits or be floats")
        exact_integers(array)
    view = array if array.ndim == spatial + 2 else array[None]
    if counted == -1:
        view = view.transpose(0, spatial + 1, *range(1, spatial + 1))
    return Logits(view, given.kind), given, counted


def exact_integers(array: Array) -> None:
    """Refuse 64-bit integers that float64, in which labels are defined, cannot hold."""
    beyond = (array > 2**53) | (array < -(2**53)) if array.dtype.kind == "i" else array > 2**53
    if beyond.any():
        place = np.unravel_index(int(beyond.argmax()), array.shape)
        raise ValueError(
            f"logits have {int(beyond.sum())} of {array.size} integers beyond 2**53, which float64 "
            f"cannot hold, first {array[place]} at {_index(place)}"
        )


def output_size(size: Any, axes: int = 2, name: str = "size") -> tuple[int, ...]:
    """(height, width), or (depth, height, width), each at least 1."""
    if not isinstance(size, (tuple, list, np.ndarray)) or len(size) != axes:
        wanted = "(height, width)" if axes == 2 else "(depth, height, width)"
        raise ValueError(f"{name} must be {wanted}, got {size!r}")
    for number in size:
        if isinstance(number, (bool, np.bool_)) or not hasattr(number, "__index__"):
            raise TypeError(
                f"{name} must hold {'two' if axes == 2 else 'three'} integers, got {size!r}"
            )
        if int(number) < 1:
            raise ValueError(f"{name} must be at least {(1,) * axes}, got {size!r}")
        if int(number) >= 2**31:
            raise ValueError(f"{name} must be below 2**31 a side, got {size!r}")
    return tuple(int(number) for number in size)


def resampling(logits: Logits, size: object, grid: object) -> Axes | None:
    """The axes from the logits' grid to `size`, or None where every pixel is read as it is.

    A `grid` of None is one that nobody has told.
    """
    if grid is not None:
        one_of(grid, "grid", sampling.GRIDS)
    if size is None:
        return None
    height, width = output_size(size)
    wanted, shape = (height, width), (logits.values.shape[2], logits.values.shape[3])
    if shape == wanted or 0 in shape:
        return None
    return sampling.axes(shape, wanted, known_grid(grid, shape, wanted))


def known_grid(grid: object, shape: tuple[int, int], wanted: tuple[int, int]) -> str:
    """The grid, where it matters: by a convention it may be one that nobody has told."""
    if grid is not None:
        one_of(grid, "grid", sampling.GRIDS)
        return str(grid)
    if shape == wanted:
        return sampling.GRIDS[0]  # all of them are the same
    raise ValueError(
        f"grid must be given to resample {shape} to {wanted}, one of "
        f"{', '.join(map(repr, sampling.GRIDS))}: the convention does not say how the "
        "network's small map lies on its input"
    )


def output_shape(logits: Logits, axes: Axes | None) -> tuple[int, int, int]:
    """(N, H, W) of what comes out."""
    n, _, h, w = logits.values.shape
    return (n, h, w) if axes is None else (n, axes.y.n_out, axes.x.n_out)


def one_channel_warning(logits: Logits) -> None:
    """Say why every label of a one-channel head is 0."""
    if logits.values.shape[1] == 1:
        warnings.warn(
            "logits have one class, so every label is 0; for a sigmoid head call "
            "segpost.postprocess(logits, threshold=0.5)",
            UserWarning,
            stacklevel=3,
        )


def raise_bad_logits(report: Report, logits: Logits, shape: tuple[int, ...]) -> None:
    """Turn what a kernel met into an error under ``nan="raise"``."""
    if not (report.nan_count or report.undefined_count):
        return
    n, c, *size = logits.values.shape
    if report.nan_count:
        image, *at = _place(report.nan_first, (n, *size))
        everywhere: Any = (image, slice(None), *at)
        pixel = widen(logits.values[everywhere], logits.kind)
        if any(logits.origin):
            at = [*map(sum, zip(at, logits.origin, strict=True))]
        raise ValueError(
            f"logits have {report.nan_count} NaN of {n * c * math.prod(size)} values, first at "
            f"image {image}, class {int(np.isnan(pixel).argmax())}, {_named(at)}; look for a "
            'float16 overflow or a division by zero in the network; nan="propagate" lets NaN win'
        )
    if report.undefined_count:
        image, *at = _place(report.undefined_first, shape)
        raise ValueError(
            f"logits give no answer at {report.undefined_count} of {math.prod(shape)} output "
            f"{'pixels' if len(at) == 2 else 'voxels'}, first at image {image}, {_named(at)}: "
            "every class is -inf there, or "
            'infinities meet (inf - inf); pass nan="propagate" for the rule of numpy.argmax'
        )


def raise_undefined(report: Report, logits: Logits, shape: tuple[int, int, int]) -> None:
    """Turn undefined probabilities into an error that says why."""
    if not report.undefined_count:
        return
    nan = np.isnan(widen(logits.values, logits.kind))
    if nan.any():
        first = int(nan.any(axis=1).argmax())
        raise_bad_logits(Report(int(nan.sum()), first), logits, shape)
    image, *at = _place(report.undefined_first, shape)
    raise ValueError(
        f"logits give no probabilities at {report.undefined_count} of {math.prod(shape)} pixels, "
        f"first at image {image}, {_named(at)}: a class is +inf there, or every class is -inf; "
        'pass nan="propagate" to get NaN'
    )


def one_device(one: Incoming, name: str, other: Incoming, other_name: str) -> None:
    """Refuse arrays on different devices: nothing is moved between them."""
    places = place_of(one.array), place_of(other.array)
    if places[0].device != places[1].device:
        raise TypeError(
            f"{name} and {other_name} are on different devices: {name} on {places[0]}, "
            f"{other_name} on {places[1]}; move one of them yourself"
        )


def labels_view(labels: object, name: str = "labels") -> Incoming:
    """Label maps of shape (..., H, W), integers only."""
    given = incoming(labels, name)
    only_integers(given, name)
    if given.array.ndim < 2:
        raise ValueError(f"{name} must have shape (..., H, W), got {given.array.shape}")
    return given


def only_integers(given: Incoming, name: str) -> None:
    """Refuse floats and booleans as labels."""
    if given.kind not in LABEL_KINDS:
        hint = ""
        if given.kind == "bool":
            hint = "; a mask becomes labels with .astype('uint8')"
        elif given.kind in LOGIT_KINDS:
            hint = "; are these logits or probabilities? take segpost.argmax first"
        raise TypeError(f"{name} must be integers, got dtype {given.kind}{hint}")


def no_picture(labels: Array, name: str = "labels") -> None:
    """Refuse (H, W, 1) and (H, W, 3), which are no label maps."""
    shape = labels.shape
    if len(shape) >= 3 and shape[-1] in (1, 3) and min(shape[-3:-1]) > 3:
        last = shape[-1]
        hint = f"{name}[..., 0]" if last == 1 else "segpost.labels_from_colors(image, palette)"
        raise ValueError(
            f"{name} of shape {shape} look like (H, W, {last}): labels are (..., H, W); use {hint}"
        )


def image_view(image: object, name: str = "image", *, kept: bool = False) -> Incoming:
    """Color images of shape (..., H, W, 3), uint8 only."""
    given = incoming(image, name, kept=kept)
    shape = given.array.shape
    if len(shape) < 3 or shape[-1] != 3:
        hint = ""
        if len(shape) >= 3 and shape[-3] == 3:
            hint = "; this looks channels first: move the channels last"
        elif len(shape) >= 3 and shape[-1] == 4:
            hint = "; drop the alpha channel: image[..., :3]"
        elif len(shape) == 2:
            hint = "; repeat a grey image: np.stack([image] * 3, -1)"
        raise ValueError(f"{name} must have shape (..., H, W, 3), got {shape}{hint}")
    if given.kind != "uint8":
        hint = ""
        if given.kind.startswith(("float", "bfloat")):
            hint = "; an image in 0..1 becomes (image * 255).round().astype('uint8')"
        raise TypeError(f"{name} must be uint8, got {given.kind}{hint}")
    return given


def raise_bad_labels(bad: Bad, labels: Array, classes: int, ignore_index: int | None) -> None:
    """Name the labels that have no color."""
    if not bad.total:
        return
    place = np.unravel_index(bad.first, labels.shape)
    allowed = f"0..{classes - 1}" + (f" or {ignore_index}" if ignore_index is not None else "")
    raise ValueError(
        f"labels have {bad.total} of {labels.size} values outside {allowed}, first "
        f"{labels[place]} at {_index(place)}; the palette has {classes} colors. "
        "Give it more colors, or an ignore_index with a void color"
    )


def raise_bad_colors(bad: Bad, image: Array) -> NoReturn:
    """Name the colors that are in no palette row."""
    place = np.unravel_index(bad.first, image.shape[:-1])
    color = tuple(int(v) for v in to_host(image[place]))
    raise ValueError(
        f"image has {bad.total} of {image.size // 3} pixels whose color is not in the palette, "
        f"first {color} at {_index(place)}; a label image must be saved without loss and never "
        "resized with interpolation"
    )


def _place(flat: int, shape: tuple[int, ...]) -> list[int]:
    return [int(i) for i in np.unravel_index(flat, shape)]


def _named(place: list[int]) -> str:
    return ", ".join(f"{'zyx'[i - len(place)]} {at}" for i, at in enumerate(place))


def _index(place: tuple[Any, ...]) -> str:
    return "[" + ", ".join(str(int(i)) for i in place) + "]"
