"""Logits that are valid, but whose values or shape show that they mean something else."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from segpost._core.arrays import LABEL_KINDS, LOGIT_KINDS, Array, InputArray, widen
from segpost._core.device import DeviceArray
from segpost._core.errors import warn_of_input

MIN_SIDE = 16  # of a map whose sides show a stride, or whose values show which axes are the sides
MAX_BLOCK = 16  # values along each axis that are compared with their neighbors
MIN_ROUGHNESS = 1.5  # beside the others; of networks it is above 2 for the classes, else below 0.5
MIN_SLICES = 8
SLICE_STEP = 4  # slices apart differ more than neighbors do; for classes it is all the same
MIN_DRIFT = 1.5
MAX_THICKNESS = 4  # of slices, in the changes from pixel to pixel
MAX_SHAPES = 1024
_SHAPES_OF_BATCHES: set[tuple[int, ...]] = set()  # whose first array was read
MAX_ASPECT_RATIO = 3  # of maps that are not suspicious


def warn_of_class_axis(array: InputArray, class_axis: int) -> None:
    """Warn if the values of images' logits show that the other possible axis holds the classes.

    Logits change less from pixel to pixel than from class to class. A part of the first image is
    read, and only where the shape is suspicious: a map narrower than there are classes, or of an
    extreme aspect ratio, or as many classes as one of its sides.
    """
    if not _is_suspicious(array.array.shape, class_axis) or isinstance(array.array, DeviceArray):
        return
    classes, other_axis = array.array.shape[class_axis], -4 - class_axis
    block = _middle_of(array.array[0] if array.array.ndim == 4 else array.array, array.kind)
    changes = [_mean_change(block, axis) for axis in range(3)]
    of_classes = changes[other_axis]
    of_sides = max(changes[class_axis], changes[1])
    if of_classes > MIN_ROUGHNESS * of_sides:
        times = f"{of_classes / of_sides:.1f} times as much as" if of_sides else "and do not"
        warn_of_input(
            f"logits of shape {array.array.shape} are read with {classes} classes on axis "
            f"{class_axis}, but along axis {other_axis} they change {times} along the others, as "
            f"from class to class: pass axis={other_axis}"
        )


@lru_cache(maxsize=256)
def _is_suspicious(shape: tuple[int, ...], class_axis: int) -> bool:
    """Whether a shape of logits is unusual, and has values enough to decide."""
    classes, side, other = shape[-3:] if class_axis == -3 else shape[:-4:-1]
    is_narrow = other < min(classes, side)
    is_stretched = other > MAX_ASPECT_RATIO * max(classes, side)
    is_unusual = is_narrow or is_stretched or classes == side != other
    return is_unusual and min(classes, side) >= MIN_SIDE and other >= 2 and 0 not in shape


def warn_of_volume(array: InputArray, cure: str) -> None:
    """Warn if the values of a batch (N, C, H, W) show one volume of N classes and C slices.

    Slices are like their neighbors, and less like those farther away; classes are in no order.
    Images of a batch differ from each other no more than classes do, but the classes of a volume
    more than its slices. A part of the first array of each shape is read: a look at every one
    would take longer than some calls. `cure` may have the fields classes and width.
    """
    values = array.array
    shape: tuple[int, ...] = values.shape
    if len(shape) != 4 or shape[0] < 2 or shape in _SHAPES_OF_BATCHES:
        return
    if min(shape[1:]) < MIN_SLICES or isinstance(values, DeviceArray):
        return
    if len(_SHAPES_OF_BATCHES) >= MAX_SHAPES:
        _SHAPES_OF_BATCHES.clear()
    _SHAPES_OF_BATCHES.add(shape)
    block = _middle_of(values, array.kind)
    of_images, of_classes, *of_sides = (_mean_change(block, axis) for axis in range(4))
    if not (
        of_images > MIN_ROUGHNESS * of_classes
        and of_classes < MAX_THICKNESS * max(of_sides)
        and _mean_change(block, 1, SLICE_STEP) > MIN_DRIFT * of_classes
    ):
        return
    warn_of_input(
        f"logits of shape {shape} are read as {shape[0]} images of {shape[1]} classes, but they "
        f"change {of_images / of_classes if of_classes else np.inf:.1f} times as much from image "
        "to image as from class to class, and more the farther classes are apart, as a volume of "
        f"{shape[0]} classes and {shape[1]} slices does: "
        f"{cure.format(classes=shape[0], width=shape[3])}"
    )


def _middle_of(values: Array, kind: str) -> Array:
    """Return real numbers from the middle of an array."""
    middle = (slice(max(n - MAX_BLOCK, 0) // 2, (n + MAX_BLOCK) // 2) for n in values.shape)
    return widen(values[tuple(middle)], kind)


def _mean_change(block: Array, axis: int, step: int = 1) -> float:
    """Return the mean difference of values that are `step` apart along an axis."""
    along = np.moveaxis(block, axis, 0)
    with np.errstate(invalid="ignore"):  # of infinities
        return float(abs(along[step:] - along[:-step]).mean())


def holds_labels(array: InputArray) -> bool:
    """Whether floats on the CPU are whole numbers, from -1 on, of which two or more are not 0."""
    values, kind = array.array, array.kind
    if kind in LABEL_KINDS or kind not in LOGIT_KINDS or isinstance(values, DeviceArray):
        return False
    if not values.size:
        return False
    for sample in (values[..., :1, :1], values):
        real = widen(sample, kind)
        if not ((real == np.rint(real)) & (real >= -1)).all():  # not of NaN
            return False
    marks = real[real != 0]
    return bool(marks.size and marks.min() < marks.max() < np.inf)


def as_integers(labels: str, argument_type: type) -> str:
    """Return the conversion of labels that are floats."""
    return (
        f"{labels}.int()" if library_of(argument_type) == "torch" else f"{labels}.astype('int32')"
    )


def library_of(argument_type: type) -> str:
    """Return the name that examples use for the library of an array type."""
    module = argument_type.__module__.partition(".")[0]
    return module if module in ("torch", "cupy") else "np"
