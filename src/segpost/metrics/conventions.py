"""Metric conventions: how counts of label pairs become the table that scores are computed from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from segpost.metrics.counts import CountTable
from segpost.metrics.policy import AveragingPolicy
from segpost.metrics.ratios import Int64

Cell = tuple[int, int] | None  # of a `CountTable`; None: the pair is left out
Remap = Callable[[int, int, int], Cell]  # of target, prediction and the number of classes
ERROR = (-1, -1)  # the cell of a pair at which a library stops


@dataclass(frozen=True, kw_only=True)
class MetricConvention:
    """Everything that decides which scores the same counts give."""

    policy: AveragingPolicy
    name: str = ""  # of the dialect; empty for segpost's own convention
    invalid_preds_note: str = "counted as misses"  # what happens to a prediction of no class
    remap: Remap | None = None  # where pairs with a label that is no class count; None: as segpost
    counts_ignored_as_misses: bool = False  # whether pixels of an ignored class are its misses
    counts_ignored_preds: bool = False  # whether predictions there are false positives
    empty_mean: float = math.nan  # the mean over no class at all
    excluded_iou: str = "own"  # listed for classes outside the mean: "own", "nan", or
    # "zero_if_absent": their own, and 0 for a class in neither map

    @classmethod
    def own(cls, policy: AveragingPolicy) -> MetricConvention:
        """Make segpost's convention with a policy."""
        is_dropped = policy.invalid_preds == "drop"
        return cls(
            policy=policy, invalid_preds_note="left out" if is_dropped else "counted as misses"
        )


class Remapping(NamedTuple):
    """The cell where a library counts a pair of which one label is neither a class nor ignored."""

    target: int
    pred: int
    pixels: int
    cell: Cell


def is_class(label: int, classes: int) -> bool:
    """Whether a label is a class."""
    return 0 <= label < classes


def remap_pairs(
    outside: Mapping[tuple[int, int], int], remap: Remap, classes: int
) -> list[Remapping]:
    """Find the cell where a library counts each of the label pairs."""
    return [
        Remapping(target, pred, count, remap(target, pred, classes))
        for (target, pred), count in outside.items()
    ]


def predictions_on_ignored(state: Int64, remappings: Sequence[Remapping]) -> Int64:
    """Count what was predicted on ignored targets alone.

    The last row of a state also holds the targets that are neither a class nor ignored: they are
    taken out. Returns (C + 1,) counts.
    """
    row: Int64 = state[-1].copy()
    classes = len(state) - 1
    for target, pred, pixels, _ in remappings:
        if not is_class(target, classes):
            row[pred if is_class(pred, classes) else -1] -= pixels
    return row


def table_with_convention(
    state: Int64,
    outside: Mapping[tuple[int, int], int],
    convention: MetricConvention,
    ignored_classes: Sequence[int],
) -> CountTable:
    """Turn the state of an image or a data set into the table that a convention has of it."""
    table = CountTable.from_state(state)
    if convention.remap is None:
        if convention.policy.invalid_preds == "drop":
            table.invalid_preds[...] = 0
        return table
    classes = len(state) - 1
    remappings = remap_pairs(outside, convention.remap, classes)
    for target, pred, pixels, cell in remappings:
        row, column = (label if is_class(label, classes) else classes for label in (target, pred))
        table.array[row, column] -= pixels
        table.array[(classes, classes) if cell is None else cell] += pixels
    if not ignored_classes:
        return table
    predictions = predictions_on_ignored(state, remappings)
    if convention.counts_ignored_as_misses:
        table.ignored[...] -= predictions
        table.invalid_preds[ignored_classes[0]] += predictions.sum()
    if convention.counts_ignored_preds:
        table.ignored[...] -= predictions
        table.invalid_targets[...] += predictions
    return table
