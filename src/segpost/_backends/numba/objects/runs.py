"""The runs of label maps on Numba: changes in strips of columns, which are then sorted."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.labels.operations import argmax
from segpost._backends.numba.threads import kernel, run
from segpost._backends.numba.tiles import frozen, pack, pieces
from segpost._backends.reference.objects import runs_of_argmax
from segpost._core.contract import Array, LogitErrors, Logits
from segpost._core.object_contract import Runs
from segpost._core.sampling import Axes

STRIP_COLUMNS = 256  # whose rows are compared one after the other


def argmax_runs(logits: Logits, axes: Axes) -> tuple[Runs, LogitErrors]:
    """Return the runs of the labels of resized logits."""
    return runs_of_argmax(argmax, find_runs, logits, axes)


def find_runs(labels: Array, values: Array | None = None) -> Runs:
    """Return the runs of every column, and the sums of their values in float64."""
    images, _, width = labels.shape
    strips = [(n, *part) for n in range(images) for part in pieces(width, STRIP_COLUMNS)]

    def work(strip: tuple[int, int, int]) -> Runs:
        n, x0, x1 = strip
        part = pack(labels[n, :, x0:x1]).view(f"u{labels.itemsize}")  # four types, not eight
        counts = np.zeros(x1 - x0 + 1, np.int64)
        count_changes(part, counts)
        first = np.cumsum(counts)
        size = int(first[-1])
        column, top, bottom = (np.empty(size, np.int32) for _ in range(3))
        write_runs(part, first[:-1].copy(), n * width + x0, column, top, bottom)
        label = labels[n, top, column - n * width].astype(np.int64)
        total = None
        if values is not None:
            total = np.zeros(size, np.float64)
            add_values(frozen(pack(values[n, :, x0:x1])), bottom, first[:-1].copy(), total)
        return Runs(column, top, bottom, label, total)

    runs_of_strips = run(work, strips, labels.size) if labels.size else []
    if not runs_of_strips:
        nothing = np.zeros(0, np.int32)
        total = None if values is None else np.zeros(0)
        return Runs(nothing, nothing, nothing, np.zeros(0, np.int64), total)
    column, top, bottom, label = (
        np.concatenate(parts) for parts in zip(*(part[:4] for part in runs_of_strips), strict=True)
    )
    sums = [part.total for part in runs_of_strips if part.total is not None]
    return Runs(column, top, bottom, label, np.concatenate(sums) if sums else None)


@kernel
def count_changes(labels: Any, counts: Any) -> None:
    """Count the runs of every column x in element x + 1."""
    height, width = labels.shape
    for x in range(width):
        counts[x + 1] = 1
    for y in range(1, height):
        row, above = labels[y], labels[y - 1]
        for x in range(width):
            counts[x + 1] += row[x] != above[x]


@kernel
def write_runs(labels: Any, at: Any, first_column: int, column: Any, top: Any, bottom: Any) -> None:
    """Write the runs of every column x from element at[x] on."""
    height, width = labels.shape
    for x in range(width):
        column[at[x]] = first_column + x
        top[at[x]] = 0
    for y in range(1, height):
        row, above = labels[y], labels[y - 1]
        for x in range(width):
            if row[x] != above[x]:
                i = at[x]
                bottom[i] = y
                column[i + 1] = first_column + x
                top[i + 1] = y
                at[x] = i + 1
    for x in range(width):
        bottom[at[x]] = height


@kernel
def add_values(values: Any, bottom: Any, at: Any, total: Any) -> None:
    """Add the values of every column x to the totals of its runs, from element at[x] on."""
    height, width = values.shape
    for y in range(height):
        for x in range(width):
            i = at[x]
            total[i] += values[y, x]
            if bottom[i] == y + 1:
                at[x] = i + 1
