"""Inputs and outputs of a dense CRF: label energies, guide ranges and maxima over labels."""

from __future__ import annotations

import math

import numpy as np

from segpost._core.arrays import widen
from segpost._core.contract import Array, LabelErrors


def label_energies(labels: Array, certainty: float, unsure: int | None, out: Array) -> LabelErrors:
    """Write -log of the probabilities of labels, and return the errors of the labels."""
    classes = len(out)
    is_invalid = (labels < 0) | (labels >= classes)
    if unsure is not None:
        is_invalid &= labels != unsure
    if is_invalid.any():
        return LabelErrors(int(is_invalid.sum()), int(is_invalid.argmax()))
    with np.errstate(divide="ignore"):
        table = -np.log(np.full((classes, classes + 1), (1 - certainty) / (classes - 1)))
    np.fill_diagonal(table, -math.log(certainty))
    table[:, classes] = math.log(classes)
    rows = labels if unsure is None else np.where(labels == unsure, classes, labels)
    for energies, values in zip(out, table.astype(np.float32), strict=True):
        energies[...] = values[rows]
    return LabelErrors()


def feature_range(features: Array, kind: str) -> tuple[Array, LabelErrors]:
    """Return the minimum and maximum of every channel, and the errors of the values."""
    values = widen(features, kind)
    if kind.startswith(("float", "bfloat")):
        finite = np.isfinite(values)
        if not finite.all():
            undefined = np.full((2, features.shape[-1]), np.nan)
            return undefined, LabelErrors(int((~finite).sum()), int(finite.argmin()))
    channels = range(features.shape[-1])
    bounds = [[reduce(values[..., c]) for c in channels] for reduce in (np.min, np.max)]
    return np.array(bounds, np.float64), LabelErrors()


def prepare_guide(features: Array, kind: str, bounds: Array, limits: Array) -> tuple[Array, Array]:
    """Return a guide in float32 and its bounds, shifted to 0 if values exceed `limits`."""
    values = widen(features, kind)
    if (np.abs(bounds) > limits).any():  # only differences have an effect
        values = (values.astype(np.float64) - bounds[0]).astype(np.float32)
        return values, feature_range(values, "float32")[0]
    return values.astype(np.float32, copy=False), bounds


def reduce_max(values: Array, out: Array) -> None:
    """Write the maximum over labels, as float32 or in bytes."""
    if out.dtype == np.uint8:
        np.rint(255 * values.max(axis=1), out=out, casting="unsafe")
    else:
        values.max(axis=1, out=out)


def supports(operation: str, kind: str = "") -> bool:
    """Return True: the CPU backends have every operation."""
    return True
