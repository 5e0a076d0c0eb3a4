"""Pixels whose label is another in float32 than in float64, and what rounding explains."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segpost._core.arrays import Array
from segpost._core.sampling import Axis, axes
from segpost.runtimes.appending.options import AppendOptions
from segpost.runtimes.appending.plan import Plan
from segpost.runtimes.appending.tail import Tail

SINGLE = 2.0**-24  # of coordinates, which runtimes compute in float32
COORDINATE_STEPS = 3  # roundings of one coordinate
VALUE_STEPS = 12  # roundings of the difference of two interpolated logits
SOFT_ROUNDING = 2.0**-20  # of logits, between which a softmax in float32 makes a tie
INTEGER_STEPS = 2  # of logits that a resize rounds to whole numbers


class Ties(NamedTuple):
    """What is known of pixels with two labels."""

    gaps: Array  # the difference of the logits of both labels, interpolated in float64
    limits: Array  # the largest difference that rounding explains
    is_clipped: Array  # the larger logit is beyond the levels of a quantization


def find_ties(
    tail: Tail,
    plan: Plan,
    options: AppendOptions,
    logits: Array,
    labels: Array,
    expected: Array,
    places: Array,
) -> Ties:
    """Return how far the logits of two labels are apart at pixels, and what rounding explains.

    A runtime computes coordinates in float32, whose error grows with the sides of the logits and
    moves a value by a part of the difference of its neighbors; and it rounds values.

    Parameters
    ----------
    tail : Tail
    plan : Plan
    options : AppendOptions
    logits : array
        As the runtime gives them.
    labels, expected : arrays of shape (N, H, W)
    places : int array of shape (pixels, 3)
        The pixels that are looked at: n, y, x.
    """
    count = len(places)
    if options.letterbox is not None:  # both are segpost's, which do not round
        return Ties(np.full(count, np.inf), np.zeros(count), np.zeros(count, bool))
    values = logits.astype(np.float64)
    if tail.class_axis == -1:
        values = values.transpose(0, 3, 1, 2)
    at = axes(values.shape[2:], labels.shape[1:], plan.grid)
    n, y, x = places.T
    pair = np.stack([labels[n, y, x], expected[n, y, x]]).astype(np.int64)
    corners, weights = [], []
    for rows, row_weights in _both(at.y, y):
        for columns, column_weights in _both(at.x, x):
            corners.append(_logits_of(values, plan, n, rows, columns, pair))
            weights.append(row_weights * column_weights)
    interpolated = np.sum([w * c for w, c in zip(weights, corners, strict=True)], axis=0)
    differences = np.array([corner[0] - corner[1] for corner in corners])
    height, width = values.shape[2:]
    limits = SINGLE * COORDINATE_STEPS * (height + width) * np.ptp(differences, axis=0)
    limits += tail.rounding * VALUE_STEPS * abs(np.array(corners)).max(axis=(0, 1)) + tail.step
    if any(step.kind in ("softmax", "sigmoid") for step in tail.steps):
        limits += SOFT_ROUNDING
    if tail.dtype.startswith(("int", "uint")):
        limits += INTEGER_STEPS
    is_clipped = np.max(interpolated, axis=0) > tail.last_level - tail.step
    limits[is_clipped] = np.inf
    return Ties(abs(interpolated[0] - interpolated[1]), limits, is_clipped)


def _both(axis: Axis, places: Array) -> list[tuple[Array, Array]]:
    """Return both samples of an axis, and their weights."""
    first = axis.cell[places]
    second = np.minimum(first + 1, axis.n_in - 1)
    return [(first, axis.w0[places] / axis.den), (second, axis.w1[places] / axis.den)]


def _logits_of(
    values: Array, plan: Plan, n: Array, rows: Array, columns: Array, pair: Array
) -> Array:
    """Return the logits (2, pixels) of two labels; of one channel the logit and the cutoff."""
    if plan.threshold is None:
        return np.asarray(values[n, np.clip(pair, 0, values.shape[1] - 1), rows, columns])
    with np.errstate(divide="ignore"):
        cutoff = np.log(plan.threshold) - np.log1p(-plan.threshold)
    return np.stack([values[n, 0, rows, columns], np.full(len(n), cutoff)])
