"""Run lengths of many masks: the counts of one after another, and where each mask ends."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class RunLengths(NamedTuple):
    """The counts of masks of one size, in column-major order, as `segpost._core.rle` defines them.

    Mask ``i`` has ``counts[ends[i - 1]:ends[i]]``.
    """

    counts: Array  # [K] int64
    ends: Array  # [masks] int64


def runs_of_toggles(toggles: list[Array], area: int) -> RunLengths:
    """Return the runs of masks of an area, from the places in each where the value changes.

    The places are sorted, and at most the area; a place that stands twice is none.
    """
    parts = []
    for places in toggles:
        is_pair = places[1:] == places[:-1]
        if is_pair.any():
            is_kept = np.ones(places.size, np.bool_)
            is_kept[1:] &= ~is_pair
            is_kept[:-1] &= ~is_pair
            places = places[is_kept]
        end = [] if places.size and places[-1] == area else [area]
        parts.append(np.diff(np.concatenate([[0], places, end]).astype(np.int64)))
    ends = np.cumsum([part.size for part in parts], dtype=np.int64)
    return RunLengths(np.concatenate(parts) if parts else np.zeros(0, np.int64), ends)


def count_runs(
    offsets: Array, column: Array, top: Array, bottom: Array, height: int, width: int
) -> RunLengths:
    """Return the counts of regions from their runs, sorted by region, column and row.

    Parameters
    ----------
    offsets : int64 array of shape (K + 1,)
        Region k has the runs offsets[k] to offsets[k + 1] - 1, of which there is one.
    column, top, bottom : int32 arrays of shape (R,)
        The pixels of a run: rows top to bottom - 1 of a column.
    height, width : int
    """
    if len(offsets) < 2:
        return RunLengths(np.zeros(0, np.int64), np.zeros(0, np.int64))
    start = column.astype(np.int64) * height + top
    end = start + (bottom - top)
    continues = np.zeros(len(start) + 1, bool)  # the run before, over the end of its column
    continues[1:-1] = end[:-1] == start[1:]
    continues[offsets] = False
    begins, ends = ~continues[:-1], ~continues[1:]
    edges = np.stack([start[begins], end[ends]], axis=1).reshape(-1)
    places = 2 * np.concatenate([[0], np.cumsum(begins)])[offsets]
    pixels = height * width
    has_rest = edges[places[1:] - 1] < pixels
    rests = np.concatenate([[0], np.cumsum(has_rest)])
    bounds = np.full(len(edges) + rests[-1], pixels, np.int64)
    bounds[np.arange(len(edges)) + np.repeat(rests[:-1], np.diff(places))] = edges
    places = places + rests
    counts = np.diff(bounds, prepend=0)
    counts[places[:-1]] = bounds[places[:-1]]
    return RunLengths(counts, places[1:])


class _Intervals(NamedTuple):
    """Intervals of set pixels in columns of masks that stand side by side; each in one column."""

    column: Array
    start: Array  # row
    stop: Array


def keep_connected(low: RunLengths, high: RunLengths, size: tuple[int, int]) -> RunLengths:
    """Return the parts of the masks `low` that are connected to a set pixel of `high`.

    Pixels are connected to their four neighbors. Every pixel of `high` is one of `low`.

    Parameters
    ----------
    low, high : RunLengths
        Of as many masks, of this size.
    size : (H, W)

    Returns
    -------
    runs : RunLengths
    """
    height, width = size
    parts, marks = _intervals(low, size), _intervals(high, size)
    below = parts.column * height + parts.start
    has_mark = np.zeros(below.size, np.bool_)
    has_mark[np.searchsorted(below, marks.column * height + marks.start, "right") - 1] = True
    root = _components(parts, height, width)
    is_kept = np.zeros(below.size, np.bool_)
    is_kept[root[has_mark]] = True
    return _runs(_Intervals(*(field[is_kept[root]] for field in parts)), len(low.ends), size)


def _intervals(runs: RunLengths, size: tuple[int, int]) -> _Intervals:
    """Return the intervals of set pixels, in order."""
    height = size[0]
    counts, ends = runs
    owner = np.repeat(np.arange(ends.size), np.diff(ends, prepend=0))
    first = np.concatenate([[0], ends[:-1]])
    is_set = ((np.arange(counts.size) - first[owner]) & 1) == 1
    is_set &= counts > 0
    stop = np.cumsum(counts)[is_set]  # masks follow one another without a gap
    start = stop - counts[is_set]
    if not start.size:
        return _Intervals(start, start, stop)
    column, last = start // height, (stop - 1) // height
    pieces = last - column + 1
    index = np.repeat(np.arange(start.size), pieces)
    place = np.arange(index.size) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    columns = column[index] + place
    top = np.maximum(start[index] - columns * height, 0)
    bottom = np.minimum(stop[index] - columns * height, height)
    return _Intervals(columns, top, bottom)


def _components(parts: _Intervals, height: int, width: int) -> Array:
    """Return for every interval the index of the first one of its component."""
    # Keys order intervals by column and row. Neighbors overlap in rows, in the next column.
    start = parts.column * height + parts.start
    stop = parts.column * height + parts.stop
    first = np.searchsorted(stop, start + height, "right")
    last = np.searchsorted(start, stop + height, "left")
    last[(parts.column + 1) % width == 0] = 0  # the next column is of another mask
    pairs = np.maximum(last - first, 0)
    left = np.repeat(np.arange(start.size), pairs)
    right = first[left] + np.arange(left.size) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    root = np.arange(start.size)
    while left.size:
        a, b = root[left], root[right]
        is_open = a != b
        left, right = left[is_open], right[is_open]
        np.minimum.at(root, np.maximum(a, b)[is_open], np.minimum(a, b)[is_open])
        while True:  # every tree becomes flat
            above = root[root]
            if (above == root).all():
                break
            root = above
    return root


def _runs(parts: _Intervals, masks: int, size: tuple[int, int]) -> RunLengths:
    """Return the runs of intervals in order; those that touch across columns become one."""
    height, width = size
    area = height * width
    start = parts.column * height + parts.start
    stop = parts.column * height + parts.stop
    mask = parts.column // max(width, 1)
    is_joined = np.zeros(start.size, np.bool_)
    is_joined[1:] = (start[1:] == stop[:-1]) & (mask[1:] == mask[:-1])
    start, mask_of_run = start[~is_joined], mask[~is_joined]
    is_last = np.ones(stop.size, np.bool_)
    is_last[:-1] = ~is_joined[1:]
    stop = stop[is_last]
    # The counts of a mask are the differences of 0, start, stop, start, ..., area.
    runs_of_mask = np.bincount(mask_of_run, minlength=masks)
    has_tail = np.ones(masks, np.bool_)
    last_run = np.cumsum(runs_of_mask) - 1
    has_runs = runs_of_mask > 0
    has_tail[has_runs] = stop[last_run[has_runs]] < (np.flatnonzero(has_runs) + 1) * area
    lengths = 2 * runs_of_mask + has_tail
    ends = np.cumsum(lengths)
    bounds = np.empty(int(ends[-1]) if masks else 0, np.int64)
    before = np.zeros(bounds.size, np.int64)
    begin = ends - lengths
    place = begin[mask_of_run] + 2 * (
        np.arange(start.size) - (last_run - runs_of_mask + 1)[mask_of_run]
    )
    bounds[place], bounds[place + 1] = start, stop
    bounds[ends[has_tail] - 1] = (np.flatnonzero(has_tail) + 1) * area
    before[1:] = bounds[:-1]
    before[begin] = np.arange(masks) * area
    return RunLengths(bounds - before, ends)
