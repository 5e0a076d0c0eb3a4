"""Data sets drawn from the images of a data set: with replacement, or with two runs swapped."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from segpost.metrics.ratios import Float64

WORDS = 1 << 32  # values of the random numbers that thresholds are compared with
MAX_CELLS = 1 << 23  # of a block of samples
MAX_ROWS = 128
DENSE_THRESHOLDS = 4  # beyond, so few images repeat that they are listed
MARGIN = 6.0  # standard deviations by which the first draws stay below the number of images


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
    block, counts = np.empty((rows, images)), np.empty(images, np.uint8)
    for start in range(0, samples, rows):
        used = min(rows, samples - start)
        for row in range(used):
            missing = -1
            while missing < 0:
                _draw_poisson(random, thresholds, counts)
                missing = images - int(counts.sum(dtype=np.int64))
            block[row] = counts
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


def _draw_poisson(
    random: np.random.Generator,
    thresholds: list[int],
    counts: np.ndarray[tuple[int], np.dtype[np.uint8]],
) -> None:
    """Write a Poisson number for each image."""
    images = len(counts)
    words = random.integers(0, 1 << 64, (images + 1) // 2, np.uint64).view(np.uint32)[:images]
    counts[:] = 0
    for threshold in thresholds[:DENSE_THRESHOLDS]:
        counts += (words >= np.uint32(threshold)).view(np.uint8)
    if len(thresholds) > DENSE_THRESHOLDS:
        many = np.flatnonzero(words >= np.uint32(thresholds[DENSE_THRESHOLDS]))
        rest = thresholds[DENSE_THRESHOLDS:]
        counts[many] += np.searchsorted(rest, words[many], side="right").astype(np.uint8)
