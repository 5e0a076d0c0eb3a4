"""Content of a report of scores as paragraphs and tables, independent of how it is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from segpost.metrics.base import Accumulator
from segpost.metrics.counts import label_limit
from segpost.metrics.per_image import quantile_table
from segpost.metrics.ratios import Mask
from segpost.metrics.report import measures as report_measures
from segpost.metrics.values import ScoreValues
from segpost.render.tables import (
    Part,
    Table,
    format_percent,
    format_score,
    format_share,
    in_percent,
)
from segpost.render.text import as_printable

MAX_WORST_IMAGES = 5
MAX_CONFUSIONS = 10
MAX_NAMES = 12  # of classes in one sentence
MAX_VALUES = 5  # invalid labels in one sentence
BOOTSTRAP_SAMPLES = 1000  # data sets drawn for the interval
MIN_BOOTSTRAP_SAMPLES = 100
MAX_BOOTSTRAP_CELLS = 100_000_000  # summed for the interval; beyond, fewer data sets are drawn

PERCENT = "Scores are percentages."
LEFT_OUT = {
    "ignored": "an ignored value",
    "absent": "in neither map",
    "only predicted": "predicted, but not in the target",
    "excluded": "by exclude=",
}
SUMMARY = {
    "miou": "mIoU",
    "pixel_accuracy": "pixel accuracy",
    "mean_accuracy": "mean accuracy",
    "fwiou": "frequency-weighted IoU",
    "mean_dice": "mean Dice",
    "kappa": "Cohen's kappa",
    "mcc": "Matthews' correlation",
    "mean_category_iou": "mean category IoU",
}


def parts(
    scores: ScoreValues, measures: Sequence[Accumulator] = (), *, percent: bool = False
) -> list[Part]:
    """Return the paragraphs and tables of the report in their order.

    Parameters
    ----------
    scores : ScoreValues
    measures : sequence of Accumulator
        Their tables are part of the report.
    percent : bool
        Give scores in percent.
    """
    content: list[Part] = [summary_table(scores), *sentences(scores), class_table(scores)]
    if scores.snapshot.groups is not None:
        content.append(category_table(scores))
    content += report_measures.tables(measures, scores.class_names)
    confusions = confusion_table(scores)
    if confusions.rows:
        content.append(confusions)
    if has_images(scores):
        content += image_parts(scores, percent=percent)
    if not percent:
        return content
    return [in_percent(content[0]), PERCENT, *map(in_percent, content[1:])]


def summary_table(scores: ScoreValues) -> Table:
    """Return the scores over all classes, with what the first of them is a mean of."""
    rows: list[tuple[str, ...]] = [
        (SUMMARY[name], format_score(value), mean_description(scores) if name == "miou" else "")
        for name, value in scores.summary().items()
    ]
    return Table("", ("", "", ""), rows, wrapped=True)


def mean_description(scores: ScoreValues) -> str:
    """Say what `miou` is the mean of."""
    averaged = f"{int(scores.in_mean.sum())} of {_quantity(scores.num_classes, 'class')}"
    description = {
        "dataset": f"mean of {averaged}",
        "image": "mean of the images' own mean IoU",
        "class_image": f"mean of {averaged}, each the mean of its images",
    }[scores.policy.mean]
    return f"{description}, as {scores.dialect} has it" if scores.dialect else description


def sentences(scores: ScoreValues) -> Iterator[str]:
    """Yield what a reader of the scores must know: left out classes, void, invalid labels."""
    yield " ".join(_pixel_sentences(scores))
    reasons = np.array([why or "" for why in left_out(scores)])
    listed = [
        f"{_names(scores, reasons == reason)} ({explanation})"
        for reason, explanation in LEFT_OUT.items()
        if (reasons == reason).any()
    ]
    if listed:
        yield f"Left out of the mean: {'; '.join(listed)}."
    if scores.policy.mean == "dataset":
        yield from _convention_sentences(scores)
    for which in ("predictions", "targets"):
        sentence = _invalid_sentence(scores, which)
        if sentence:
            yield sentence


def left_out(scores: ScoreValues) -> list[str | None]:
    """Return why each class is not in the mean, as a key of `LEFT_OUT`."""

    def reason(label: int) -> str | None:
        if scores.in_mean[label]:
            return None
        if scores.ignored[label]:
            return "ignored"
        if scores.absent[label]:
            return "absent"
        return "excluded" if label in scores.policy.exclude else "only predicted"

    return [reason(label) for label in range(scores.num_classes)]


def invalid_values(scores: ScoreValues, which: str) -> list[tuple[str, int]]:
    """Return labels that are neither class nor void and their counts, most frequent first.

    Parameters
    ----------
    which : {"predictions", "targets"}
    """
    classes = scores.num_classes
    limit = label_limit(classes)
    counts: dict[int, int] = {}
    for (target, pred), count in scores.snapshot.outside.items():
        if (0 <= target < classes) == (which == "predictions"):
            label = pred if which == "predictions" else target
            counts[label] = counts.get(label, 0) + count
    words = {limit: f"{limit} or above", -limit: f"{-limit} or below"}
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(words.get(label, str(label)), count) for label, count in order]


def class_table(scores: ScoreValues) -> Table:
    """Return a table with a row for each class."""
    counts = scores.class_counts
    columns = (scores.iou, scores.dice, scores.precision, scores.recall)
    rows: list[tuple[str, ...]] = [
        (
            as_printable(name),
            *(format_score(float(column[label])) for column in columns),
            f"{int(counts.support[label]):,}",
            f"{int(counts.predicted[label]):,}",
        )
        for label, name in enumerate(scores.class_names)
    ]
    head = ("class", "IoU", "Dice", "precision", "recall", "target pixels", "predicted pixels")
    return Table("Classes", head, rows)


def category_table(scores: ScoreValues) -> Table:
    """Return a table with a row for each group of classes."""
    rows: list[tuple[str, ...]] = [
        (as_printable(name), format_score(value)) for name, value in scores.category_iou.items()
    ]
    if len(scores.level_means) > 1:
        rows += [
            (f"mean of level {level}", format_score(value))
            for level, value in enumerate(scores.level_means, 1)
        ]
    return Table("Categories", ("category", "IoU"), rows)


def confusion_table(scores: ScoreValues, count: int = MAX_CONFUSIONS) -> Table:
    """Return a table of the most frequent confusions."""
    rows: list[tuple[str, ...]] = [
        (as_printable(c.target), as_printable(c.predicted), f"{c.pixels:,}", format_share(c.share))
        for c in scores.top_confusions(count)
    ]
    head = ("class", "predicted as", "pixels", "of the class")
    return Table("Most frequent confusions", head, rows, words=2)


def has_images(scores: ScoreValues) -> bool:
    """Whether there are counts of single images."""
    return bool(scores.snapshot.images)


def image_parts(scores: ScoreValues, *, percent: bool = False) -> Iterator[Part]:
    """Yield the quantiles of the images' own scores, and the worst images."""
    yield image_table(scores)
    sentence = interval_sentence(scores, percent=percent)
    if sentence:
        yield sentence
    images = scores.images
    accuracy = dict(zip(images.ids, images.pixel_accuracy.tolist(), strict=True))
    rows: list[tuple[str, ...]] = [
        (as_printable(name), format_score(miou), format_score(accuracy[name]))
        for name, miou in images.worst(MAX_WORST_IMAGES)
    ]
    if rows:
        yield Table("Worst images", ("image", "mIoU", "pixel accuracy"), rows)


