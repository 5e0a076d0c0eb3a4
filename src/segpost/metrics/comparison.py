"""Scores of the same counts by every library's convention, and the reasons for each difference."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from segpost._core.equality import compare_by_value
from segpost.metrics.conventions import MetricConvention, is_class
from segpost.metrics.counts import CountSnapshot
from segpost.metrics.dialect_lines import DialectLines
from segpost.metrics.dialects import (
    DIALECTS,
    Dialect,
    DialectError,
    remap_outside,
    scores_of_dialect,
)
from segpost.metrics.policy import AveragingPolicy
from segpost.metrics.ratios import Mask, mean_of
from segpost.metrics.values import ScoreValues
from segpost.render import tables
from segpost.render.notebook import format_compact_table, format_result
from segpost.render.tables import Table, format_score
from segpost.render.text import as_printable

MAX_NAMES = 4  # of classes in one reason


@compare_by_value
@dataclass(frozen=True)
class Line:
    """The mIoU of one library."""

    dialect: str
    library: str
    miou: float | None = field(hash=False)  # None: there is none; NaN equals NaN
    classes: int  # that the mean is over
    why: tuple[str, ...]  # it differs from segpost's number, or why there is none


@compare_by_value
@dataclass(frozen=True)
class Comparison(DialectLines[Line]):
    """The mIoU of the same counts in every dialect; iterates over its lines, prints as a table."""

    miou: float = field(hash=False)  # segpost's own
    classes: int  # that its mean is over
    lines: tuple[Line, ...] = field(repr=False)

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        return format_result(
            "mIoU by the conventions of other libraries", format_compact_table(self.table())
        )

    def to_markdown(self) -> str:
        """Return the table in Markdown."""
        return tables.format_markdown([self.table()])

    def table(self) -> Table:
        """Return a table with a row for each library."""
        rows: list[tuple[str, ...]] = [("segpost", format_score(self.miou), str(self.classes), "")]
        for line in self:
            score, classes = "error", ""
            if line.miou is not None:
                score, classes = format_score(line.miou), str(line.classes)
            rows.append((line.dialect, score, classes, "; ".join(map(as_printable, line.why))))
        return Table("", ("dialect", "mIoU", "classes", "why"), rows, wrapped=True)


def compare(snapshot: CountSnapshot) -> Comparison:
    """Compute every dialect's mIoU, and why it differs from segpost's own."""
    policy = AveragingPolicy(invalid_preds=snapshot.settings["invalid_preds"])
    own = ScoreValues(snapshot, MetricConvention.own(policy))
    lines = []
    for name, dialect in DIALECTS.items():
        try:
            scores = scores_of_dialect(snapshot, name)
        except DialectError as error:
            lines.append(Line(name, dialect.library, None, 0, (error.why,)))
            continue
        miou = scores.miou
        is_same = miou == own.miou or (math.isnan(miou) and math.isnan(own.miou))
        why = () if is_same else tuple(_reasons(own, scores, dialect))
        lines.append(Line(name, dialect.library, miou, int(scores.in_mean.sum()), why))
    return Comparison(own.miou, int(own.in_mean.sum()), tuple(lines))


def _reasons(own: ScoreValues, other: ScoreValues, dialect: Dialect) -> Iterator[str]:
    """Yield what these counts hold that the two conventions treat differently."""
    policy, has_mean = other.policy, bool(other.in_mean.any())
    # over one image, or images alike, the mean over images is the score of the data set
    by_image = (
        has_mean and policy.mean != "dataset" and mean_of(other.iou[other.in_mean]) != other.miou
    )
    absent = _class_names(own, other.absent & other.in_mean & ~own.ignored)
    if absent:
        value = policy.absent_value
        effect = "makes the mean NaN" if value is None else f"counts as {value:g}"
        yield f"a class in neither map {effect}: {absent}"
    if policy.predicted_only == "exclude":
        counts = other.images.class_counts if by_image else other.class_counts
        only_predicted = np.atleast_2d(
            (counts.support == 0) & (counts.predicted > 0) & ~own.ignored
        )
        in_any: Mask = np.logical_or.reduce(only_predicted)
        if in_any.any():
            where = "the mean of that image" if by_image else "the mean"
            names = _class_names(own, in_any)
            yield f"a class that is only predicted is left out of {where}: {names}"
    ignored_in_mean = _class_names(own, own.ignored & other.in_mean)
    if ignored_in_mean:
        yield f"an ignored class stays in the mean: {ignored_in_mean}"
    yield from _remapping_reasons(own, dialect)
    if dialect.counts_ignored_preds and own.snapshot.ignored_classes:
        false_positives = int(other.table.invalid_targets.sum())
        if false_positives:
            yield (
                "a prediction on a void target is a false positive: "
                f"{_pixel_count(false_positives)}"
            )
    if by_image:
        images = int(np.count_nonzero(~np.isnan(other.images.miou)))
        yield f"it is a mean over {images} images, not over the data set"
    if not has_mean and not math.isnan(dialect.empty_mean):
        yield f"a mean of nothing is {dialect.empty_mean:g}"


def _remapping_reasons(own: ScoreValues, dialect: Dialect) -> Iterator[str]:
    """Yield which labels that are no class count elsewhere than in segpost's convention."""
    classes = own.num_classes
    is_dropped = own.policy.invalid_preds == "drop"
    preds = false_positives = targets = 0
    for target, _, count, cell in remap_outside(own.snapshot, dialect):
        if is_class(target, classes):
            own_cell = None if is_dropped else (target, classes)
            preds += count if cell != own_cell else 0
        elif cell is not None and cell[0] > classes:
            false_positives += count
        elif cell is not None:
            targets += count
    if preds:
        yield f"a prediction of no class is {dialect.invalid_preds_note}: {_pixel_count(preds)}"
    if false_positives:
        yield (
            "a prediction on a target that is no class is a false positive: "
            f"{_pixel_count(false_positives)}"
        )
    if targets:
        yield f"a target that is no class is counted as a class: {_pixel_count(targets)}"


def _pixel_count(count: int) -> str:
    return f"{count:,} pixel{'' if count == 1 else 's'}"


def _class_names(scores: ScoreValues, which: Mask) -> str:
    names = [scores.class_names[c] for c in np.flatnonzero(which)]
    rest = len(names) - MAX_NAMES
    return ", ".join(names[:MAX_NAMES]) + (f" and {rest} more" if rest > 0 else "")
