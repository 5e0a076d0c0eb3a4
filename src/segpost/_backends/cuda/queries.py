"""Query heads on a device, by the definition in float64.

The counts of queries are read on the CPU, so every function but `replace_labels` waits for the
device.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.cuda.tables import DeviceTables
from segpost._core.contract import Array, Logits
from segpost._core.device import (
    DeviceContext,
    copy_to_device,
    read_error_counts,
    to_host,
)
from segpost._core.query_contract import QueryGrids, QueryMasks


def count_not_finite(context: DeviceContext, masks: QueryMasks) -> tuple[int, int]:
    """Compute `Backend.bound_masks` on a device, where no bounds are written."""
    errors = context.empty((2,), np.uint64)
    logits = Logits(masks.values, masks.kind)
    context.runtime.count_not_finite(logits, context.stream, errors)
    return read_error_counts(to_host(errors))[0]


def class_scores(
    context: DeviceContext,
    tables: Any,
    masks: QueryMasks,
    grids: QueryGrids,
    weights: Array,
    image: int,
) -> Logits:
    """Return the sums of weight times mask of an image, (1, C, h, w), as logits on the device.

    `tables` are those of the resampling to the score grid.
    """
    (weights_there,) = copy_to_device(context, weights[image])
    size = grids.to_result.y.n_in, grids.to_result.x.n_in
    scores = context.empty((1, weights.shape[2], *size), np.float64)
    one = Logits(masks.values[image : image + 1], masks.kind)
    arguments = one, tables, grids.origin, weights_there, scores
    context.runtime.class_scores(*arguments, context.stream)
    return Logits(scores, "float64")


def assign_queries(
    context: DeviceContext,
    tables: DeviceTables,
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
    """Compute `Backend.assign_queries` on a device; `counts` are on the CPU."""
    inputs = copy_to_device(context, queries, scores, thresholds)
    counts_there = context.empty(counts.shape, np.int64)
    settings = is_logit, is_late, cuts
    there = _grids_on_device(tables, grids, context)
    arguments = masks, there, *inputs, *settings, labels, counts_there
    context.runtime.assign_queries(*arguments, context.stream)
    _read_counts(counts_there, labels.shape, counts)


def measure_masks(
    context: DeviceContext,
    tables: DeviceTables,
    masks: QueryMasks,
    grids: QueryGrids,
    queries: Array,
    level: float,
    is_late: bool,
    bits: Array,
    areas: Array,
    sums: Array,
) -> None:
    """Compute `Backend.measure_masks` on a device; `areas` and `sums` are on the CPU."""
    if not len(queries):
        return
    there = _grids_on_device(tables, grids, context)
    (numbers,) = copy_to_device(context, queries)
    measured = context.empty((2, len(queries)), np.int64)
    size = context.runtime.measure_masks_workspace(masks, there, len(queries), is_late, bits)
    workspace = context.empty((size,), np.uint8)
    results = bits, measured[0:1].reshape(-1), measured[1:].reshape(-1).view(np.float64)
    arguments = masks, there, numbers, level, is_late, *results
    context.runtime.measure_masks(*arguments, context.stream, workspace)
    areas[:], sum_bits = to_host(measured)
    sums[:] = sum_bits.view(np.float64)


def paint_masks(
    context: DeviceContext,
    tables: DeviceTables,
    bits: Array,
    masks: Array,
    values: Array,
    row: Array,
    column: Array,
    labels: Array,
    counts: Array,
) -> None:
    """Compute `Backend.paint_masks` on a device; `counts` are on the CPU."""
    places = tables.get(row, context), tables.get(column, context)
    inputs = copy_to_device(context, masks, values)
    counts_there = context.empty(counts.shape, np.int64)
    arguments = bits, *inputs, *places, labels, counts_there
    context.runtime.paint_masks(*arguments, context.stream)
    _read_counts(counts_there, labels.shape, counts)


def replace_labels(context: DeviceContext, labels: Array, values: Array, out: Array) -> None:
    """Compute `Backend.replace_labels` on a device."""
    (values_there,) = copy_to_device(context, values)
    context.runtime.replace_labels(labels, values_there, out, context.stream)


def _grids_on_device(tables: DeviceTables, grids: QueryGrids, context: DeviceContext) -> QueryGrids:
    """Return the resamplings with their tables on a device."""
    to_grid: Any = tables.axes(grids.to_grid, context)
    to_result: Any = tables.axes(grids.to_result, context)
    return grids._replace(to_grid=to_grid, to_result=to_result)


def _read_counts(there: Array, size: tuple[int, ...], counts: Array) -> None:
    """Read counts; kernels store width - x0 and height - y0, so that they start at zero."""
    counts[...] = to_host(there)
    counts[:, 3] = size[1] - counts[:, 3]
    counts[:, 4] = size[0] - counts[:, 4]
