"""Labels that are one-hot: an axis of 0 and 1 for every class."""

from __future__ import annotations

from segpost._core.arrays import Array
from segpost._core.device import context_of

MIN_PIXELS = 16  # that are no coincidence


def find_one_hot_axis(labels: Array, classes: int) -> int | None:
    """Return the axis, -3 or -1, along which integers on the CPU are one-hot; None without one.

    It is as long as there are classes.
    """
    if labels.ndim < 3 or classes < 2 or classes not in (labels.shape[-3], labels.shape[-1]):
        return None
    if (
        labels.size < classes * MIN_PIXELS
        or not context_of(labels).on_cpu
        or labels.dtype.kind not in "iu"
    ):
        return None
    for axis in (-3, -1):
        if labels.shape[axis] == classes and _is_one_hot(labels, axis):
            return axis
    return None


def _is_one_hot(labels: Array, axis: int) -> bool:
    """Whether labels are 0 and 1 and sum to 1 along an axis: first at a pixel, then everywhere."""
    pixels = labels.swapaxes(axis, -1)
    for sample in (pixels[(0,) * (pixels.ndim - 1)], pixels):
        if not sample.size or sample.min() != 0 or sample.max() != 1:
            return False
        if not (sample.sum(axis=-1) == 1).all():
            return False
    return True
