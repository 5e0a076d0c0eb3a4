"""The overlaps of two panoptic maps on Numba: runs of pixels, counted in a hash."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from segpost._backends.numba.threads import kernel
from segpost._backends.numba.tiles import frozen, pieces
from segpost._core.contract import Array
from segpost._core.panoptic_contract import Overlaps

BLOCK = 1 << 16  # pixels whose values are converted together
MIN_SLOTS = 1 << 12
FACTOR = np.int64(0x9E3779B97F4A7C15 - (1 << 64))
HALF = np.int64(32)


class PairTable(NamedTuple):
    """Numbers of pixels by the values of a pair: an open-addressing hash."""

    slots: Array  # the index of a pair, or -1
    values: Array  # [slots / 2, width] int64
    pixels: Array  # [slots / 2] int64
    size: Array  # [1] int64, the pairs


def count_overlaps(preds: Array, target: Array) -> Overlaps:
    """Count the pixels of every pair of a predicted and a true segment."""
    width, (height, columns) = len(preds) + len(target), preds.shape[1:]
    table = empty_table(MIN_SLOTS, width)
    rows = max(BLOCK // max(columns, 1), 1)
    block = np.empty((width, rows * columns), np.int64)
    for y0, y1 in pieces(height, rows):
        pixels = (y1 - y0) * columns
        for k, plane in enumerate((*preds, *target)):
            block[k, :pixels].reshape(y1 - y0, columns)[...] = plane[y0:y1]
        done = 0
        while done < pixels:
            done = count_pairs(frozen(block), done, pixels, *table)
            if done < pixels:  # the table is full
                more = empty_table(2 * len(table.slots), width)
                move(frozen(table.values), frozen(table.pixels), int(table.size[0]), *more)
                table = more
    size = int(table.size[0])
    values = table.values[:size]
    order = np.lexsort(values.T[::-1])
    return Overlaps(values[order], table.pixels[:size][order])


def empty_table(slots: int, width: int) -> PairTable:
    """Return a table without pairs; it is full where half of its slots are used."""
    return PairTable(
        np.full(slots, -1, np.int64),
        np.empty((slots // 2, width), np.int64),
        np.zeros(slots // 2, np.int64),
        np.zeros(1, np.int64),
    )


@kernel
def find(values: Any, column: Any, slots: Any, pairs: Any) -> Any:
    """Return the slot of a column of values, or the empty slot for its insertion."""
    mixed = np.int64(0)
    for k in range(values.shape[0]):
        mixed = (mixed ^ values[k, column]) * FACTOR
        mixed ^= mixed >> HALF
    slot = mixed & (slots.size - 1)
    while slots[slot] >= 0:
        same = True
        for k in range(values.shape[0]):
            same &= pairs[slots[slot], k] == values[k, column]
        if same:
            return slot
        slot = (slot + 1) & (slots.size - 1)
    return slot


@kernel
def count_pairs(
    values: Any, start: Any, stop: Any, slots: Any, pairs: Any, pixels: Any, size: Any
) -> Any:
    """Add runs of equal columns; return where it stopped, because the table was full or it ended.

    `values` are [width, pixels].
    """
    x = start
    while x < stop:
        if size[0] == pixels.size:
            return x
        end = x + 1
        while end < stop:
            same = True
            for k in range(values.shape[0]):
                same &= values[k, end] == values[k, x]
            if not same:
                break
            end += 1
        slot = find(values, x, slots, pairs)
        if slots[slot] < 0:
            slots[slot] = size[0]
            for k in range(values.shape[0]):
                pairs[size[0], k] = values[k, x]
            size[0] += 1
        pixels[slots[slot]] += end - x
        x = end
    return x


@kernel
def move(
    values: Any, counts: Any, count: Any, slots: Any, pairs: Any, pixels: Any, size: Any
) -> None:
    """Add pairs, all of them different, to an empty table."""
    for i in range(count):
        slot = find(values[i : i + 1].T, 0, slots, pairs)
        slots[slot] = i
        pixels[i] = counts[i]
        for k in range(values.shape[1]):
            pairs[i, k] = values[i, k]
    size[0] = count
