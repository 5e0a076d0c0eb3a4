"""What a dense CRF reads: energies of label maps, ranges of guides, and the largest of labels."""

from __future__ import annotations

import math

import numpy as np

from segpost._core.arrays import widen
from segpost._core.contract import Array, LabelErrors


def label_energies(labels: Array, certainty: float, unsure: int | None, out: Array) -> LabelErrors:
    classes = len(out)
    wrong = (labels < 0) | (labels >= classes)
    if unsure is not None:
        wrong &= labels != unsure
    if wrong.any():
        return LabelErrors(int(wrong.sum()), int(wrong.argmax()))
    with np.errstate(divide="ignore"):
        table = -np.log(np.full((classes, classes + 1), (1 - certainty) / (classes - 1)))
    np.fill_diagonal(table, -math.log(certainty))
    table[:, classes] = math.log(classes)
    rows = labels if unsure is None else np.where(labels == unsure, classes, labels)
    for energies, values in zip(out, table.astype(np.float32), strict=True):
        energies[...] = values[rows]
    return LabelErrors()


def feature_range(features: Array, kind: str) -> tuple[Array, LabelErrors]:
    values = widen(features, kind)
    if kind.startswith(("float", "bfloat")):
        finite = np.isfinite(values)
        if not finite.all():
            missing = np.full((2, features.shape[-1]), np.nan)
            return missing, LabelErrors(int((~finite).sum()), int(finite.argmin()))
    channels = range(features.shape[-1])
    ends = [[end(values[..., c]) for c in channels] for end in (np.min, np.max)]
    return np.array(ends, np.float64), LabelErrors()


def prepare_guide(features: Array, kind: str, bounds: Array, limits: Array) -> tuple[Array, Array]:
    values = widen(features, kind)
    if (np.abs(bounds) > limits).any():  # only differences matter
        values = (values.astype(np.float64) - bounds[0]).astype(np.float32)
        return values, feature_range(values, "float32")[0]
    return values.astype(np.float32, copy=False), bounds


def reduce_max(values: Array, out: Array) -> None:
    if out.dtype == np.uint8:
        np.rint(255 * values.max(axis=1), out=out, casting="unsafe")
    else:
        values.max(axis=1, out=out)


def supports(operation: str, kind: str = "") -> bool:
    return True