def image_table(scores: ScoreValues) -> Table:
    """Return a table of mean and quantiles over the images."""
    return quantile_table(scores.images)


def interval(scores: ScoreValues) -> tuple[float, float, int] | None:
    """Return the 95% interval of mIoU over the images, and the number of data sets drawn."""
    images = scores.images
    if len(images.ids) < 2 or bool(np.isnan(images.miou).all()):
        return None
    cells = max(images.class_counts.support.size, 1)
    samples = max(MIN_BOOTSTRAP_SAMPLES, MAX_BOOTSTRAP_CELLS // cells)
    samples = min(BOOTSTRAP_SAMPLES, samples)
    low, high = images.bootstrap(samples=samples)
    return None if math.isnan(low) else (low, high, samples)


def interval_sentence(scores: ScoreValues, *, percent: bool = False) -> str:
    """Return the interval as a sentence; empty where there is none."""
    bounds = interval(scores)
    if bounds is None:
        return ""
    low, high, samples = bounds
    first, last = map(format_percent if percent else format_score, (low, high))
    return (
        f"mIoU lies in {first} to {last} for 95% of {samples:,} "
        "data sets drawn from these images (bootstrap)."
    )


def _pixel_sentences(scores: ScoreValues) -> Iterator[str]:
    pixels, void = scores.snapshot.pixels, int(scores.snapshot.state[-1].sum())
    share = format_share(void / max(pixels, 1))
    yield f"{_quantity(pixels, 'pixel')}, {void:,} of them void ({share})."
    if not pixels:
        yield "Nothing was counted yet."
    elif void == pixels:
        yield "Every target is void, so there is no score."


def _convention_sentences(scores: ScoreValues) -> Iterator[str]:
    """Yield the classes whose share in the mean is a convention, not a measurement."""
    support, predicted = scores.class_counts[1:]
    only_predicted = (support == 0) & (predicted > 0) & scores.in_mean
    if only_predicted.any():
        names = _names(scores, only_predicted)
        yield f"In the mean as 0, being predicted but not in the target: {names}."
    absent = scores.absent & scores.in_mean
    if absent.any():
        value = scores.policy.absent_value
        text = "NaN, and so is the mean" if value is None else f"{value:g}"
        yield f"In neither map, {_names(scores, absent)} counts as {text}."


def _invalid_sentence(scores: ScoreValues, which: str) -> str:
    values = invalid_values(scores, which)
    total = sum(count for _, count in values)
    if not total:
        return ""
    listed = ", ".join(f"{value} ({count:,} times)" for value, count in values[:MAX_VALUES])
    rest = len(values) - MAX_VALUES
    more = f" and {rest} other values" if rest > 0 else ""
    if which == "targets":
        return (
            f"{_quantity(total, 'target')} neither class nor void, counted as void: {listed}{more}."
        )
    on_classes = int(scores.snapshot.state[:-1].sum())
    return (
        f"{_quantity(total, 'prediction')} of no class ({format_share(total / on_classes)} of "
        f"those on a class), {scores.convention.invalid_preds_note}: {listed}{more}."
    )


def _names(scores: ScoreValues, which: Mask) -> str:
    names = [as_printable(scores.class_names[label]) for label in np.flatnonzero(which)]
    rest = len(names) - MAX_NAMES
    return ", ".join(names[:MAX_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def _quantity(count: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"
