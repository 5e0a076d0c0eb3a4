"""COCO run-length codes of regions, from their runs and back."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from segpost._core import rle
from segpost._core.contract import Array
from segpost._core.rle import Rle
from segpost.objects.run_table import RunTable


def encode_regions(table: RunTable) -> list[Rle]:
    """Return the run-length code of every region."""
    height, width = table.size
    return [
        {"size": [height, width], "counts": rle.compress_counts(counts)}
        for counts in region_counts(table)
    ]


def region_counts(table: RunTable) -> Iterator[Array]:
    """Yield the counts of every region: lengths of 0 and 1, in turn, in column-major order."""
    height, width = table.size
    if not len(table.labels):
        return
    start = table.column.astype(np.int64) * height + table.top
    end = start + table.length
    region = table.region
    continues = np.zeros(len(start) + 1, bool)  # the run before, over the end of its column
    continues[1:-1] = (end[:-1] == start[1:]) & (region[:-1] == region[1:])
    begins, ends = ~continues[:-1], ~continues[1:]
    edges = np.empty((np.count_nonzero(begins), 2), np.int64)
    edges[:, 0], edges[:, 1] = start[begins], end[ends]
    offsets = np.concatenate([[0], np.cumsum(begins)])[table.offsets]
    pixels = height * width
    for first, last in pairwise(offsets.tolist()):
        places = edges[first:last].reshape(-1)
        tail = [] if places[-1] == pixels else [pixels]
        yield np.diff(np.concatenate([[0], places, tail]).astype(np.int64))


def runs_of_counts(counts: Array, height: int) -> tuple[Array, Array, Array]:
    """Return column, top and bottom of the runs of a mask, each within one column."""
    ends = np.cumsum(counts)
    starts, ends = ends[:-1:2], ends[1::2]
    starts = starts[: len(ends)]
    is_run = ends > starts
    starts, ends = starts[is_run], ends[is_run]
    first, last = starts // height, (ends - 1) // height
    columns = last - first + 1
    index = np.concatenate([[0], np.cumsum(columns)])
    column = np.arange(index[-1]) + np.repeat(first - index[:-1], columns)
    run = np.repeat(np.arange(len(starts)), columns)
    top = np.maximum(starts[run] - column * height, 0)
    bottom = np.minimum(ends[run] - column * height, height)
    return column.astype(np.int32), top.astype(np.int32), bottom.astype(np.int32)
