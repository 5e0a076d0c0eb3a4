"""Definitions of the confusion matrix of labels and of logits."""

from __future__ import annotations

import numpy as np

from segpost._backends.reference.labels import argmax
from segpost._core.contract import VOID_STRATA, Array, LogitErrors, Logits
from segpost._core.sampling import Axes


def confusion_labels(preds: Array, target: Array, ignored: Array, counts: Array) -> None:
    """Add every pixel to the cell of its target and its prediction."""
    classes = counts.shape[1] - 1
    np.add.at(counts, (target_rows(target, classes, ignored), columns(preds, classes)), 1)


def confusion_strata(
    preds: Array, target: Array, strata: Array, ignored: Array, counts: Array
) -> None:
    """Add every pixel to the cell of its stratum, its target and its prediction."""
    count, classes = len(counts) - 2, counts.shape[2] - 1
    tables = np.where(in_range(strata, count), strata.astype(np.int64), count + 1)
    tables[np.isin(strata, VOID_STRATA)] = count
    cells = tables, target_rows(target, classes, ignored), columns(preds, classes)
    np.add.at(counts, cells, 1)


def confusion_logits(
    logits: Logits, axes: Axes | None, target: Array, ignored: Array, counts: Array
) -> LogitErrors:
    """Add every pixel to the cell of its target and the argmax of its logits."""
    preds = np.empty(target.shape, np.int32)
    errors = argmax(logits, axes, preds, None, None)
    confusion_labels(preds, target, ignored, counts)
    return errors


def target_rows(target: Array, classes: int, ignored: Array) -> Array:
    """Return the class of every target, `classes` if it is ignored, `classes` + 1 if invalid."""
    is_ignored = np.zeros(target.shape, bool)
    for value in ignored:
        is_ignored |= target == int(value)
    rows = np.where(in_range(target, classes), target.astype(np.int64), classes + 1)
    return np.where(is_ignored, classes, rows)


def columns(preds: Array, classes: int) -> Array:
    """Return the class of every prediction, `classes` if it is invalid."""
    return np.where(in_range(preds, classes), preds.astype(np.int64), classes)


def in_range(labels: Array, classes: int) -> Array:
    """Return a mask of the labels that are classes."""
    inside: Array = (labels >= 0) & (labels < classes)
    return inside
