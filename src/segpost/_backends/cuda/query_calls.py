"""The operations of the CUDA backend on the masks of queries, by the definition in float64.

The counts of queries are read on the CPU, so every call waits for the device.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.cuda.calls import DeviceCalls
from segpost._core.contract import Array, Logits
from segpost._core.device import (
    DeviceContext,
    copy_to_device,
    read_error_counts,
    to_host,
)
from segpost._core.query_contract import QueryGrids, QueryMasks


class QueryCalls(DeviceCalls):
    """The operations of `QueryOperations`, but for the labels of classes."""

    def bound_masks(self, masks: QueryMasks) -> tuple[int, int]:
        with self._at(masks.values) as context:
            errors = context.empty((2,), np.uint64)
            logits = Logits(masks.values, masks.kind)
            self.runtime.count_not_finite(logits, context.stream, errors)
            return read_error_counts(to_host(errors))[0]

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
        with self._at(masks.values) as context:
            inputs = copy_to_device(context, queries, scores, thresholds)
            counts_there = context.empty(counts.shape, np.int64)
            settings = is_logit, is_late, cuts
            there = self._grids(grids, context)
            arguments = masks, there, *inputs, *settings, labels, counts_there
            self.runtime.assign_queries(*arguments, context.stream)
            _read_counts(counts_there, labels.shape, counts)

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
        if not len(queries):
            return
        with self._at(masks.values) as context:
            there = self._grids(grids, context)
            (numbers,) = copy_to_device(context, queries)
            measured = context.empty((2, len(queries)), np.int64)
            size = self.runtime.measure_masks_workspace(masks, there, len(queries), is_late, bits)
            workspace = context.empty((size,), np.uint8)
            results = bits, measured[0], measured[1].view(np.float64)
            arguments = masks, there, numbers, level, is_late, *results
            self.runtime.measure_masks(*arguments, context.stream, workspace)
            areas[:], sum_bits = to_host(measured)
            sums[:] = sum_bits.view(np.float64)

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
        with self._at(labels) as context:
            places = (self.devices.tables.get(axis, context) for axis in (row, column))
            inputs = copy_to_device(context, masks, values)
            counts_there = context.empty(counts.shape, np.int64)
            arguments = bits, *inputs, *places, labels, counts_there
            self.runtime.paint_masks(*arguments, context.stream)
            _read_counts(counts_there, labels.shape, counts)

    def replace_labels(self, labels: Array, values: Array, out: Array) -> None:
        with self._at(labels) as context:
            (values_there,) = copy_to_device(context, values)
            self.runtime.replace_labels(labels, values_there, out, context.stream)

    def _grids(self, grids: QueryGrids, context: DeviceContext) -> QueryGrids:
        """Return the resamplings with their tables on a device."""
        to_grid: Any = self.devices.tables.axes(grids.to_grid, context)
        to_result: Any = self.devices.tables.axes(grids.to_result, context)
        return grids._replace(to_grid=to_grid, to_result=to_result)

    def _class_scores(
        self,
        context: DeviceContext,
        masks: QueryMasks,
        grids: QueryGrids,
        weights: Array,
        image: int,
    ) -> Logits:
        """Return the sums of weight times mask of an image, (1, C, h, w), as logits."""
        tables = self.devices.tables.axes(grids.to_grid, context)
        (weights_there,) = copy_to_device(context, weights[image])
        size = grids.to_result.y.n_in, grids.to_result.x.n_in
        scores = context.empty((1, weights.shape[2], *size), np.float64)
        one = Logits(masks.values[image : image + 1], masks.kind)
        arguments = one, tables, grids.origin, weights_there, scores
        self.runtime.class_scores(*arguments, context.stream)
        return Logits(scores, "float64")


def _read_counts(there: Array, size: tuple[int, ...], counts: Array) -> None:
    """Read counts; kernels store width - x0 and height - y0, so that they start at zero."""
    counts[...] = to_host(there)
    counts[:, 3] = size[1] - counts[:, 3]
    counts[:, 4] = size[0] - counts[:, 4]
