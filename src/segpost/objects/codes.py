"""COCO run-length codes of regions, from their runs and back."""

from __future__ import annotations

import numpy as np

from segpost._backends import registry
from segpost._backends.codes import compress_each
from segpost._core.contract import Array
from segpost._core.rle import Rle
from segpost.objects.run_table import RunTable


def encode_regions(table: RunTable) -> list[Rle]:
    """Return the run-length code of every region."""
    height, width = table.size
    texts = compress_each(*region_counts(table))
    return [{"size": [height, width], "counts": text} for text in texts]


def region_counts(table: RunTable) -> tuple[Array, Array]:
    """Return the counts of all regions, one after the other, and where those of each end.

    Counts are lengths of 0 and 1, in turn, in column-major order.
    """
    runs = table.offsets, table.column, table.top, table.bottom
    return registry.host_backend().count_runs(*runs, *table.size)


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
