"""Definition of the runs of label maps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from segpost._backends.reference.labels import argmax
from segpost._core.arrays import label_dtype
from segpost._core.contract import Array, LogitErrors, Logits
from segpost._core.device import context_of
from segpost._core.object_contract import Runs
from segpost._core.sampling import Axes


def argmax_runs(logits: Logits, axes: Axes) -> tuple[Runs, LogitErrors]:
    """Return the runs of the labels of resized logits."""
    return runs_of_argmax(argmax, find_runs, logits, axes)


def find_runs(labels: Array, values: Array | None = None) -> Runs:
    """Return the runs of every column, and the sums of their values in float64."""
    images, height, width = labels.shape
    columns = labels.transpose(0, 2, 1).reshape(images * width, height)
    begins = np.ones(columns.shape, bool)
    begins[:, 1:] = columns[:, 1:] != columns[:, :-1]
    column, top = np.nonzero(begins)
    bottom = np.append(top[1:], 0)
    bottom[bottom == 0] = height  # the last run of a column
    total = None
    if values is not None:
        flat = values.transpose(0, 2, 1).reshape(-1).astype(np.float64)
        runs = np.split(flat, np.flatnonzero(begins)[1:]) if flat.size else []
        # One after the other: np.sum adds in pairs, and rounds differently.
        total = np.array([np.cumsum(run)[-1] for run in runs], np.float64)
    return Runs(
        column.astype(np.int32),
        top.astype(np.int32),
        bottom[: len(top)].astype(np.int32),
        columns[column, top].astype(np.int64),
        total,
    )


def runs_of_argmax(
    argmax: Callable[[Logits, Axes, Array], LogitErrors],
    find_runs: Callable[[Array], Runs],
    logits: Logits,
    axes: Axes,
) -> tuple[Runs, LogitErrors]:
    """Return the runs of the label maps that a backend computes."""
    images, channels = logits.values.shape[:2]
    classes = channels if logits.threshold is None else 2
    shape = images, axes.y.n_out, axes.x.n_out
    labels = context_of(logits.values).empty(shape, label_dtype(classes))
    errors = argmax(logits, axes, labels)
    return find_runs(labels), errors
