"""Runs of label maps on a device: what is copied to the CPU is the runs, never a map."""

from __future__ import annotations

import numpy as np

from segpost._core.contract import Array
from segpost._core.device import DeviceContext, copy_rows, to_host
from segpost._core.object_contract import Runs

MAX_PIXELS = (1 << 31) - 1  # whose runs are counted at a time


def find_runs(context: DeviceContext, labels: Array, values: Array | None) -> Runs:
    """Compute `ObjectOperations.find_runs` of labels on a device, and wait for it."""
    images, height, width = labels.shape
    if not labels.size:
        nothing = np.zeros(0, np.int32)
        total = None if values is None else np.zeros(0)
        return Runs(nothing, nothing, nothing, np.zeros(0, np.int64), total)
    step = max(MAX_PIXELS // (height * width), 1)
    parts = [
        _find_runs(context, labels[n : n + step], None if values is None else values[n : n + step])
        for n in range(0, images, step)
    ]
    counts = np.concatenate([part[0] for part in parts])
    return _as_runs(height, counts, [part[1:] for part in parts])


def _find_runs(
    context: DeviceContext, labels: Array, values: Array | None
) -> tuple[Array, Array, Array, Array | None]:
    """Return the number of runs of every column, and their first rows, labels and sums."""
    columns = labels.shape[0] * labels.shape[2]
    bands, size = context.runtime.count_runs_plan(labels)
    ends = context.empty((columns, bands), np.uint32)
    workspace = context.empty((size,), np.uint8)
    context.runtime.count_runs(labels, ends.reshape(-1), context.stream, workspace)
    column_ends_there = context.empty((columns, 1), np.uint32)
    copy_rows(column_ends_there, ends[:, bands - 1 :])
    column_ends = to_host(column_ends_there)[:, 0].astype(np.int64)
    count = (int(column_ends[-1]),)
    tops, run_labels = context.empty(count, np.int32), context.empty(count, labels.dtype)
    totals = None if values is None else context.empty(count, np.float64)
    arguments = labels, values, ends.reshape(-1), tops, run_labels, totals
    context.runtime.write_runs(*arguments, context.stream)
    return (
        np.diff(column_ends, prepend=0),
        to_host(tops),
        to_host(run_labels),
        None if totals is None else to_host(totals),
    )


def _as_runs(height: int, counts: Array, parts: list[tuple[Array, Array, Array | None]]) -> Runs:
    """Return runs from how many every column has, and from their first rows, labels and sums."""
    top = np.concatenate([part[0] for part in parts])
    bottom = np.empty_like(top)
    bottom[:-1] = top[1:]
    bottom[np.cumsum(counts) - 1] = height
    totals = [part[2] for part in parts if part[2] is not None]
    return Runs(
        np.repeat(np.arange(len(counts), dtype=np.int32), counts),
        top,
        bottom,
        np.concatenate([part[1].astype(np.int64) for part in parts]),
        np.concatenate(totals) if totals else None,
    )
