"""Runs of regions, sorted by region, and what is measured of them without looking at pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from segpost._backends import registry
from segpost._core.contract import Array
from segpost._core.equality import has_same_values

MAX_TABLE_LABELS = 1 << 20  # a range of labels that is counted, not sorted


@dataclass(frozen=True, eq=False)
class RunTable:
    """Runs by region, of each by column, then by row; no region is without runs.

    Parameters
    ----------
    size : (H, W)
        The size of the image.
    labels : int64 array of shape (K,)
        The label of every region.
    offsets : int64 array of shape (K + 1,)
        Region k has the runs offsets[k] to offsets[k + 1] - 1.
    column, top, bottom : int32 arrays of shape (R,)
        The pixels of a run: rows top to bottom - 1 of a column.
    total : float64 array of shape (R,) or None
        The sum of the confidence of the pixels.
    scores : float64 array of shape (K,) or None
        The confidence of every region, where no pixel has one.
    is_disjoint : bool
        Whether no pixel belongs to several regions.
    """

    size: tuple[int, int]
    labels: Array
    offsets: Array
    column: Array
    top: Array
    bottom: Array
    total: Array | None = None
    scores: Array | None = None
    is_disjoint: bool = True

    @cached_property
    def length(self) -> Array:
        """The pixels of every run, int64."""
        return (self.bottom - self.top).astype(np.int64)

    @cached_property
    def region(self) -> Array:
        """The region of every run, int32."""
        return np.repeat(np.arange(len(self.labels), dtype=np.int32), np.diff(self.offsets))

    @cached_property
    def area(self) -> Array:
        """The pixels of every region, int64."""
        return self._sums(self.length)

    @cached_property
    def box(self) -> Array:
        """The smallest box of every region, int64 (K, 4): x, y, width, height."""
        if not len(self.labels):
            return np.zeros((0, 4), np.int64)
        first, last = self.offsets[:-1], self.offsets[1:] - 1
        x, y = self.column[first], np.minimum.reduceat(self.top, first)
        width = self.column[last] + 1 - x
        height = np.maximum.reduceat(self.bottom, first) - y
        return np.stack([x, y, width, height], axis=1).astype(np.int64)

    @cached_property
    def centroid(self) -> Array:
        """The mean x and y of the pixels of every region, float64 (K, 2)."""
        twice_y = (self.top.astype(np.int64) + self.bottom - 1) * self.length
        sums = np.stack([2 * self._sums(self.column * self.length), self._sums(twice_y)], axis=1)
        return sums / (2.0 * self.area[:, None])

    @cached_property
    def mean_value(self) -> Array | None:
        """The mean confidence of every region, float64, or None."""
        if self.total is None:
            return self.scores
        return self._sums(self.total) / self.area

    @cached_property
    def first_pixel(self) -> Array:
        """The row-major index of the first pixel of every region, int64."""
        if not len(self.labels):
            return np.zeros(0, np.int64)
        index = index_pixels(self.size, self.column, self.top)
        return np.minimum.reduceat(index, self.offsets[:-1])

    def largest_of_labels(self) -> Array:
        """Return the largest region of every label; the first of several of one size."""
        order = np.lexsort([-self.area, self.labels])
        labels = self.labels[order]
        is_first = np.ones(len(labels), bool)
        is_first[1:] = labels[1:] != labels[:-1]
        return np.sort(order[is_first])

    def has_same_values(self, other: RunTable) -> bool:
        """Return whether size, labels, runs and mean confidence are those of another table."""
        names = ("size", "labels", "offsets", "column", "top", "bottom", "mean_value")
        return all(has_same_values(getattr(self, name), getattr(other, name)) for name in names)

    def _sums(self, values: Array) -> Array:
        """Return the sum of the values of the runs of every region."""
        if not len(self.labels):
            return np.zeros(0, values.dtype)
        return np.add.reduceat(values, self.offsets[:-1])

    def select(self, regions: Array) -> RunTable:
        """Return a table of some regions, in that order."""
        first, counts = self.offsets[regions], np.diff(self.offsets)[regions]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        runs = np.arange(offsets[-1]) + np.repeat(first - offsets[:-1], counts)
        is_disjoint = self.is_disjoint and len(np.unique(regions)) == len(regions)
        return replace(
            self,
            is_disjoint=is_disjoint,
            labels=self.labels[regions],
            offsets=offsets,
            column=self.column[runs],
            top=self.top[runs],
            bottom=self.bottom[runs],
            total=None if self.total is None else self.total[runs],
            scores=None if self.scores is None else self.scores[regions],
        )


def index_pixels(size: tuple[int, ...], column: Array, row: Array) -> Array:
    """Return the row-major index of pixels, int64; column x of slice z is z * width + x."""
    height, width = size
    x = column.astype(np.int64)
    if x.max(initial=0) < width:  # one slice
        return np.asarray(row * np.int64(width) + x)
    z, x = np.divmod(x, max(width, 1))
    return np.asarray((z * height + row) * width + x)


def as_read_only(array: Array) -> Array:
    """Return a view that cannot be written to: the array is kept."""
    view = array.view()
    view.flags.writeable = False
    return view


def group_runs(
    size: tuple[int, int],
    label: Array,
    column: Array,
    top: Array,
    bottom: Array,
    total: Array | None = None,
    *,
    is_disjoint: bool = True,
) -> RunTable:
    """Return a table with a region for every label, in order; runs are sorted by column.

    Parameters
    ----------
    size : (H, W)
    label : integer array of shape (R,)
        The label of every run.
    column, top, bottom, total : arrays of shape (R,)
    is_disjoint : bool
    """
    labels, rank, _ = rank_labels(label)
    order, offsets = registry.host_backend().sort_groups(rank.astype(np.int32), len(labels))
    return RunTable(
        size,
        labels,
        offsets,
        column[order],
        top[order],
        bottom[order],
        None if total is None else total[order],
        is_disjoint=is_disjoint,
    )


def rank_labels(label: Array) -> tuple[Array, Array, Array]:
    """Return the labels that occur, sorted, the rank of each in them, and how often they occur."""
    if not label.size:
        return np.zeros(0, np.int64), np.zeros(0, np.uint16), np.zeros(0, np.int64)
    low, high = int(label.min()), int(label.max())
    if high - low >= MAX_TABLE_LABELS:
        labels, rank, counts = np.unique(label, return_inverse=True, return_counts=True)
    else:
        shifted = label - low
        every = np.bincount(shifted)
        present = np.flatnonzero(every)
        labels, counts = present + low, every[present]
        table = np.zeros(high - low + 1, np.int64)
        table[present] = np.arange(len(present))
        rank = table[shifted]
    return labels.astype(np.int64), rank, counts
