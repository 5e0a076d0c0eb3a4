"""Pixel counts that scores are computed from: tables with named rows, and snapshots of a data set.

Counts have two layouts, both int64. A *state* is (C + 1, C + 1): its last row holds ignored targets
and its last column predictions that are no class, so that it sums to the number of pixels. A
`CountTable` is (C + 2, C + 1): it keeps targets that are neither a class nor ignored in one row
more. Backends add to tables, a `ConfusionMatrix` keeps a state, scores read tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from segpost._core.arrays import Array
from segpost._core.equality import compare_by_value
from segpost.metrics.ratios import Float64, Int64, ratio

# How often each (target, prediction) occurred of which one is neither a class nor ignored.
LabelPairs = dict[tuple[int, int], int]
MIN_LABEL_LIMIT = 1024


class CountTable(NamedTuple):
    """Counts of (target, prediction) pairs, with targets that are no class in rows of their own."""

    array: Int64  # (C + 2, C + 1)

    @classmethod
    def zeros(cls, classes: int) -> CountTable:
        """Make an empty table."""
        return cls(np.zeros((classes + 2, classes + 1), np.int64))

    @classmethod
    def from_state(cls, state: Int64) -> CountTable:
        """Copy a state; the row of targets that are neither class nor ignored is empty."""
        return cls(np.concatenate([state, np.zeros_like(state[:1])]))

    def to_state(self) -> Int64:
        """Return the state, in which targets that are no class count as ignored."""
        state = self.array[:-1].copy()
        state[-1] += self.array[-1]
        return state

    @property
    def matrix(self) -> Int64:
        """(C, C) view of the targets and predictions that are classes."""
        matrix: Int64 = self.array[:-2, :-1]
        return matrix

    @property
    def class_rows(self) -> Int64:
        """(C, C + 1) view of the targets that are classes; the last column is `invalid_preds`."""
        return self.array[:-2]

    @property
    def invalid_preds(self) -> Int64:
        """(C,) view: predictions that are no class, for each target that is one."""
        column: Int64 = self.array[:-2, -1]
        return column

    @property
    def ignored(self) -> Int64:
        """(C + 1,) view: what was predicted where the target is ignored."""
        row: Int64 = self.array[-2]
        return row

    @property
    def invalid_targets(self) -> Int64:
        """(C + 1,) view: what was predicted where the target is neither a class nor ignored.

        In scores each such prediction is a false positive of its class.
        """
        row: Int64 = self.array[-1]
        return row

    @property
    def has_invalid_labels(self) -> bool:
        """Whether a label is no class, ignored targets and the predictions there aside."""
        array = self.array
        return bool(np.count_nonzero(array[-1]) or np.count_nonzero(array[:-2, -1]))


class LabelRules(NamedTuple):
    """Which labels are classes, which are ignored, and which of the others are an error."""

    classes: int
    ignored: Array  # (n,) int64, sorted and unique; may hold classes
    refuse_targets: bool = True  # that are neither a class nor ignored
    refuse_preds: bool = False  # that are no class, where the target is one

    def are_broken_by(self, table: CountTable) -> bool:
        """Whether a table holds labels that are an error."""
        array = table.array
        return bool(
            (self.refuse_targets and np.count_nonzero(array[-1]))
            or (self.refuse_preds and np.count_nonzero(array[:-2, -1]))
        )


@compare_by_value
class ClassCounts(NamedTuple):
    """Pixels of every class, from which its scores are computed; the last axis is the class."""

    true_positives: Int64
    support: Int64  # pixels of the target
    predicted: Int64  # predicted pixels whose target is not ignored

    @classmethod
    def from_table(cls, table: CountTable) -> ClassCounts:
        """Sum the rows and columns of a table."""
        matrix = table.matrix
        predicted = matrix.sum(axis=0) + table.invalid_targets[:-1]
        return cls(matrix.diagonal().copy(), table.class_rows.sum(axis=1), predicted)

    def iou(self) -> Float64:
        """Return intersection over union; NaN for a class in neither map."""
        return ratio(self.true_positives, self.support + self.predicted - self.true_positives)


class ImageCounts(NamedTuple):
    """Counts of one image: the cells of its state that are not zero."""

    id: str | int | None
    cells: Int64  # flat indices into the (C + 1, C + 1) state, ascending
    counts: Int64
    outside: LabelPairs

    def state(self, classes: int) -> Int64:
        """Return the (C + 1, C + 1) state of the image."""
        state = np.zeros((classes + 1) * (classes + 1), np.int64)
        state[self.cells] = self.counts
        return state.reshape(classes + 1, classes + 1)


@dataclass(frozen=True, eq=False)
class CountSnapshot:
    """Counts of a data set at one moment; what is counted later does not change it.

    `state` is a copy and read-only. `outside` and the images are shared with the confusion matrix,
    which replaces them and never changes them.
    """

    state: Int64  # (C + 1, C + 1)
    outside: Mapping[tuple[int, int], int]  # see `ConfusionMatrix.outside`
    images: Sequence[ImageCounts]
    settings: dict[str, Any]  # of the confusion matrix: see `ConfusionMatrix.settings`

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.state) - 1

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """One name for each class: its number where no name was given."""
        return tuple(self.settings["class_names"] or map(str, range(self.num_classes)))

    @property
    def groups(self) -> dict[str, Any] | None:
        """Categories and their classes, or a tree of them."""
        groups: dict[str, Any] | None = self.settings["groups"]
        return groups

    @cached_property
    def ignored_classes(self) -> tuple[int, ...]:
        """Classes that are an `ignore_index`, ascending."""
        return tuple(c for c in self.settings["ignore_index"] if 0 <= c < self.num_classes)

    @property
    def pixels(self) -> int:
        """Number of pixels, ignored ones included."""
        return int(self.state.sum())

    @property
    def has_images(self) -> bool:
        """Whether counts of single images are kept, though there may be none yet."""
        return bool(self.settings["per_image"] or self.images)


def label_limit(classes: int) -> int:
    """Return the limit of the labels in `LabelPairs`.

    It is beyond every value that a library could take for a cell of its matrix. Larger labels count
    as the limit, smaller ones than its negative as that.
    """
    return max((classes + 1) ** 2, MIN_LABEL_LIMIT)


def checked_add(a: Any, b: Any) -> Any:
    """Add two arrays of counts.

    Raises
    ------
    OverflowError
        If int64 cannot hold a sum.
    """
    total = a + b
    if np.count_nonzero(total < 0):  # faster than any()
        raise OverflowError("the sum of the counts is beyond int64")
    return total


def add_pairs(total: LabelPairs, part: Mapping[tuple[int, int], int]) -> None:
    """Add the counts of label pairs to others, in place."""
    for pair, count in part.items():
        total[pair] = total.get(pair, 0) + count
