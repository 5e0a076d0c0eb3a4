"""Label maps that are valid, but whose values show that they mean something else."""

from __future__ import annotations

import math

from segpost._core.arrays import Array
from segpost._core.device import DeviceArray
from segpost._core.errors import warn_of_input

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
