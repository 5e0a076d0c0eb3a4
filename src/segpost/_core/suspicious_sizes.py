"""Sizes that are valid, but fit the array that is resized only with their sides exchanged."""

from __future__ import annotations

from segpost._core.errors import warn_of_input

MIN_SIDE = 16  # of a map whose sides show a stride, or whose values show which axes are the sides
MAX_ANISOTROPY = 1.25  # of the steps along height and width, where another class axis fits


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
    if _has_equal_steps(shape, size):
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
    if min(other) >= MIN_SIDE and has_one_stride(other, size):
        raise ValueError(
            f"logits of shape {shape} with {shape[-3]} classes on axis -3 would be resized from "
            f"{height} x {width} to {size[0]} x {size[1]}, with different strides; axis -1 as the "
            "classes has one stride: pass axis=-1, or axis=-3 if it is right"
        )


def warn_of_label_size(shape: tuple[int, ...], size: tuple[int, ...]) -> None:
    """Warn of a size (H, W) that has the aspect ratio of label maps (h, w) only if transposed."""
    if fits_transposed(shape, size) or fits_transposed(size, shape):
        warn_of_input(
            f"size is {size} for labels of {shape[0]} x {shape[1]}, which would be stretched; "
            f"transposed, it has their aspect ratio: size is (height, width), pass "
            f"size={size[::-1]}; ignore this if the network saw the image stretched, as a "
            "portrait in a landscape input"
        )


def warn_of_transposed_window(shape: tuple[int, ...], window: tuple[int, int]) -> None:
    """Warn where the size (H, W) of a window is that of logits (h, w) only if it is transposed."""
    if fits_transposed(shape, window):
        warn_of_input(
            f"logits of {shape[0]} x {shape[1]} have different strides for a window of "
            f"{window[0]} x {window[1]}, and one if they are transposed: sizes are (height, "
            "width), and logits of (width, height) become logits.swapaxes(-2, -1)"
        )


def fits_transposed(shape: tuple[int, ...], size: tuple[int, ...]) -> bool:
    """Whether logits (h, w) have one stride for a size (H, W) if they are transposed, else two."""
    if _has_equal_steps(shape, size) or min(shape) < MIN_SIDE:
        return False
    return shape == size[::-1] or has_one_stride(shape, size[::-1])


def _has_equal_steps(shape: tuple[int, ...], size: tuple[int, ...]) -> bool:
    """Whether the steps along height and width are about equal, or there are none."""
    ratio = size[0] * shape[1] / (size[1] * shape[0] or 1)
    return not ratio or 1 / MAX_ANISOTROPY <= ratio <= MAX_ANISOTROPY


def has_one_stride(shape: tuple[int, ...], size: tuple[int, ...]) -> bool:
    """Whether both axes have the stride of a network, as far as whole sizes show it."""
    low = max(n_out / (n_in + 1) for n_in, n_out in zip(shape, size, strict=True))
    high = min(n_out / (n_in - 1) for n_in, n_out in zip(shape, size, strict=True))
    return 1 < low < high
