"""The pixels that pairs of regions share, from their runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.threads import kernel
from segpost._core.contract import Array


def count_shared_pixels(
    region: Array,
    other: Array,
    offsets: Array,
    column: Array,
    top: Array,
    bottom: Array,
    other_offsets: Array,
    other_column: Array,
    other_top: Array,
    other_bottom: Array,
) -> Array:
    """Return the pixels that both regions of every pair have."""
    pixels = np.zeros(len(region), np.int64)
    others = other_offsets, other_column, other_top, other_bottom
    add_shared_pixels(region, other, offsets, column, top, bottom, *others, pixels)
    return pixels


@kernel
def add_shared_pixels(
    region: Any,
    other: Any,
    offsets: Any,
    column: Any,
    top: Any,
    bottom: Any,
    other_offsets: Any,
    other_column: Any,
    other_top: Any,
    other_bottom: Any,
    pixels: Any,
) -> None:
    """Add the pixels that both regions of every pair have, run by run."""
    for pair in range(len(region)):
        a, last = offsets[region[pair]], offsets[region[pair] + 1]
        b, other_last = other_offsets[other[pair]], other_offsets[other[pair] + 1]
        if a == last or b == other_last:
            continue
        if column[last - 1] < other_column[b] or other_column[other_last - 1] < column[a]:
            continue
        total = 0
        while a < last and b < other_last:
            x, other_x = column[a], other_column[b]
            if x == other_x:
                shared = min(bottom[a], other_bottom[b]) - max(top[a], other_top[b])
                total += max(shared, 0)
            if x < other_x or (x == other_x and bottom[a] < other_bottom[b]):
                a += 1
            else:
                b += 1
        pixels[pair] = total
