"""Label maps that are valid, but whose values show that they mean something else."""

from __future__ import annotations

import math

from segpost._core.arrays import Array
from segpost._core.device import DeviceArray, context_of
from segpost._core.errors import warn_of_input

MIN_PIXELS = 16  # of one-hot labels that are no coincidence
VOID = 255
MASK_BYTES = b"\x00\xff"  # of which masks consist, whatever their type
MIN_SHARE = 0.02  # of a mask, and of what is around it
CORNER = 8  # parts of a side that a corner has


def warn_of_mask(labels: Array, name: str, reason: str) -> None:
    """Warn if labels (..., H, W) are a mask of 0 and 255 where 255 is ignored, for a `reason`.

    Void is around a picture or between objects; a mask leaves the corners free. A value and three
    rows of the first map are read; if these are of a mask, all maps.
    """
    size = labels.size
    if isinstance(labels, DeviceArray) or not size or labels.item(size >> 1) not in (0, VOID):
        return
    if labels.ndim < 2:
        return
    first = labels if labels.ndim == 2 else labels[(0,) * (labels.ndim - 2)]
    step = max(len(first) // 4, 1)
    rows = first[step - 1 :: step].tobytes()
    if VOID not in rows or rows.strip(MASK_BYTES) or not _is_mask(labels):
        return
    warn_of_input(
        f"the only values of {name}, of shape {labels.shape}, are 0 and 255, as of masks, but "
        f"{reason}: for masks pass {name} // 255"
    )


def _is_mask(labels: Array) -> bool:
    """Whether maps hold 0 and 255 only, both often, and no corner of 255."""
    is_set = labels == VOID
    if not (is_set | (labels == 0)).all() or not MIN_SHARE <= is_set.mean() <= 1 - MIN_SHARE:
        return False
    rows, columns = (math.ceil(side / CORNER) for side in labels.shape[-2:])
    return not any(
        is_set[..., y, x].all(axis=(-2, -1)).any()
        for y in (slice(rows), slice(-rows, None))
        for x in (slice(columns), slice(-columns, None))
    )


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
