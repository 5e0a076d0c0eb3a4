"""Data sets drawn from the images of a data set: with replacement, or with two runs swapped."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from segpost._core.arguments import as_count, as_integer, as_real
from segpost.metrics.ratios import Float64

WORDS = 1 << 32  # values of the random numbers that thresholds are compared with
HALF_BITS = 16  # of such a number
MAX_CELLS = 1 << 23  # of a block of samples
MAX_ROWS = 128
DENSE_THRESHOLDS = 4  # beyond, so few images repeat that they are listed
MARGIN = 6.0  # standard deviations by which the first draws stay below the number of images


class Draws(NamedTuple):
    """Which data sets are drawn, and the share of them that an interval holds."""

    samples: int
    level: float
    seed: int


def as_draws(samples: object, level: object, seed: object) -> Draws:
    """Check the arguments of a bootstrap.

    Raises
    ------
    ValueError, TypeError
    """
    draws = Draws(
        as_count(samples, "samples", 1), as_real(level, "level"), as_integer(seed, "seed")
    )
    if not 0 < draws.level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level!r}")
    if draws.seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed!r}")
    return draws


def draw_repeats(images: int, samples: int, seed: int) -> Iterator[Float64]:
    """Yield how often each image is in data sets that are drawn with replacement, in blocks.

    The numbers of a data set are multinomial: `images` draws, all images alike. Independent Poisson
    numbers whose sum is fixed have that distribution. So most draws are Poisson numbers of a rate a
    little below 1, and the rest is drawn one by one.

    Parameters
    ----------
    images : int
        N, at least 1.
    samples : int
        Data sets.
    seed : int
        The same seed gives the same data sets.

    Yields
    ------
    repeats : float64 array of shape (B, N)
        Integers whose rows sum to N; it is overwritten by the next block.
    """
    random = np.random.default_rng(seed)
    thresholds = _poisson_thresholds(max(0.0, 1.0 - MARGIN / math.sqrt(images)))
    rows = _block_rows(images)
    block, numbers = np.empty((rows, images)), _PoissonNumbers(images, thresholds)
    for start in range(0, samples, rows):
        used = min(rows, samples - start)
        for row in range(used):
            missing = -1
            while missing < 0:
                numbers.draw(random)
                missing = images - int(numbers.counts.sum(dtype=np.int64))
            block[row] = numbers.counts
            np.add.at(block[row], random.integers(0, images, missing), 1.0)
        yield block[:used]


def draw_swaps(images: int, samples: int, seed: int) -> Iterator[Float64]:
    """Yield which images two runs exchange, (B, N) of 0 and 1, in blocks as `draw_repeats`."""
    random = np.random.default_rng(seed)
    rows = _block_rows(images)
    size = -(-images // 8)
    block = np.empty((rows, images))
    for start in range(0, samples, rows):
        used = min(rows, samples - start)
        for row in range(used):
            bits = np.frombuffer(random.bytes(size), np.uint8)
            block[row] = np.unpackbits(bits, count=images)
        yield block[:used]


def _block_rows(images: int) -> int:
    return max(1, min(MAX_ROWS, MAX_CELLS // images))


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


class _PoissonNumbers:
    """A Poisson number for each image, in memory that is used again.

    Half a word decides nearly all comparisons with a threshold; the other half is only drawn for
    the images where it does not, and for those beyond the dense thresholds.
    """

    def __init__(self, images: int, thresholds: list[int]) -> None:
        self.counts = np.empty(images, np.uint8)
        self._thresholds = thresholds
        self._is_open, self._compared = np.empty(images, bool), np.empty(images, bool)

    def draw(self, random: np.random.Generator) -> None:
        """Write the next numbers to `counts`."""
        counts, is_open, compared = self.counts, self._is_open, self._compared
        size = len(counts)
        halves = random.integers(0, 1 << 64, (size + 3) // 4, np.uint64).view(np.uint16)[:size]
        rare = self._thresholds[DENSE_THRESHOLDS:]
        np.greater_equal(halves, np.uint16(min(rare, default=WORDS - 1) >> HALF_BITS), out=is_open)
        counts[:] = 0
        for threshold in self._thresholds[:DENSE_THRESHOLDS]:
            half = np.uint16(threshold >> HALF_BITS)
            counts += np.greater(halves, half, out=compared).view(np.uint8)
            is_open |= np.equal(halves, half, out=compared)
        few = is_open.nonzero()[0]
        words = halves[few].astype(np.int64) << HALF_BITS
        words |= random.integers(0, 1 << HALF_BITS, len(few))
        counts[few] = np.searchsorted(self._thresholds, words, side="right")
