"""Sizes and logits whose height and width are exchanged, or whose classes are on another axis."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from segpost._core.arrays import Array, widen
from segpost._core.contract import Logits
from segpost._core.device import DeviceArray
from segpost._core.errors import warn_of_input
from segpost._core.suspicious_logits import MIN_SIDE

MAX_ANISOTROPY = 1.25  # of the steps along height and width, where another class axis fits
GRID = 32  # points along each axis at which labels are compared
MIN_VARIANCE_SHARE = 0.02  # of what is left, by which an image shows which axes are right
MIN_AGREEMENT = 0.02  # share of the points, by which a target shows it
CURE_OF_SIDES = (
    "are height and width of one of them exchanged? Of the logits pass logits.swapaxes({axes}); "
    "this is right if the network saw the image stretched, as a portrait in a landscape input"
)


def check_sides(
    shape: tuple[int, ...],
    size: tuple[int, ...],
    logits_shape: tuple[int, ...] | None,
    *,
    confirmed: bool = False,
) -> None:
    """Refuse, or warn of, a size (H, W) for which logits (h, w) have different strides.

    Networks have one stride for height and width: these may be exchanged in the size, or another
    axis may hold the classes. `shape` is not square, which may be that of a stretched image.
    `logits_shape` is that of the caller's logits if nobody has said which axis holds the classes:
    the one before the last two. A size that is `confirmed` by an image is not exchanged.

    Raises
    ------
    ValueError
        If the strides differ much as the axes were read, and are equal as they could be.
    """
    ratio = size[0] * shape[1] / (size[1] * shape[0] or 1)
    if not ratio or 1 / MAX_ANISOTROPY <= ratio <= MAX_ANISOTROPY:
        return
    if logits_shape is not None:
        _refuse_axis(logits_shape, size)
    if not confirmed and fits_transposed(shape, size):
        warn_of_input(
            f"size is {size} for logits of {shape[0]} x {shape[1]}, with different strides; "
            f"transposed, it has one stride: size is (height, width), pass size={size[::-1]}"
        )


def _refuse_axis(shape: tuple[int, ...], size: tuple[int, ...]) -> None:
    """Raise an error where the last axis is that of the classes."""
    height, width = shape[-2:]
    other = shape[-3:-1]
    if min(other) >= MIN_SIDE and _has_one_stride(other, size):
        raise ValueError(
            f"logits of shape {shape} with {shape[-3]} classes on axis -3 would be resized from "
            f"{height} x {width} to {size[0]} x {size[1]}, with different strides; axis -1 as the "
            "classes has one stride: pass axis=-1, or axis=-3 if it is right"
        )


def warn_of_transposed_window(shape: tuple[int, ...], window: tuple[int, int]) -> None:
    """Warn where the size (H, W) of a window is that of logits (h, w) only if it is transposed."""
    if fits_transposed(shape, window):
        warn_of_input(
            f"logits of {shape[0]} x {shape[1]} have different strides for a window of "
            f"{window[0]} x {window[1]}, and one if they are transposed: sizes are (height, "
            "width), and logits of (width, height) become logits.swapaxes(-2, -1)"
        )


def warn_by_image(logits: Logits, image: Array, class_axis: int) -> None:
    """Warn where logits fit the size of an image (N, H, W, 3) only if they are transposed.

    Networks whose input has a fixed size give such logits for an image of the other orientation.
    The colors show it, if the labels as they are explain them better than the transposed ones.
    """
    size = image.shape[1:3]
    if not fits_transposed(logits.values.shape[2:], size) or isinstance(image, DeviceArray):
        return
    colors = _at_points(image[0].transpose(2, 0, 1)).astype(np.float64).reshape(3, -1)

    def is_right(labels: Array) -> bool:
        as_is, transposed = (_variance_left(colors, part) for part in (labels, labels.T))
        return as_is < (1 - MIN_VARIANCE_SHARE) * transposed

    _warn_of_sides(logits, size, "an image", is_right, class_axis)


def warn_by_target(logits: Logits, target: Array, class_axis: int) -> None:
    """Warn where logits fit the size of a target (..., H, W) only if they are transposed.

    The labels show whether they do, where a network's input has a fixed size: those as they are
    agree with the target more often.
    """
    size = target.shape[-2:]
    if not fits_transposed(logits.values.shape[2:], size) or isinstance(target, DeviceArray):
        return
    points = _at_points(target[(0,) * (target.ndim - 2)][None])[0]

    def is_right(labels: Array) -> bool:
        as_is, transposed = (float((part == points).mean()) for part in (labels, labels.T))
        return as_is > transposed + MIN_AGREEMENT

    _warn_of_sides(logits, size, "a target", is_right, class_axis)


def fits_transposed(shape: tuple[int, ...], size: tuple[int, ...]) -> bool:
    """Whether logits (h, w) have one stride for a size (H, W) if they are transposed, else two."""
    ratio = size[0] * shape[1] / (size[1] * shape[0] or 1)
    if not ratio or 1 / MAX_ANISOTROPY <= ratio <= MAX_ANISOTROPY or min(shape) < MIN_SIDE:
        return False
    return shape == size[::-1] or _has_one_stride(shape, size[::-1])


def _has_one_stride(shape: tuple[int, ...], size: tuple[int, ...]) -> bool:
    """Whether both axes have the stride of a network, as far as whole sizes show it."""
    low = max(n_out / (n_in + 1) for n_in, n_out in zip(shape, size, strict=True))
    high = min(n_out / (n_in - 1) for n_in, n_out in zip(shape, size, strict=True))
    return 1 < low < high


def _warn_of_sides(
    logits: Logits,
    size: tuple[int, ...],
    what: str,
    is_right: Callable[[Array], bool],
    class_axis: int,
) -> None:
    """Warn of exchanged sides of logits, unless their labels at points show that they are right."""
    values = logits.values
    if isinstance(values, DeviceArray):
        return
    points = widen(_at_points(values[0]), logits.kind)
    threshold = logits.threshold if logits.threshold is not None else 0
    labels = points.argmax(axis=0) if len(points) > 1 else points[0] > threshold
    if (labels == labels.T).all() or is_right(labels):
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
