"""COCO run-length codes of regions, from their runs and back."""

from __future__ import annotations

import numpy as np

from segpost._core.contract import Array
from segpost._core.rle import Rle, compress_each
from segpost.objects.run_table import RunTable


def encode_regions(table: RunTable) -> list[Rle]:
    """Return the run-length code of every region."""
    height, width = table.size
    counts, offsets = region_counts(table)
    texts = compress_each(counts, offsets[1:])
    return [{"size": [height, width], "counts": text} for text in texts]


def region_counts(table: RunTable) -> tuple[Array, Array]:
    """Return the counts of all regions, one after the other, and where those of each begin.

    Counts are lengths of 0 and 1, in turn, in column-major order.
    """
    height, width = table.size
    if not len(table.labels):
        return np.zeros(0, np.int64), np.zeros(1, np.int64)
    start = table.column.astype(np.int64) * height + table.top
    end = start + table.length
    continues = np.zeros(len(start) + 1, bool)  # the run before, over the end of its column
    continues[1:-1] = end[:-1] == start[1:]
    continues[table.offsets] = False
    begins, ends = ~continues[:-1], ~continues[1:]
    edges = np.stack([start[begins], end[ends]], axis=1).reshape(-1)
    offsets = 2 * np.concatenate([[0], np.cumsum(begins)])[table.offsets]
    pixels = height * width
    has_rest = edges[offsets[1:] - 1] < pixels
    rests = np.concatenate([[0], np.cumsum(has_rest)])
    places = np.full(len(edges) + rests[-1], pixels, np.int64)
    places[np.arange(len(edges)) + np.repeat(rests[:-1], np.diff(offsets))] = edges
    offsets = offsets + rests
    counts = np.diff(places, prepend=0)
    counts[offsets[:-1]] = places[offsets[:-1]]
    return counts, offsets


def runs_of_counts(counts: Array, height: int) -> tuple[Array, Array, Array]:
    """Return column, top and bottom of the runs of a mask, each within one column.

    A count of 0 within a code ends no run.
    """
    ends = np.cumsum(counts)
    starts, ends = ends[:-1:2], ends[1::2]
    starts = starts[: len(ends)]
    is_run = ends > starts
    starts, ends = starts[is_run], ends[is_run]
    has_gap = starts[1:] != ends[:-1]
    count = len(starts)
    starts, ends = starts[np.append(True, has_gap)[:count]], ends[np.append(has_gap, True)[:count]]
    first, last = starts // height, (ends - 1) // height
    columns = last - first + 1
    index = np.concatenate([[0], np.cumsum(columns)])
    column = np.arange(index[-1]) + np.repeat(first - index[:-1], columns)
    run = np.repeat(np.arange(len(starts)), columns)
    top = np.maximum(starts[run] - column * height, 0)
    bottom = np.minimum(ends[run] - column * height, height)
    return column.astype(np.int32), top.astype(np.int32), bottom.astype(np.int32)
