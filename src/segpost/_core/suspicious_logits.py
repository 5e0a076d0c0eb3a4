"""Logits that are valid, but whose values or shape show that they mean something else."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from segpost._core.arrays import FLOAT_KINDS, LABEL_KINDS, LOGIT_KINDS, Array, InputArray, widen
from segpost._core.device import DeviceArray
from segpost._core.errors import warn_of_input

MAX_SAMPLE = 4096  # values that are read before all are
BFLOAT16_ONE = 0x3F80  # the bits of 1.0; those of negative numbers are larger
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
MAX_ANISOTROPY = 1.25  # of the steps along height and width, where another class axis fits


def may_lie_in_0_to_1(values: Array, kind: str) -> bool:
    """Whether three values may be probabilities; integers, which are quantized, may be.

    They are so few, that logits, of which most are outside 0..1, cost no pass over the data.
    """
    if kind not in FLOAT_KINDS:
        return True
    item, size = values.item, values.size
    one = BFLOAT16_ONE if kind == "bfloat16" else 1
    return bool(0 <= item(size // 2) <= one and 0 <= item(0) <= one and 0 <= item(size - 1) <= one)


def lies_in_0_to_1(array: InputArray) -> bool:
    """Whether all values are floats on the CPU in 0..1: of one, of some, and then of all."""
    values, kind = array.array, array.kind
    if kind in LABEL_KINDS or isinstance(values, DeviceArray) or not values.size:
        return False
    if not may_lie_in_0_to_1(values, kind):
        return False
    step = max(values.shape[-2] * values.shape[-1] // MAX_SAMPLE, 1)
    for sample in (values[..., ::step, :1], values):
        real = widen(sample, kind)
        if not (real.min() >= 0 and real.max() <= 1):
            return False
    return True


def warn_of_probabilities(
    array: InputArray,
    name: str,
    cure: str = "pass convention=segpost.Convention(kind='probabilities')",
) -> None:
    """Warn if the logits of a sigmoid head, for a threshold, are probabilities already.

    `name` is that of the argument.
    """
    if lies_in_0_to_1(array) and array.array.min() < array.array.max():
        warn_of_input(
            f"threshold compares the sigmoid of {name}, but all of them lie in 0..1, as after a "
            f"sigmoid, so that every pixel is above a threshold of 0.5; {cure}"
        )


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


def refuse_axis_by_size(shape: tuple[int, ...], size: tuple[int, ...], class_axis: int) -> None:
    """Raise an error where the size of the result shows that another axis holds the classes.

    Networks have one stride for height and width. `shape` is that of the caller's logits, whose
    map is not square: a square one may be that of a stretched image.

    Raises
    ------
    ValueError
        If the strides differ much as the axes were read, and are equal as they could be.
    """
    height, width = shape[-2:] if class_axis == -3 else shape[-3:-1]
    ratio = size[0] * width / (size[1] * height or 1)
    if not ratio or 1 / MAX_ANISOTROPY <= ratio <= MAX_ANISOTROPY:
        return
    other = shape[-3:-1] if class_axis == -3 else shape[-2:]
    if min(other) < MIN_SIDE or not _has_one_stride(other, size):
        return
    axis = -1 if class_axis == -3 else -3
    raise ValueError(
        f"logits of shape {shape} with {shape[class_axis]} classes on axis {class_axis} would be "
        f"resized from {height} x {width} to {size[0]} x {size[1]}, with different strides; axis "
        f"{axis} as the classes has one stride: pass axis={axis}, or axis={class_axis} if it is "
        "right"
    )


def as_integers(labels: str, argument_type: type) -> str:
    """Return the conversion of labels that are floats."""
    return (
        f"{labels}.int()" if library_of(argument_type) == "torch" else f"{labels}.astype('int32')"
    )


def library_of(argument_type: type) -> str:
    """Return the name that examples use for the library of an array type."""
    module = argument_type.__module__.partition(".")[0]
    return module if module in ("torch", "cupy") else "np"


def warn_of_transposed_size(shape: tuple[int, ...], size: tuple[int, ...]) -> None:
    """Warn where a size (H, W) has the aspect ratio of logits (h, w) only if it is transposed."""
    ratio = size[0] * shape[1] / (size[1] * shape[0] or 1)
    if not ratio or 1 / MAX_ANISOTROPY <= ratio <= MAX_ANISOTROPY or min(shape) < MIN_SIDE:
        return
    if _has_one_stride(shape, size[::-1]):
        warn_of_input(
            f"size is {size} for logits of {shape[0]} x {shape[1]}, with different strides; "
            f"transposed, it has one stride: size is (height, width), pass size={size[::-1]}"
        )


def _has_one_stride(shape: tuple[int, ...], size: tuple[int, ...]) -> bool:
    """Whether both axes have the stride of a network, as far as whole sizes show it."""
    low = max(n_out / (n_in + 1) for n_in, n_out in zip(shape, size, strict=True))
    high = min(n_out / (n_in - 1) for n_in, n_out in zip(shape, size, strict=True))
    return 1 < low < high
