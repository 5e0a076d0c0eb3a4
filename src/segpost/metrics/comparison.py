"""The same counts in every library's words, side by side, with the reasons for each difference."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from segpost.metrics.counts import Mask, mean_of
from segpost.metrics.dialects import (
    DIALECTS,
    Dialect,
    DialectError,
    ignored_classes,
    in_range,
    moves_of,
    scores_of,
)
from segpost.metrics.scores import Scores

if TYPE_CHECKING:
    from segpost.metrics.matrix import ConfusionMatrix


@dataclass(frozen=True)
class Line:
    """What one library says."""

    dialect: str
    library: str
    miou: float | None  # None: there is none
    classes: int  # that the mean is over
    why: tuple[str, ...]  # it is not segpost's number, or why there is none


@dataclass(frozen=True)
class Comparison:
    """The same counts in every dialect; iterates over its lines, and prints as a table."""

    miou: float  # segpost's own
    classes: int  # that its mean is over
    lines: tuple[Line, ...] = field(repr=False)

    def __iter__(self) -> Iterator[Line]:
        return iter(self.lines)

    def __getitem__(self, dialect: str) -> Line:
        return next(line for line in self.lines if line.dialect == dialect)

    def __str__(self) -> str:
        from segpost.metrics.report import formats

        return formats.comparison_text(self)

    def to_markdown(self) -> str:
        """The table in Markdown."""
        from segpost.metrics.report import formats

        return formats.comparison_markdown(self)


def compare(cm: ConfusionMatrix) -> Comparison:
    """Every dialect's mIoU, and the reasons for what is not segpost's own."""
    own = cm.compute()
    lines = []
    for name, row in DIALECTS.items():
        try:
            scores = scores_of(cm, name)
        except DialectError as error:
            lines.append(Line(name, row.library, None, 0, (error.why,)))
            continue
        miou = scores.miou
        same = miou == own.miou or (math.isnan(miou) and math.isnan(own.miou))
        why = () if same else tuple(_reasons(cm, own, scores, row))
        lines.append(Line(name, row.library, miou, int(scores.in_mean.sum()), why))
    return Comparison(own.miou, int(own.in_mean.sum()), tuple(lines))


def _reasons(cm: ConfusionMatrix, own: Scores, other: Scores, row: Dialect) -> Iterator[str]:
    """What these counts have that the two treat differently."""
    policy, something = other.policy, bool(other.in_mean.any())
    # over one image, or images alike, the mean is that of their counts
    by_image = something and policy.mean != "dataset"
    by_image = by_image and mean_of(other.iou[other.in_mean]) != other.miou
    absent = _listed(own, other.absent & other.in_mean & ~own.ignored)
    if absent:
        how = "makes the mean NaN" if policy.absent == "nan" else f"counts as {policy.absent:g}"
        yield f"a class in neither map {how}: {absent}"
    if policy.predicted_only == "exclude":
        _, target, preds = other.images.tally if by_image else other.tally
        alone = np.atleast_2d((target == 0) & (preds > 0) & ~own.ignored)
        only: Mask = np.logical_or.reduce(alone)
        if only.any():
            where = "the mean of that image" if by_image else "the mean"
            yield f"a class that is only predicted is left out of {where}: {_listed(own, only)}"
    kept = _listed(own, own.ignored & other.in_mean)
    if kept:
        yield f"an ignored class stays in the mean: {kept}"
    yield from _moved(cm, own, row)
    void = int(other.counts[-1].sum()) if row.ignored_preds and ignored_classes(cm) else 0
    if void:
        yield f"a prediction on a void target is a false positive: {_pixels(void)}"
    if by_image:
        images = int(np.count_nonzero(~np.isnan(other.images.miou)))
        yield f"it is a mean over {images} images, not over the data set"
    if not something and not math.isnan(row.empty):
        yield f"a mean of nothing is {row.empty:g}"


def _moved(cm: ConfusionMatrix, own: Scores, row: Dialect) -> Iterator[str]:
    """What is not counted where segpost counts it."""
    preds = wrong = classes = 0
    for t, _, times, place in moves_of(cm.outside, row, cm.num_classes):
        if in_range(t, cm.num_classes):
            miss = None if own.policy.invalid_preds == "drop" else (t, cm.num_classes)
            preds += times if place != miss else 0
        elif place is not None and place[0] > cm.num_classes:
            wrong += times
        elif place is not None:
            classes += times
    if preds:
        yield f"a prediction of no class is {row.says_of_invalid}: {_pixels(preds)}"
    if wrong:
        yield f"a prediction on a target that is no class is a false positive: {_pixels(wrong)}"
    if classes:
        yield f"a target that is no class is counted as a class: {_pixels(classes)}"


def _pixels(count: int) -> str:
    return f"{count:,} pixel{'' if count == 1 else 's'}"


def _listed(scores: Scores, which: Mask) -> str:
    names = [scores.class_names[c] for c in np.flatnonzero(which)]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
