"""Labels that maximise the expected Dice or IoU of an image: thresholds and gains of classes.

RankSEG-RMA approximates the expected score of the pixels with the label c, of which there are n
with the probabilities p of the class, by sums. M is the sum of p over the whole image, S that over
the n pixels::

    Dice: 2 S / (M + n + 1)        IoU: S / (M + n - S)

A pixel more raises the score where its p is above S / (M + n + 1), or S / (M + n): such fractions
rise until the best n, and fall behind it. The threshold of a class is the largest of them, so that
equal probabilities are all above it or all not. It is at most 1/2.

Probabilities are integers in units of 2**-30 (levels), and sums are integers too: what follows does
not depend on the order of the pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segpost._core.exponential import exp_float32

UNIT = 1 << 30  # levels of a probability of 1
LOWEST = np.float32(-21.6)  # a logit further below the largest has the level 0
MAX_PIXELS = 1 << 31  # of an image, whose sums are below 2**63

Int64 = npt.NDArray[np.int64]


class Gain(NamedTuple):
    """What a pixel adds to the expected score of a class, but for a factor of all classes.

    It is ``(p - ratio * rest) / (size + rest)`` with ``rest = 1 - p`` of the IoU, and 1 of Dice.
    """

    ratio: float
    size: float


def probability_levels(values: npt.NDArray[np.float64], unit: float) -> Int64:
    """Return softmax over axis 0 in levels; -1 in all classes of a pixel without probabilities.

    Differences of values to the largest, times `unit`, are rounded to float32, and so are powers
    and probabilities: these are within 1e-6 relative of float64, and 2**-31.

    Examples
    --------
    >>> import numpy as np
    >>> from segpost._core.expected_scores import UNIT, probability_levels
    >>> levels = probability_levels(np.log([[0.25], [0.75]]), 1.0)
    >>> (levels.ravel() / UNIT).round(6)
    array([0.25, 0.75])
    """
    with np.errstate(invalid="ignore", over="ignore"):
        below = ((values - values.max(axis=0)) * unit).astype(np.float32)
    is_undefined = np.isnan(below).any(axis=0)
    is_low = ~(below >= LOWEST)
    power = np.where(is_low, np.float32(0), exp_float32(np.where(is_low, np.float32(0), below)))
    total = np.zeros(power.shape[1:])
    for plane in power:  # in order of the classes
        total += plane
    scale = (UNIT / np.where(is_undefined, 1.0, total)).astype(np.float32)
    levels: Any = np.where(is_undefined, -1, np.rint(power * scale).astype(np.int64))
    return levels  # type: ignore[no-any-return]


def find_threshold(
    levels: Sequence[int] | Int64,
    counts_above: Int64,
    sums_above: Int64,
    mass: int,
    score: str,
) -> int:
    """Return the index of the last of some levels that is not above the threshold of a class.

    Parameters
    ----------
    levels : int64, ascending from 0
    counts_above, sums_above : int64, as many
        The pixels whose level is above each, and the sum of their levels.
    mass : int
        The sum of all levels.
    score : {"dice", "iou"}
    """
    extra = int(score == "dice")
    low, high = 0, len(levels)
    while high - low > 1:
        middle = (low + high) // 2
        pixels = int(counts_above[middle]) + extra
        if int(sums_above[middle]) * UNIT >= int(levels[middle]) * (mass + pixels * UNIT):
            low = middle
        else:
            high = middle
    return low


def gain_of(mass: int, pixels: int, total: int, score: str) -> Gain:
    """Return the gain of a class: its mass, and the pixels that are its alone and their levels.

    Examples
    --------
    >>> from segpost._core.expected_scores import UNIT, gain_of
    >>> gain_of(6 * UNIT, 4, 3 * UNIT, "iou")
    Gain(ratio=0.42857142857142855, size=7.0)
    """
    if score == "dice":
        size = mass + pixels * UNIT
        return Gain(total / (size + UNIT), size / (2 * UNIT))
    union = mass + pixels * UNIT - total
    return Gain(total / union if union else 0.0, union / UNIT)


def compute_gains(levels: Any, ratio: Any, size: Any, score: str) -> npt.NDArray[np.float64]:
    """Return the gains of pixels by their levels and the fields of the `Gain` of the class."""
    probability = levels * (1 / UNIT)
    rest = 1.0 - probability if score == "iou" else 1.0
    gains: Any = (probability - ratio * rest) / (size + rest)
    return gains  # type: ignore[no-any-return]
