"""Thresholds of sigmoid heads: probabilities, and the sums of weighted logits that exceed them.

A pixel is set where sigmoid(v) > t, with v its real logit: that is v > ln(t / (1 - t)). Of logits
that are resized and quantized v is scale * (s / den - zero_point), where s is the sum of the logits
times integer weights, in float64. So a pixel is set where s > den * (ln(t / (1 - t)) / scale +
zero_point). The cutoff is that number, rounded down to float64: no float64 lies between.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from segpost._core.contract import Array
from segpost._core.sampling import Axes, VolumeAxes

DIGITS = 80  # den and zero_point have up to 17 each, and float64 needs 17 of the result


def as_thresholds(value: object, classes: int, name: str = "threshold") -> tuple[float, ...]:
    """Return a threshold for every class, from one number or one a class.

    Raises
    ------
    TypeError
        If a threshold is not a number.
    ValueError
        If there are not as many as classes, or if some are outside 0..1.
    """
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        numbers_given: Sequence[Any] = [value] * max(classes, 1)
        source = "it is"
    else:
        array = _as_array(value, name)
        numbers_given = array.tolist() if array.ndim else [array.item()] * max(classes, 1)
        source = f"{len(numbers_given)} values"
        if array.ndim and len(numbers_given) != classes:
            raise ValueError(
                f"{name} must be one number or one for each of {classes} classes, got "
                f"{len(numbers_given)}"
            )
    thresholds = tuple(float(number) for number in numbers_given)
    bad = [i for i, number in enumerate(thresholds) if not 0.0 <= number <= 1.0]
    if bad:
        first = thresholds[bad[0]]
        if source == "it is":
            raise ValueError(f"{name} is a probability in 0..1, got {value!r}")
        raise ValueError(
            f"{name} holds probabilities in 0..1, but {len(bad)} of {source} are outside, first "
            f"{first} at [{bad[0]}]"
        )
    return thresholds[:classes]


def _as_array(value: object, name: str) -> Array:
    """Return thresholds as an array of numbers, of at most one axis."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{name} must be a number, or one a class, got {value!r}") from error
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be a number, or one a class, got {value!r}")
    if array.ndim > 1:
        raise ValueError(
            f"{name} must be one number or one a class, got an array of shape {array.shape}"
        )
    return array


def cutoffs(
    thresholds: Sequence[float],
    axes: Axes | VolumeAxes | None,
    quantization: tuple[float, float] = (1.0, 0.0),
) -> Array:
    """Return the cutoffs of thresholds, float64: weighted sums are set where they exceed them."""
    den = 1.0 if axes is None else axes.den
    return np.array([_cutoff(t, den, *quantization) for t in thresholds], np.float64)


@lru_cache(maxsize=4096)
def _cutoff(threshold: float, den: float, scale: float, zero_point: float) -> float:
    """Return den * (ln(t / (1 - t)) / scale + zero_point), rounded down to float64."""
    if threshold in (0.0, 1.0):
        return math.inf if threshold else -math.inf
    from decimal import Context, Decimal  # 3 ms, for which argmax has no use

    c = Context(prec=DIGITS)
    share = c.divide(Decimal(threshold), c.subtract(Decimal(1), Decimal(threshold)))
    logit = c.add(c.divide(c.ln(share), Decimal(scale)), Decimal(zero_point))
    exact = c.multiply(Decimal(den), logit)
    nearest = float(exact)
    return nearest if Decimal(nearest) <= exact else math.nextafter(nearest, -math.inf)


def level_table(cutoffs: Array, axes: Axes | None, dtype: Any) -> Array:
    """Return cutoffs and their sides as the rows of a table for devices, [C, 6] float64."""
    den = 1.0 if axes is None else axes.den
    rows = [(cutoff, *sides(float(cutoff), den, dtype), 0.0, 0.0) for cutoff in cutoffs]
    return np.array(rows, np.float64).reshape(-1, 6)


class Sides(NamedTuple):
    """The logits that are on one side of a cutoff, however they are interpolated.

    Corners above `upper` are on one side, those up to `lower` on the other. Corners between, within
    2**-46 relative, may round to either; so may those of at least `limit`. The proof is in
    csrc/ops/labels/masks.hpp.
    """

    lower: Any  # of the type of the logits: float32 or float64
    upper: Any
    limit: Any


def sides(cutoff: float, den: float, dtype: Any) -> Sides:
    """Return the sides of a cutoff of sums of weights that add up to `den`."""
    level = cutoff / den
    number = np.dtype(dtype).type
    is_infinite = math.isinf(level)
    margin = 0.0 if is_infinite or not cutoff else 2.0**-46 * abs(level) + 1e-290
    low, high = np.float64(level - margin), np.float64(level + margin)
    with np.errstate(over="ignore"):
        lower, upper = number(low), number(high)
    lower = np.nextafter(lower, number(-np.inf)) if lower > low else lower
    upper = np.nextafter(upper, number(np.inf)) if upper < high else upper
    # Sums of float64 could overflow; with an infinite cutoff infinities of both signs could meet.
    limit = number(np.inf)
    if number is np.float64:
        limit = number(1e280)
    elif is_infinite:
        limit = np.finfo(number).max
    return Sides(lower, upper, limit)
