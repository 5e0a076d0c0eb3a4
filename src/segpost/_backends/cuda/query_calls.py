"""The operations of the CUDA backend on the masks of queries."""

from __future__ import annotations

from segpost._backends.cuda import queries as kernels
from segpost._backends.cuda.calls import DeviceCalls
from segpost._core.contract import Array
from segpost._core.query_contract import QueryGrids, QueryMasks


class QueryCalls(DeviceCalls):
    """The operations of `QueryOperations` but for the labels of classes."""

    def bound_masks(self, masks: QueryMasks) -> tuple[int, int]:
        with self._at(masks.values) as context:
            return kernels.count_not_finite(context, masks)

    def assign_queries(
        self,
        masks: QueryMasks,
        grids: QueryGrids,
        queries: Array,
        scores: Array,
        thresholds: Array,
        is_logit: bool,
        is_late: bool,
        cuts: bool,
        labels: Array,
        counts: Array,
    ) -> None:
        settings = is_logit, is_late, cuts
        arguments = masks, grids, queries, scores, thresholds, *settings, labels, counts
        with self._at(masks.values) as context:
            kernels.assign_queries(context, self.devices.tables, *arguments)

    def measure_masks(
        self,
        masks: QueryMasks,
        grids: QueryGrids,
        queries: Array,
        level: float,
        is_late: bool,
        bits: Array,
        areas: Array,
        sums: Array,
    ) -> None:
        arguments = masks, grids, queries, level, is_late, bits, areas, sums
        with self._at(masks.values) as context:
            kernels.measure_masks(context, self.devices.tables, *arguments)

    def paint_masks(
        self,
        bits: Array,
        masks: Array,
        values: Array,
        row: Array,
        column: Array,
        labels: Array,
        counts: Array,
    ) -> None:
        arguments = bits, masks, values, row, column, labels, counts
        with self._at(labels) as context:
            kernels.paint_masks(context, self.devices.tables, *arguments)

    def replace_labels(self, labels: Array, values: Array, out: Array) -> None:
        with self._at(labels) as context:
            kernels.replace_labels(context, labels, values, out)
