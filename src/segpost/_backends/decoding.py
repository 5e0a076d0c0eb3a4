"""Decoding for an expected score in passes over the logits, of backends that have the passes.

The levels of the classes are computed anew in every pass, and are kept nowhere. The first pass sums
them, and counts them in bins of their float32 code. The threshold of a class lies in one bin. The
next pass writes the labels of all blocks of pixels without a level in such a bin; for the others
bins are divided, until a bin is one level. Pixels that several classes select, or none, come last.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from segpost._core.contract import Array, LogitErrors, Logits
from segpost._core.expected_scores import UNIT, Int64, find_threshold, gain_of
from segpost._core.logits import with_both_classes
from segpost._core.sampling import Axes, same_size_axes

BLOCK = 64  # pixels of a row that have one mark
MANTISSA = 23  # bits of a float32
UNDECIDED = 1  # mark of a block with a level in the bin of a threshold
OPEN = 2  # mark of a block with a pixel that several classes select, or none
STEP = 9  # bits of a code by which a pass narrows a bin
NOWHERE = 1 << 30  # first bin of a class that is not counted


class Bins(NamedTuple):
    """Bins of codes: level y lies in bin ``((code(y) - 1) >> shift) - first`` of its class.

    The code of a level is the bits of it as float32. Codes rise with levels. A bin has the levels
    above its lower edge, up to its upper edge, so that what is above an edge is whole bins.
    """

    first: Array  # [N, C] int32
    shift: int
    counts: Array  # [N, C, B] int64: the levels of each bin
    sums: Array  # [N, C, B] int64


class Passes(Protocol):
    """The passes of a backend over logits without a threshold, and axes; `blocks` are the marks."""

    def count_levels(
        self,
        logits: Logits,
        axes: Axes,
        blocks: Array,  # [N, H, ceil(W / BLOCK)] uint8; of those that are UNDECIDED
        first: Array,  # those of `Bins`, to which levels are added
        shift: int,
        counts: Array,
        sums: Array,
        mass: Array,  # [N, C] int64: the sum of all levels is added
    ) -> LogitErrors: ...

    def settle_labels(
        self,
        logits: Logits,
        axes: Axes,
        blocks: Array,  # of those that are UNDECIDED; they get their new marks
        lower: Array,  # [N, C] float32: the edges of the bin of the threshold, or the threshold
        upper: Array,
        counts: Array,  # [N, C] int64: the pixels that one class selects are added, and the sums
        sums: Array,  # of their levels
        labels: Array,  # [N, H, W]: written there
    ) -> None: ...

    def resolve_labels(
        self,
        logits: Logits,
        axes: Axes,
        blocks: Array,  # of those that are OPEN
        lower: Array,
        candidates: Array,  # [N, C] uint8: the classes of pixels that none selects
        gains: Array,  # [N, C, 2] float64: the fields of a `Gain`
        is_iou: bool,
        labels: Array,  # [N, H, W]: written where several classes select a pixel, or none
    ) -> None: ...


def decode_labels(
    passes: Passes, logits: Logits, axes: Axes | None, score: str, labels: Array
) -> LogitErrors:
    """Write the labels of the definition, `segpost._backends.reference.decoding`."""
    is_sigmoid = logits.threshold is not None
    logits = with_both_classes(logits)
    axes = axes or same_size_axes(logits.values.shape[2:])
    n, height, width = labels.shape
    classes = logits.values.shape[1]
    mass = np.zeros((n, classes), np.int64)
    blocks = np.full((n, height, -(-width // BLOCK)), UNDECIDED, np.uint8)

    def count(bins: Bins) -> None:
        passes.count_levels(logits, axes, blocks, *bins, np.zeros_like(mass))

    bins = bins_between(1 << 21, UNIT, (n, classes))
    errors = passes.count_levels(logits, axes, blocks, *bins, mass)
    search = ThresholdSearch(bins, mass, score, is_sigmoid)
    if search.are_below.any():
        bins = bins_between(0, 1 << 21, (n, classes), only=search.are_below)
        count(bins)
        search.narrow(bins)
    pixels, sums = np.zeros_like(mass), np.zeros_like(mass)
    while True:
        edges = search.edges()
        passes.settle_labels(logits, axes, blocks, *edges, pixels, sums, labels)
        if not (blocks == UNDECIDED).any():
            break
        bins = search.next_bins()
        count(bins)
        search.narrow(bins)
    if blocks.any():
        gains = np.zeros((n, classes, 2))
        for i in np.ndindex(mass.shape):
            gains[i] = gain_of(int(mass[i]), int(pixels[i]), int(sums[i]), score)
        candidates = search.candidates()
        passes.resolve_labels(
            logits, axes, blocks, edges[0], candidates, gains, score == "iou", labels
        )
    return errors


def bins_between(low: int, high: int, shape: tuple[int, int], only: Array | None = None) -> Bins:
    """Return empty bins of the levels above `low` up to `high`, two powers of two or 0.

    `only` says which of the images and classes (N, C) are counted, by default all.
    """
    shift = MANTISSA - 5  # 32 bins from each power of two to the next
    first = code_of(low) >> shift if low else (code_of(1) >> shift) - (1 << MANTISSA - shift)
    count = (code_of(high) >> shift) - first
    firsts = np.full(shape, first, np.int32)
    if only is not None:
        firsts[~only] = NOWHERE
    tables = np.zeros((2, *shape, count), np.int64)
    return Bins(firsts, shift, tables[0], tables[1])


def code_of(level: int) -> int:
    """Return the bits of a level as float32."""
    return int(np.float32(level).view(np.int32))


class ThresholdSearch:
    """The search of the thresholds of all classes, bin by bin.

    Parameters
    ----------
    bins : Bins
        The counts of the upper levels, which contain 1/2.
    mass : array of shape (N, C), int64
    score : {"dice", "iou"}
    is_sigmoid : bool
        Whether class 0 of two is what class 1 is not.

    Attributes
    ----------
    are_below : array of shape (N, C), bool
        Whether the threshold of a class is below all of these bins.
    """

    def __init__(self, bins: Bins, mass: Int64, score: str, is_sigmoid: bool) -> None:
        self.mass, self.score, self.shift = mass, score, bins.shift
        self._is_sigmoid = is_sigmoid
        half = (code_of(UNIT // 2) >> bins.shift) - int(bins.first[0, 0])
        self.are_active = bins.counts[:, :, half:].sum(axis=2) > 0
        if is_sigmoid:
            self.are_active[:, 0] = False
        self._above = np.zeros((*mass.shape, 2), np.int64)  # pixels and sum above the bin
        self._code = np.full(mass.shape, NOWHERE, np.int64)  # of the lower edge, shifted
        self.are_below = np.zeros(mass.shape, bool)
        self.narrow(bins)

    def narrow(self, bins: Bins) -> None:
        """Find the bin of every class that was counted."""
        self.shift = bins.shift
        for n, c in np.argwhere(self.are_active & (bins.first != NOWHERE)):
            first = int(bins.first[n, c])
            codes = np.arange(first, first + bins.counts.shape[2], dtype=np.int64) << bins.shift
            edges = codes.astype(np.int32).view(np.float32).astype(np.int64)
            pixels, total = self._above[n, c]
            pixels_above = pixels + np.cumsum(bins.counts[n, c][::-1])[::-1]
            sums_above = total + np.cumsum(bins.sums[n, c][::-1])[::-1]
            mass = int(self.mass[n, c])
            levels = np.append(0, edges)  # of which the first is for what is below all bins
            k = find_threshold(
                levels,
                np.append(0, pixels_above),
                np.append(0, sums_above),
                mass,
                self.score,
            )
            self.are_below[n, c] = k == 0
            if k == 0:
                self._above[n, c] = pixels_above[0], sums_above[0]
                continue
            if k < len(edges):
                self._above[n, c] = pixels_above[k], sums_above[k]
            self._code[n, c] = first + k - 1

    def next_bins(self) -> Bins:
        """Return empty bins, into which those of the last pass are divided."""
        step = min(STEP, self.shift)
        first = np.where(self.are_active, self._code << step, NOWHERE).astype(np.int32)
        tables = np.zeros((2, *self.mass.shape, 1 << step), np.int64)
        return Bins(first, self.shift - step, tables[0], tables[1])

    def edges(self) -> tuple[Array, Array]:
        """Return the edges of the bins of the thresholds in float32; a bin of one level has one.

        Levels above the upper edge are selected, and those up to the lower edge are not.
        """
        ends = [
            np.where(self.are_active, self._code + step << self.shift, 0).astype(np.int32)
            for step in (0, int(self.shift > 0))
        ]
        lower, upper = (
            np.where(self.are_active, end.view(np.float32), np.float32(np.inf)) for end in ends
        )
        return lower, upper

    def candidates(self) -> Array:
        """Return the classes of pixels that no class selects."""
        if self._is_sigmoid:
            return np.repeat(np.array([[1, 0]], np.uint8), len(self.mass), axis=0)
        is_pruned = ~self.are_active.any(axis=1, keepdims=True)
        return np.asarray(self.are_active | is_pruned, np.uint8)
