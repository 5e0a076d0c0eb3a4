"""The part of the backends' contract that is about objects: the runs of label maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy.typing as npt

if TYPE_CHECKING:
    from segpost._core.contract import LogitErrors, Logits
    from segpost._core.sampling import Axes

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

    # Only where `supports` says so: a label map and find_runs give the same.
    def argmax_runs(self, logits: Logits, axes: Axes) -> tuple[Runs, LogitErrors]: ...
