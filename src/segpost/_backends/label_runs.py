"""Runs of the labels of logits, for backends that write the labels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from segpost._core.arrays import label_dtype
from segpost._core.contract import Array, LogitErrors, Logits
from segpost._core.object_contract import Runs
from segpost._core.sampling import Axes


def runs_of_argmax(
    argmax: Callable[[Logits, Axes, Array], LogitErrors],
    find_runs: Callable[[Array], Runs],
    logits: Logits,
    axes: Axes,
) -> tuple[Runs, LogitErrors]:
    """Return the runs of the label maps that a backend computes."""
    images, channels = logits.values.shape[:2]
    classes = channels if logits.threshold is None else 2
    labels = np.empty((images, axes.y.n_out, axes.x.n_out), label_dtype(classes))
    errors = argmax(logits, axes, labels)
    return find_runs(labels), errors
