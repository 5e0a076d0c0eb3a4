"""The part of the backends' contract that is about objects: the runs of label maps."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy.typing as npt

Array = npt.NDArray[Any]


class Runs(NamedTuple):
    """Runs of label maps: pixels of one label that are adjacent in a column, as many as there are.

    They are in the order of columns, then of rows. Column x of image n is n * W + x.
    """

    column: Array  # [R] int32
    top: Array  # [R] int32, the first row
    bottom: Array  # [R] int32, the row after the last
    label: Array  # [R] int64
    total: Array | None = None  # [R] float64, the sum of the values of the pixels, row by row


class ObjectOperations(Protocol):
    """The operations of a backend on objects."""

    def find_runs(
        self,
        labels: Array,  # [N, H, W] integers below 2**63
        values: Array | None = None,  # [N, H, W] float32 or uint8, whose sums runs have
    ) -> Runs: ...

    # The counts of regions, as in RunLengths, and where those of each end. Region k has the runs
    # offsets[k] to offsets[k + 1] - 1, of which there is one, by column, then by row.
    def count_runs(
        self,
        offsets: Array,  # [K + 1] int64
        column: Array,  # [R] int32, as are top and bottom
        top: Array,
        bottom: Array,
        height: int,
        width: int,
    ) -> tuple[Array, Array]: ...

    # The characters of compressed COCO codes of masks, uint8, one after another, and where each
    # ends; of counts as in RunLengths.
    def compress_counts(self, counts: Array, ends: Array) -> tuple[Array, Array]: ...
