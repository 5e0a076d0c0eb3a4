"""Sums over data sets that are drawn from images: with replacement, or with two runs exchanged."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from segpost._core.arguments import as_integer, as_real
from segpost.metrics.ratios import Float64, Int64

WORDS = 1 << 32  # values of the random numbers that thresholds are compared with
MAX_SAMPLES = 1_000_000  # whose sums are kept
HALF_BITS = 16  # of such a number
PART_IMAGES = 4096  # drawn together: their values stay in the cache
BLOCK_CELLS = 1 << 18  # numbers of data sets times images of a block
DENSE_THRESHOLDS = 4  # beyond, so few images repeat that they are listed
MARGIN = 8.0  # standard deviations by which the first draws stay below the number of images


class Draws(NamedTuple):
    """How many data sets are drawn, with which seed, and the share that an interval holds."""

    samples: int
    level: float
    seed: int


def as_draws(samples: object, level: object, seed: object) -> Draws:
    """Check the arguments of a bootstrap.

    Raises
    ------
    ValueError, TypeError
    """
    draws = Draws(as_integer(samples, "samples"), as_real(level, "level"), as_integer(seed, "seed"))
    if draws.samples < 1:
        raise ValueError(f"samples must be at least 1, got {samples!r}")
    if draws.samples > MAX_SAMPLES:
        raise ValueError(f"samples must be at most {MAX_SAMPLES:,}, got {samples!r}")
    if not 0 < draws.level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level!r}")
    if draws.seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed!r}")
    return draws


def sum_drawn(values: Float64, samples: int, seed: int) -> Float64:
    """Sum the values of images over data sets that are drawn with replacement.

    A data set has as many draws as there are images, all of which are alike: the numbers of its
    images are multinomial. First those of parts of the images are drawn, then those of the images
    of a part, for which independent Poisson numbers whose sum is fixed have that distribution. So
    most draws are Poisson numbers of a rate a little below 1, and the rest is drawn one by one.

    Parameters
    ----------
    values : (N, K) float64
        Of the images, at least one; sums of integers are exact.
    samples : int
        Data sets.
    seed : int
        The same seed gives the same data sets.

    Returns
    -------
    sums : (samples, K) float64
    """
    random = np.random.default_rng(seed)
    parts = [values[k : k + PART_IMAGES] for k in range(0, len(values), PART_IMAGES)]
    sizes = np.array([len(part) for part in parts])
    totals = random.multinomial(len(values), sizes / len(values), size=samples)
    sums = np.zeros((samples, values.shape[1]))
    for part, of_part in zip(parts, totals.T, strict=True):
        numbers = _Repeats(len(part), samples)
        for rows in numbers.blocks:
            sums[rows] += numbers.draw(random, of_part[rows]) @ part
    return sums


def sum_exchanged(values: Float64, samples: int, seed: int) -> Float64:
    """Sum the values of images over data sets in which each image is with a chance of one half.

    Parameters and result are those of `sum_drawn`.
    """
    random = np.random.default_rng(seed)
    sums = np.zeros((samples, values.shape[1]))
    for k in range(0, len(values), PART_IMAGES):
        part = values[k : k + PART_IMAGES]
        size = -(-len(part) // 8)
        for rows in _blocks(len(part), samples):
            count = rows.stop - rows.start
            bits = np.frombuffer(random.bytes(count * size), np.uint8).reshape(count, size)
            sums[rows] += np.unpackbits(bits, axis=1, count=len(part)).astype(np.float64) @ part
    return sums


def _blocks(images: int, samples: int) -> list[slice]:
    """Return parts of the data sets that are drawn together."""
    step = max(1, BLOCK_CELLS // images)
    return [slice(k, min(k + step, samples)) for k in range(0, samples, step)]


class _Repeats:
    """How often each image is in data sets, in memory that is used again.

    Half a word decides nearly all comparisons of a random number with a threshold; the other half
    is only drawn for the images where it does not, and for those beyond the dense thresholds.
    """

    def __init__(self, images: int, samples: int) -> None:
        self.blocks = _blocks(images, samples)
        shape = max(rows.stop - rows.start for rows in self.blocks), images
        self._repeats, self._counts = np.empty(shape), np.empty(shape, np.uint8)
        self._is_open, self._compared = np.empty(shape, bool), np.empty(shape, bool)
        self._thresholds = _poisson_thresholds(max(0.0, 1.0 - MARGIN / math.sqrt(images)))

    def draw(self, random: np.random.Generator, totals: Int64) -> Float64:
        """Return (B, N) numbers whose rows sum to the totals; the next call overwrites them."""
        count, images = len(totals), self._counts.shape[1]
        missing = self._draw_poisson(random, totals, slice(0, count))
        for row in np.flatnonzero(missing < 0).tolist():
            while missing[row] < 0:  # rarer than once in 10^7
                one = slice(row, row + 1)
                missing[one] = self._draw_poisson(random, totals[one], one)
        repeats = self._repeats[:count]
        repeats[:] = self._counts[:count]
        places = np.repeat(np.arange(count) * images, missing)
        places += random.integers(0, images, len(places))
        np.add.at(repeats.reshape(-1), places, 1.0)
        return repeats

    def _draw_poisson(self, random: np.random.Generator, totals: Int64, rows: slice) -> Int64:
        """Draw Poisson numbers of some rows; return how many draws are missing of each."""
        counts, is_open, compared = (
            array[rows].reshape(-1) for array in (self._counts, self._is_open, self._compared)
        )
        words = random.integers(0, 1 << 64, (counts.size + 3) // 4, np.uint64)
        halves = words.view(np.uint16)[: counts.size]
        rare = self._thresholds[DENSE_THRESHOLDS:]
        np.greater_equal(halves, np.uint16(min(rare, default=WORDS - 1) >> HALF_BITS), out=is_open)
        counts[:] = 0
        for threshold in self._thresholds[:DENSE_THRESHOLDS]:
            half = np.uint16(threshold >> HALF_BITS)
            counts += np.greater(halves, half, out=compared).view(np.uint8)
            is_open |= np.equal(halves, half, out=compared)
        few = is_open.nonzero()[0]
        numbers = halves[few].astype(np.int64) << HALF_BITS
        numbers |= random.integers(0, 1 << HALF_BITS, len(numbers))
        counts[few] = np.searchsorted(self._thresholds, numbers, side="right")
        missing: Int64 = totals - self._counts[rows].sum(axis=1, dtype=np.int64)
        return missing


def _poisson_thresholds(rate: float) -> list[int]:
    """Return the words at which a Poisson number becomes larger by 1."""
    thresholds = []
    share, below = math.exp(-rate), 0.0
    for number in range(1, WORDS):
        below += share
        threshold = round(below * WORDS)
        if threshold >= WORDS:
            break
        thresholds.append(threshold)
        share *= rate / number
    return thresholds
