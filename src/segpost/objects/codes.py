"""COCO run-length codes of regions, from their runs and back."""

from __future__ import annotations

from typing import NamedTuple

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


class MaskRuns(NamedTuple):
    """The runs of masks of one size, which may overlap, and of which some may be empty."""

    size: tuple[int, int]
    offsets: Array  # [N + 1] int64: mask k has the runs offsets[k] to offsets[k + 1] - 1
    column: Array  # [R] int32, as in RunTable
    top: Array
    bottom: Array

    @property
    def runs(self) -> tuple[Array, Array, Array, Array]:
        """Offsets, columns, tops and bottoms."""
        return self.offsets, self.column, self.top, self.bottom

    @property
    def areas(self) -> Array:
        """The pixels of every mask, int64."""
        pixels = np.concatenate([[0], np.cumsum(self.bottom.astype(np.int64) - self.top)])
        return np.diff(pixels[self.offsets])


def runs_of_codes(counts: Array, ends: Array, size: tuple[int, int]) -> MaskRuns:
    """Return the runs of masks from their counts, which are as in `RunLengths`.

    A count of 0 within a code ends no run.
    """
    height, width = size
    masks = len(ends)
    begins = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    owner = np.repeat(np.arange(masks), ends - begins)
    is_run = ((np.arange(len(counts)) - begins[owner]) & 1 == 1) & (counts > 0)
    stop = np.cumsum(counts)[is_run]  # masks follow one another without a gap
    start, mask = stop - counts[is_run], owner[is_run]
    if not len(start):
        empty = np.zeros(0, np.int32)
        return MaskRuns(size, np.zeros(masks + 1, np.int64), empty, empty, empty)
    has_gap = (start[1:] != stop[:-1]) | (mask[1:] != mask[:-1])
    is_first, is_last = np.append(True, has_gap), np.append(has_gap, True)
    start, stop, mask = start[is_first], stop[is_last], mask[is_first]
    first, last = start // height, (stop - 1) // height
    pieces = last - first + 1
    index = np.concatenate([[0], np.cumsum(pieces)])
    run = np.repeat(np.arange(len(start)), pieces)
    column = np.arange(index[-1]) + (first - index[:-1])[run]
    top = np.maximum(start[run] - column * height, 0)
    bottom = np.minimum(stop[run] - column * height, height)
    mask = mask[run]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(mask, minlength=masks))])
    runs = (column - mask * width, top, bottom)
    return MaskRuns(size, offsets, *(values.astype(np.int32) for values in runs))
