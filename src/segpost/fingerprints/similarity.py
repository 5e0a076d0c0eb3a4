"""Relations of two summaries: identical, similar, reordered and scaled, flipped or rotated."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from segpost._core.arrays import Array
from segpost.fingerprints.summary import MOMENTS, ROUNDING, Summary

MAX_ORDERED_CHANNELS = 6  # of which every order is tried
RELATIVE_TOLERANCE = 1e-2  # of a value counts as a deviation: some values are far from the others
MIN_DEVIATION = 1e-6  # of the standard deviation; a channel with less is constant


def distance(a: Summary, b: Summary) -> float:
    """Return the largest difference of two summaries in standard deviations, or infinity.

    The distance of arrays of other sizes is infinite.
    """
    if logical_shape(a) != logical_shape(b):
        return float("inf")
    pairs = [
        (a.coarse.astype(np.float64), b.coarse),
        *((getattr(a, moment), getattr(b, moment)) for moment in MOMENTS),
    ]
    scale = max(a.total_std, b.total_std) or float(np.abs([a.mean, b.mean]).max()) or 1.0
    return max(
        float((np.abs(x - y) / (scale + RELATIVE_TOLERANCE * np.abs(x))).max()) for x, y in pairs
    )


def is_identical(a: Summary, b: Summary) -> bool:
    """Return whether two arrays have the same values to the bit, in whatever layout."""
    return a.digest == b.digest and logical_shape(a) == logical_shape(b)


def is_similar(a: Summary, b: Summary) -> bool:
    """Return whether two summaries differ by no more than rounding may change."""
    return distance(a, b) <= tolerance(a, b)


def tolerance(a: Summary, b: Summary) -> float:
    """Return how much rounding may change between two arrays, in standard deviations."""
    return max(a.rounding, b.rounding)


def may_be_precision(a: Summary, b: Summary) -> bool:
    """Return whether a lower precision may explain a difference, and nobody said which there is."""
    is_said = bool(a.precision and b.precision)
    return not is_said and distance(a, b) <= ROUNDING["int8"]


def logical_shape(x: Summary) -> tuple[int, ...]:
    """Return the number of channels and the positions, without the layout.

    The channel axis may be anywhere, and a batch of one is dropped.
    """
    positions = [n for i, n in enumerate(x.shape) if i != x.axis % len(x.shape)]
    while len(positions) > 1 and positions[0] == 1:
        positions.pop(0)
    return (x.channels, *(positions or [1]))


def fit_channels(a: Summary, b: Summary) -> tuple[tuple[int, ...] | None, Array, Array]:
    """Return an order of the channels of `a`, and a scale and offset for each, that give `b`.

    The order is None where there is none. Other orders are tried for few channels only.
    """
    orders: Any = [tuple(range(a.channels))]
    if a.channels <= MAX_ORDERED_CHANNELS:
        orders = itertools.permutations(range(a.channels))
    for order in orders:
        index = list(order)
        std, mean = a.std[index], a.mean[index]
        varies = std > MIN_DEVIATION * (a.total_std or 1)
        scale = np.where(varies, b.std / std.clip(1e-300), 1)
        offset = b.mean - scale * mean
        fitted = scale[:, None, None] * a.coarse[index] + offset[:, None, None]
        if np.abs(fitted - b.coarse).max() <= b.total_std * tolerance(a, b):
            return tuple(order), scale, offset
    return None, np.ones(0), np.zeros(0)


def find_flip(a: Summary, b: Summary) -> str:
    """Return the flip or rotation that makes `b` of `a`, or an empty string."""
    candidates = {
        "": a.coarse,
        "flipped left to right": a.coarse[:, :, ::-1],
        "flipped upside down": a.coarse[:, ::-1],
        "turned by 180 degrees": a.coarse[:, ::-1, ::-1],
        "transposed": a.coarse.transpose(0, 2, 1),
        "turned by 90 degrees": np.rot90(a.coarse, 1, (1, 2)),
        "turned by 270 degrees": np.rot90(a.coarse, 3, (1, 2)),
    }
    wanted, limit = b.coarse.astype(np.float64), a.total_std * tolerance(a, b)
    for name, blocks in candidates.items():
        if blocks.shape == wanted.shape and np.abs(blocks - wanted).max() <= limit:
            return name
    return ""


def round_numbers(values: Any) -> list[float]:
    """Return numbers with four significant digits, for evidence."""
    return [float(f"{value:.4g}") for value in values]
