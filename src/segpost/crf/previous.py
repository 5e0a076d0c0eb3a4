"""Conversion of the probabilities from which a dense CRF starts."""

from __future__ import annotations

import math
from typing import NoReturn

import numpy as np

from segpost._backends import registry
from segpost._core.arrays import LABEL_KINDS, Array, as_input_array
from segpost._core.device import context_of
from segpost._core.suspicious_logits import library_of
from segpost.crf.batch import UnaryBatch
from segpost.crf.inputs import PROBABILITY_SLACK

SUM_SLACK = 1e-2  # of the probabilities of a pixel
MAX_SUMS = 4096  # pixels whose sums are looked at


def as_previous(previous: object, batch: UnaryBatch) -> Array:
    """Return probabilities to start from as (N, L, D, H, W), without a copy.

    Raises
    ------
    ValueError, TypeError
        If they are not what refining `batch` returns: float32 of its shape, from 0 to 1, with sums
        of 1 over the labels (of some pixels, on the CPU).
    """
    if hasattr(previous, "probabilities"):
        raise TypeError(
            f"previous must be an array, got {type(previous).__name__}; pass previous.probabilities"
        )
    input_array = as_input_array(previous, "previous")
    array, kind = input_array.array, input_array.kind
    if kind in (*LABEL_KINDS, "bool"):
        raise TypeError(
            f"previous must be probabilities, got labels of {kind}; pass those that refine "
            "returned beside them"
        )
    if kind != "float32":
        is_torch = library_of(type(previous)) == "torch"
        cure = "previous.float()" if is_torch else "previous.astype('float32')"
        raise TypeError(
            f"previous must be float32, as refined probabilities are, got {kind}; pass {cure}"
        )
    if array.shape != batch.shape:
        raise ValueError(
            f"previous of shape {array.shape} does not fit {batch.name} of shape "
            f"{batch.input_array.array.shape}: it must be {batch.shape}, as what refine returns "
            "for them; start without previous= where the size changes"
        )
    stack = batch.as_stack(array)
    for n in range(batch.num_images if array.size else 0):
        for z in range(batch.size[0]):
            _check_values(batch, n, z, stack[n, :, z])
    return stack


def _check_values(batch: UnaryBatch, n: int, z: int, values: Array) -> None:
    """Refuse values (L, H, W) of an image, or of a slice, that are no probabilities."""
    bounds, errors = registry.backend(values).feature_range(values[..., None], "float32")
    low, high = (float(bound) for bound in bounds[:, 0])
    if errors.count:
        label, y, x = np.unravel_index(errors.first, values.shape)
        place = _describe_place(batch, n, z, y, x, f"label {label}, ")
        raise ValueError(f"previous has {errors.count} NaN or infinite values, first at {place}")
    is_outside = low < -PROBABILITY_SLACK or high > 1 + PROBABILITY_SLACK
    if not context_of(values).on_cpu:
        if is_outside:
            _raise_improbable(f"has values from {low:g} to {high:g} in image {n}")
        return
    if is_outside:
        is_bad = (values < -PROBABILITY_SLACK) | (values > 1 + PROBABILITY_SLACK)
        label, y, x = np.unravel_index(int(is_bad.argmax()), values.shape)
        place = _describe_place(batch, n, z, y, x, f"label {label}, ")
        count = int(np.count_nonzero(is_bad))
        _raise_improbable(f"has values from {low:g} to {high:g}, {count} bad, first at {place}")
    step = max(1, math.isqrt(values[0].size // MAX_SUMS))
    sums = values[:, ::step, ::step].sum(axis=0, dtype=np.float64)
    is_bad = np.abs(sums - 1) > SUM_SLACK
    if is_bad.any():
        row, column = np.unravel_index(int(is_bad.argmax()), sums.shape)
        place = _describe_place(batch, n, z, row * step, column * step)
        _raise_improbable(
            f"has sums over the labels other than 1 at {int(np.count_nonzero(is_bad))} of "
            f"{sums.size} pixels, first {sums[row, column]:g} at {place}"
        )


def _raise_improbable(what: str) -> NoReturn:
    """Raise an error for values that are no probabilities."""
    raise ValueError(f"previous {what}: pass refined probabilities, or segpost.softmax of logits")


def _describe_place(
    batch: UnaryBatch, n: int, z: int, y: np.intp, x: np.intp, label: str = ""
) -> str:
    """Return the place of a pixel as text, with that of a value in it."""
    depth = f"z {z}, " if batch.settings.volume else ""
    return f"image {n}, {label}{depth}y {y}, x {x}"
