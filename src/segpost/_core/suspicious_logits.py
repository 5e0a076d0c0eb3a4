"""Logits that are valid, but whose values or shape show that they mean something else."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from segpost._core.arrays import LABEL_KINDS, LOGIT_KINDS, Array, InputArray, widen
from segpost._core.contract import Logits
from segpost._core.device import DeviceArray
from segpost._core.errors import warn_of_input
from segpost._core.suspicious_sizes import MIN_SIDE, fits_transposed

MAX_BLOCK = 16  # values along each axis that are compared with their neighbors
MIN_ROUGHNESS = 1.5  # beside the others; of networks it is above 2 for the classes, else below 0.5
MIN_SLICES = 8
SLICE_STEP = 4  # slices apart differ more than neighbors do; for classes it is all the same
MIN_DRIFT = 1.5
MAX_THICKNESS = 4  # of slices, in the changes from pixel to pixel
MAX_SHAPES = 1024
_RIGHT_SIDES: dict[tuple[Any, ...], bool] = {}  # of logits and of results: all are right
_SUSPICIOUS_SHAPES: dict[tuple[Any, ...], bool] = {}  # whether they are, once an array was read
MIN_PERIOD = 4  # classes; two and three have periods of textures
PERIODS = 64  # that are read
MIN_REPETITION = 2.0  # times the change after a period
MAX_ASPECT_RATIO = 3  # of maps that are not suspicious
GRID = 32  # points along each axis at which labels are compared
MIN_EVIDENCE = 1.1  # product of two ratios, by which an image shows which axes are right
MIN_AGREEMENT = 0.02  # share of the points, by which a target shows it
CURE_OF_SIDES = (
    "are height and width of one of them exchanged? Of the logits pass logits.swapaxes({axes}); "
    "this is right if the network saw the image stretched, as a portrait in a landscape input"
)


def volume_cure(size: object) -> str:
    """Return the cure of a volume that is read as images, of a size or None."""
    how = "pass volume=True"
    if size is not None:
        how = "pass size=(depth, height, width)"
    return f"{how}, or axis=-3 if these are images"


def warn_of_layout(array: InputArray, class_axis: int, volume_cure: str = "") -> None:
    """Warn if the values of images' logits show that their axes have another meaning.

    They are those of another class axis, of channels last that were reshaped, or, where there is
    a cure of it, of one volume. Of a shape that is not suspicious the first array is read: a look
    at every one would take longer than some calls. The cure may have the fields classes and width.
    """
    values = array.array
    key = values.shape, class_axis, volume_cure
    is_suspicious = _SUSPICIOUS_SHAPES.get(key)
    if is_suspicious is False or isinstance(values, DeviceArray):
        return
    is_first = is_suspicious is None
    if is_first:
        is_suspicious = _is_suspicious(values.shape, class_axis)
        _remember(key, is_suspicious, _SUSPICIOUS_SHAPES)
    if is_suspicious:
        _warn_of_class_axis(array, class_axis)
    if is_first:
        if class_axis == -3:
            _warn_of_reshape(array)
        if volume_cure:
            _warn_of_volume(array, volume_cure)


def warn_of_volume_axis(array: InputArray, class_axis: int) -> None:
    """Warn if the values of volumes' logits show that the other possible axis holds the classes.

    The shape is suspicious if that axis is shorter than all others. Then a part of the first volume
    is read: along the axis of the classes it changes more than along the others.
    """
    values = array.array
    other_axis = -5 - class_axis
    sides = [values.shape[axis] for axis in range(-4, 0) if axis != other_axis]
    if not 2 <= values.shape[other_axis] < min(sides) or isinstance(values, DeviceArray):
        return
    if min(sides) < MIN_SLICES:
        return
    block = _middle_of(values[0] if values.ndim == 5 else values, array.kind)
    changes = {axis: _mean_change(block, axis) for axis in range(-4, 0)}
    of_classes = changes.pop(other_axis)
    if of_classes > MIN_ROUGHNESS * max(changes.values()):
        warn_of_input(
            f"logits of shape {values.shape} are read as volumes of {values.shape[class_axis]} "
            f"classes on axis {class_axis}, but along axis {other_axis}, which is the shortest, "
            f"they change most, as from class to class: pass axis={other_axis}"
        )


def _warn_of_class_axis(array: InputArray, class_axis: int) -> None:
    """Warn if logits change less from class to class than from pixel to pixel.

    A part of the first image is read.
    """
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


def _is_suspicious(shape: tuple[int, ...], class_axis: int) -> bool:
    """Whether a shape of logits is unusual, and has values enough to decide."""
    classes, side, other = shape[-3:] if class_axis == -3 else shape[:-4:-1]
    is_narrow = other < min(classes, side)
    is_stretched = other > MAX_ASPECT_RATIO * max(classes, side)
    is_unusual = is_narrow or is_stretched or classes == side != other
    return is_unusual and min(classes, side) >= MIN_SIDE and other >= 2 and 0 not in shape


def _warn_of_volume(array: InputArray, cure: str) -> None:
    """Warn if the values of a batch (N, C, H, W) show one volume of N classes and C slices.

    Slices are like their neighbors, and less like those farther away; classes are in no order.
    Images of a batch differ from each other no more than classes do, but the classes of a volume
    more than its slices. A part of the array is read.
    """
    shape: tuple[int, ...] = array.array.shape
    if len(shape) != 4 or shape[0] < 2 or min(shape[1:]) < MIN_SLICES:
        return
    block = _middle_of(array.array, array.kind)
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


def _warn_of_reshape(array: InputArray) -> None:
    """Warn if logits (..., C, H, W) repeat with a period of C, as those with channels last.

    Channels last that were reshaped, not transposed, have the classes of a pixel side by side. The
    period of a texture is another one, or a divisor of it. A part of the array is read.
    """
    values = array.array
    shape: tuple[int, ...] = values.shape
    classes, size = shape[-3], math.prod(shape[-3:])
    if classes < MIN_PERIOD or min(shape[-2:]) < MIN_SIDE:
        return
    if not values.size or not values.flags.c_contiguous:
        return
    start = size // 2
    block = widen(values.reshape(-1)[start : min(start + PERIODS * classes, size)], array.kind)
    of_period = MIN_REPETITION * _mean_change(block, 0, classes)
    others = (1, 2, classes - 2, classes - 1, classes + 1)
    if all(_mean_change(block, 0, step) > of_period for step in others):
        warn_of_input(
            f"logits of shape {shape} repeat with every {classes} values along a row, as logits "
            "(..., H, W, C) do that were reshaped: pass those with axis=-1, or move the axis, "
            "np.moveaxis(logits, -1, -3)"
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


def warn_by_image(logits: Logits, image: Array, class_axis: int) -> None:
    """Warn where logits fit the size of an image (N, H, W, 3) only if they are transposed.

    Networks whose input has a fixed size give such logits for an image of the other orientation.
    The colors show it, if the labels as they are explain them better than the transposed ones, and
    change where the colors do: light alone explains some colors of a photograph.
    """
    size = image.shape[1:3]
    if not _may_be_exchanged(logits, size, image):
        return
    colors = _at_points(image[0].transpose(2, 0, 1)).astype(np.float64).reshape(3, -1)

    def is_right(labels: Array) -> bool:
        as_is, transposed = (_variance_left(colors, part) for part in (labels, labels.T))
        edges_as_is, edges_transposed = (_contrast(colors, part) for part in (labels, labels.T))
        return MIN_EVIDENCE * as_is * edges_transposed < transposed * edges_as_is

    _warn_of_sides(logits, size, "an image", is_right, class_axis)


def warn_by_target(logits: Logits, target: Array, class_axis: int) -> None:
    """Warn where logits fit the size of a target (..., H, W) only if they are transposed.

    The labels show whether they do, where a network's input has a fixed size: those as they are
    agree with the target more often.
    """
    size = target.shape[-2:]
    if not _may_be_exchanged(logits, size, target):
        return
    points = _at_points(target[(0,) * (target.ndim - 2)][None])[0]

    def is_right(labels: Array) -> bool:
        as_is, transposed = (float((part == points).mean()) for part in (labels, labels.T))
        return as_is > transposed + MIN_AGREEMENT

    _warn_of_sides(logits, size, "a target", is_right, class_axis)


def _remember(shape: tuple[Any, ...], fact: bool, facts: dict[tuple[Any, ...], bool]) -> None:
    """Add a fact of a shape to a dict of limited size."""
    if len(facts) >= MAX_SHAPES:
        facts.clear()
    facts[shape] = fact


def _may_be_exchanged(logits: Logits, size: tuple[int, ...], shown: Array) -> bool:
    """Whether logits fit a size if they are transposed, and no image or target showed otherwise.

    Of the others, and of those on a device, no value is read.
    """
    shape = logits.values.shape[2:]
    if not fits_transposed(shape, size) or (shape, size) in _RIGHT_SIDES:
        return False
    are_on_cpu = not (isinstance(shown, DeviceArray) or isinstance(logits.values, DeviceArray))
    return are_on_cpu and shown.size > 0 and logits.values.size > 0


def _warn_of_sides(
    logits: Logits,
    size: tuple[int, ...],
    what: str,
    is_right: Callable[[Array], bool],
    class_axis: int,
) -> None:
    """Warn of exchanged sides of logits, unless their labels at points show that they are right."""
    values = logits.values
    points = widen(_at_points(values[0]), logits.kind)
    threshold = logits.threshold if logits.threshold is not None else 0
    labels = points.argmax(axis=0) if len(points) > 1 else points[0] > threshold
    if (labels == labels.T).all():
        return
    if is_right(labels):
        _remember((values.shape[2:], size), True, _RIGHT_SIDES)
        return
    height, width = values.shape[2:]
    axes = "-2, -1" if class_axis == -3 else "-3, -2"
    warn_of_input(
        f"logits of {height} x {width} have different strides for {what} of {size[0]} x "
        f"{size[1]}, and one if they are transposed: {CURE_OF_SIDES.format(axes=axes)}"
    )


def _at_points(planes: Array) -> Array:
    """Return the values of planes (C, H, W) at a square grid of points."""
    rows, columns = ((2 * np.arange(GRID) + 1) * side // (2 * GRID) for side in planes.shape[1:])
    return np.asarray(planes[:, rows[:, None], columns])


def _variance_left(colors: Array, labels: Array) -> float:
    """Return the sum of squared distances of colors (3, n) from the mean color of their label."""
    _, index = np.unique(labels.reshape(-1), return_inverse=True)
    counts = np.bincount(index)
    left = 0.0
    for channel in colors:
        means = np.bincount(index, channel) / counts
        left += float(np.square(channel - means[index]).sum())
    return left


def _contrast(colors: Array, labels: Array) -> float:
    """Return the mean difference of colors (3, n) of neighbors that have different labels."""
    planes, total, count = colors.reshape(-1, *labels.shape), 0.0, 0
    for axis in (0, 1):
        is_edge = np.diff(labels, axis=axis) != 0
        total += float(abs(np.diff(planes, axis=axis + 1))[:, is_edge].sum())
        count += int(is_edge.sum())
    return total / max(count, 1)
