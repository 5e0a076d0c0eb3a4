"""The part of the backends' contract that is about queries, each with a class and a mask."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy.typing as npt

from segpost._core.sampling import Axes

Array = npt.NDArray[Any]
BLOCK = (4, 8)  # rows and columns of the blocks of mask logits that have bounds
PITCH = 16  # bounds of so many queries lie together
COUNTS = ("largest_area", "label_area", "mask_area", "x0", "y0", "x1", "y1")  # of a query


class QueryMasks(NamedTuple):
    """The mask logits of queries, and the bounds of their blocks."""

    values: Array  # [N, Q, h, w], any strides; bfloat16 as uint16
    kind: str  # the element type, "bfloat16" included
    low: Array  # [N, rows, columns, pitch] float32: at most the smallest logit of a block; the
    high: Array  # pitch is Q rounded up to a multiple of 16; numbers after the queries are 0


class QueryGrids(NamedTuple):
    """The resampling of mask logits to the score grid, and of a region of it to the result."""

    to_grid: Axes
    origin: tuple[int, int]  # y, x of the region
    to_result: Axes


class QueryOperations(Protocol):
    """The operations of a backend on queries.

    A mask is sigmoid(v) of the value v on the score grid, in float64. A weighted mask is the mask
    times the score of its query, or with `is_logit` the value itself times the score. These are
    resampled to the result; with `is_late` it is the values that are resampled, and masks are taken
    there. Counts are those of `COUNTS`: pixels where the query is the largest, of them those that
    `labels` has, pixels of its mask, and the box around those in `labels`, [H, W] or larger first
    numbers and zeros where there are none.
    """

    def bound_masks(self, masks: QueryMasks) -> tuple[int, int]:
        """Write the bounds; return how many values are not finite, and the first flat index.

        On devices no bounds are written.
        """
        ...

    def label_classes(
        self,
        masks: QueryMasks,
        grids: QueryGrids,
        weights: Array,  # [N, Q, C] float64, at least 0
        labels: Array,  # [N, H, W] uint8 or int32: the first largest sum of weight times mask
    ) -> None: ...

    def assign_queries(
        self,
        masks: QueryMasks,  # of one image
        grids: QueryGrids,
        queries: Array,  # [K] int32, in order
        scores: Array,  # [K] float64, above 0
        thresholds: Array,  # [K] float64: a weighted mask of at least this is in the mask
        is_logit: bool,
        is_late: bool,
        cuts: bool,  # whether a pixel that is not in its query's mask has the label K
        labels: Array,  # [H, W] uint8 or int32: the number of the first largest query
        counts: Array,  # [K, 7] int64
    ) -> None: ...

    def measure_masks(
        self,
        masks: QueryMasks,  # of one image
        grids: QueryGrids,
        queries: Array,  # [K] int32
        level: float,  # a value above it is in the mask
        is_late: bool,  # pixels are those of the result, else those of the score grid
        bits: Array,  # [K, rows, bytes] uint8, zeros: bit x % 8 of byte x / 8; bytes are even
        areas: Array,  # [K] int64: pixels in the mask
        sums: Array,  # [K] float64, of the sigmoids of these pixels, within 1e-6 relative
    ) -> None: ...

    def paint_masks(
        self,
        bits: Array,  # [M, rows, bytes] uint8, as above
        masks: Array,  # [K] int32: which ones, in order: later ones lie over earlier ones
        values: Array,  # [K] int32: their labels
        row: Array,  # [H] int32: the row of the masks of every row; not decreasing
        column: Array,  # [W] int32: the column of every column; not decreasing
        labels: Array,  # [H, W] uint8 or int32, 0 where there is no mask
        counts: Array,  # [K, 7] int64, the pixels of masks left out
    ) -> None: ...

    def replace_labels(
        self,
        labels: Array,  # [H, W] uint8 or int32
        values: Array,  # int32: what each label becomes
        out: Array,  # [H, W] uint8 or int32
    ) -> None: ...
