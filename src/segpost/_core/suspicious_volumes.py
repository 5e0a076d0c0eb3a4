"""Sizes of volumes that are valid, but fit the logits only if axes have another order."""

from __future__ import annotations

from segpost._core.errors import warn_of_input
from segpost._core.suspicious_logits import MIN_SLICES
from segpost._core.suspicious_sizes import MAX_ANISOTROPY, has_one_stride

Sides = tuple[int, ...]


def warn_of_volume_sides(
    shape: Sides, class_axis: int, size: Sides, *, is_axis_default: bool
) -> None:
    """Warn of a size (D, H, W) for which logits have one stride in another order of axes alone.

    Scans are anisotropic, so that different strides are no mistake by themselves. The other orders
    are x, y, z, as nibabel has arrays, and the classes on the other end.

    Parameters
    ----------
    shape : tuple of int
        Of the caller's logits, (C, d, h, w) or (N, C, d, h, w), or with the classes last.
    class_axis : int
        -4 or -1.
    size : (D, H, W)
    is_axis_default : bool
        Whether nobody has said which axis holds the classes.
    """
    first, last = shape[-3:], shape[-4:-1]
    grid, other = (first, last) if class_axis == -4 else (last, first)
    if 0 in (*grid, *size) or _has_equal_steps(grid, size):
        return
    was = f"logits of shape {shape} get the size {size}, with different strides"
    if _fits(grid, size[::-1]):
        axes = "-3, -1" if class_axis == -4 else "-4, -2"
        warn_of_input(
            f"{was}; in the order x, y, z it has one: sizes are (depth, height, width), pass "
            f"size={size[::-1]}, or logits.swapaxes({axes}) if these are x, y, z"
        )
    elif is_axis_default and _fits(other, size):
        warn_of_input(
            f"{was}, as {shape[class_axis]} classes on axis {class_axis}; with the classes on axis "
            f"{-5 - class_axis} they have one: pass axis={-5 - class_axis}"
        )


def _has_equal_steps(grid: Sides, size: Sides) -> bool:
    """Whether the steps along all axes are about equal."""
    steps = [n_out / n_in for n_in, n_out in zip(grid, size, strict=True)]
    return max(steps) <= MAX_ANISOTROPY * min(steps)


def _fits(grid: Sides, size: Sides) -> bool:
    """Whether all axes have one stride, as far as whole sizes show it."""
    return grid == size or (min(grid) >= MIN_SLICES and has_one_stride(grid, size))
