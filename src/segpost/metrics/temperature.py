"""The temperature of the smallest negative log-likelihood, from its sums at a few temperatures."""

from __future__ import annotations

import math

import numpy as np

from segpost._core.calibration_contract import TEMPERATURES
from segpost.metrics.ratios import Float64

STEPS = 60  # of the bisection, whose interval is one octave


def fit_temperature(curve: Float64) -> tuple[float, float]:
    """Return the temperature of the smallest NLL, and that NLL.

    The mean NLL is convex in 1 / temperature. Between the temperatures at which it is known it is
    the polynomial of log(1 / temperature) that has its values, slopes and curvatures there.

    Parameters
    ----------
    curve : (T, 3) float64
        At every one of `TEMPERATURES`: the mean NLL, and its first and second derivative by
        1 / temperature.

    Returns
    -------
    temperature, nll : float
        NaN where the smallest is not between the first and the last temperature.
    """
    inverse = 1.0 / np.array(TEMPERATURES)
    slopes = curve[:, 1]
    if not slopes[0] < 0 < slopes[-1]:
        return math.nan, math.nan
    nodes = np.log(inverse)
    values = np.stack(
        [
            curve[:, 0],
            slopes * inverse,
            (curve[:, 2] * inverse + slopes) * inverse / 2,
        ]
    )
    points, coefficients = _interpolate(nodes, values)
    first = int(np.flatnonzero(slopes <= 0)[-1])
    low, high = float(nodes[first]), float(nodes[first + 1])
    for _ in range(STEPS):
        middle = (low + high) / 2
        if _evaluate(points, coefficients, middle)[1] > 0:
            high = middle
        else:
            low = middle
    return math.exp(-low), float(_evaluate(points, coefficients, low)[0])


def _interpolate(nodes: Float64, values: Float64) -> tuple[Float64, Float64]:
    """Return Newton's points and coefficients of the polynomial of (K, T) Taylor terms."""
    repeats = len(values)
    points = np.repeat(nodes, repeats)
    column = np.repeat(values[0], repeats)
    coefficients = [column[0]]
    for order in range(1, len(points)):
        distance = points[order:] - points[:-order]
        is_same = distance == 0
        divided = np.diff(column) / np.where(is_same, 1.0, distance)
        if is_same.any():
            taylor = np.repeat(values[order], repeats)[: len(divided)]
            divided = np.where(is_same, taylor, divided)
        column = divided
        coefficients.append(column[0])
    return points, np.array(coefficients)


def _evaluate(points: Float64, coefficients: Float64, x: float) -> tuple[float, float]:
    """Return the value and the slope of a polynomial in Newton's form."""
    value, slope = float(coefficients[-1]), 0.0
    for point, coefficient in zip(points[-2::-1], coefficients[-2::-1], strict=True):
        slope = slope * (x - point) + value
        value = value * (x - point) + float(coefficient)
    return value, slope
