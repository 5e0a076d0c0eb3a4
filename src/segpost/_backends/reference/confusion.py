"""Definition of the confusion matrix, from labels and from logits."""

from __future__ import annotations

import numpy as np

from segpost._backends.reference.labels import argmax
from segpost._core.contract import Array, LogitErrors, Logits
from segpost._core.sampling import Axes


def confusion_labels(preds: Array, target: Array, ignored: Array, counts: Array) -> None:
    """Add one to the cell of every pixel's target and prediction."""
    classes = counts.shape[1] - 1
    np.add.at(counts, (target_rows(target, classes, ignored), columns(preds, classes)), 1)


def confusion_logits(
    logits: Logits, axes: Axes | None, target: Array, ignored: Array, counts: Array
) -> LogitErrors:
    """The same for the predictions that argmax makes of logits."""
    preds = np.empty(target.shape, np.int32)
    report = argmax(logits, axes, preds, None, None)
    confusion_labels(preds, target, ignored, counts)
    return report


def target_rows(target: Array, classes: int, ignored: Array) -> Array:
    """The class of every target; `classes` where it is void, one more where it is neither."""
    void = np.zeros(target.shape, bool)
    for value in ignored:
        void |= target == int(value)
    rows = np.where(in_range(target, classes), target.astype(np.int64), classes + 1)
    return np.where(void, classes, rows)


def columns(preds: Array, classes: int) -> Array:
    """The class of every prediction; `classes` where it is none."""
    return np.where(in_range(preds, classes), preds.astype(np.int64), classes)


def in_range(labels: Array, classes: int) -> Array:
    """Where labels are classes."""
    inside: Array = (labels >= 0) & (labels < classes)
    return inside
