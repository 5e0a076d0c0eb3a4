"""The definition of the sums that calibration is measured by."""

from __future__ import annotations

import numpy as np

from segpost._backends.reference.confusion import target_rows
from segpost._backends.reference.labels import (
    Float64,
    add_undefined,
    count_nan,
    interpolated,
    output_shape,
)
from segpost._core.calibration_contract import MAX_NLL, TEMPERATURES, CalibrationSums
from segpost._core.contract import Array, LogitErrors, Logits
from segpost._core.fixed_point import as_fixed_point
from segpost._core.intervals import add_to_intervals
from segpost._core.sampling import Axes


def calibration_logits(
    logits: Logits, axes: Axes | None, target: Array, ignored: Array, sums: CalibrationSums
) -> LogitErrors:
    """Add what every pixel with a target says of the probabilities."""
    errors, den = count_nan(logits), 1.0 if axes is None else axes.den
    classes, shape = logits.values.shape[1], output_shape(logits, axes)
    for n, rows, values in interpolated(logits, axes):
        real = logits.scale * (values / den - logits.zero_point)
        with np.errstate(invalid="ignore", over="ignore"):
            below = real - real.max(axis=0)
            is_undefined = np.isnan(below).any(axis=0)
        errors = add_undefined(errors, is_undefined, n, rows, shape)
        row = target_rows(target[n, rows], classes, ignored)
        is_measured = (row < classes) & ~is_undefined
        sums.pixels[:3] += [is_measured.sum(), (row == classes).sum(), (row > classes).sum()]
        labels = values.argmax(axis=0)[is_measured]
        add_pixels(below[:, is_measured], row[is_measured], labels, sums)
    return errors


def add_pixels(below: Float64, target: Array, labels: Array, sums: CalibrationSums) -> None:
    """Add P pixels: [C, P] logits minus the largest of the pixel, [P] targets and labels."""
    power = np.exp(below)
    total = power.sum(axis=0)
    probability = power / total
    add_to_intervals(probability.max(axis=0), labels == target, sums.counts, sums.confidence)
    if sums.class_counts is not None and sums.class_confidence is not None:
        for c, of_class in enumerate(probability):
            add_to_intervals(of_class, target == c, sums.class_counts[c], sums.class_confidence[c])
    at_target = np.arange(len(target))
    brier = (probability**2).sum(axis=0) - 2.0 * probability[target, at_target] + 1.0
    nll = np.log(total) - below[target, at_target]
    is_possible = nll < MAX_NLL
    sums.pixels[3] += (~is_possible).sum()
    sums.loss[...] += as_fixed_point([brier.sum(), nll[is_possible].sum()])
    if sums.curve is not None:
        add_to_curve(below[:, is_possible], target[is_possible], sums.curve)


def add_to_curve(below: Float64, target: Array, curve: Array) -> None:
    """Add the NLL at every temperature, and its derivatives by 1 / temperature."""
    of_target = below[target, np.arange(len(target))]
    finite = np.where(np.isinf(below), 0.0, below)  # its power is 0
    for k, temperature in enumerate(TEMPERATURES):
        power = np.exp(below / temperature)
        total = power.sum(axis=0)
        mean = (power * finite).sum(axis=0) / total
        variance = (power * (finite - mean) ** 2).sum(axis=0) / total
        nll = np.log(total) - of_target / temperature
        curve[k] += as_fixed_point([nll.sum(), (mean - of_target).sum(), variance.sum()])
