"""What a report of scores says, in paragraphs and tables; where it is drawn is not known here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from segpost.metrics.base import Accumulator
from segpost.metrics.confusion import listed_up_to
from segpost.metrics.report import measures as report_measures
from segpost.metrics.scores import Scores
from segpost.render.tables import Part, Table, number, share, shown

if TYPE_CHECKING:
    from segpost.metrics.comparison import Comparison

WORST = 5  # images that are named
CONFUSIONS = 10
QUANTILES = {"5%": 0.05, "25%": 0.25, "median": 0.5, "75%": 0.75, "95%": 0.95}
BOOTSTRAP = 1000  # data sets drawn for the interval
BOOTSTRAP_WORK = 100_000_000  # cells of images summed for it, at most; then fewer are drawn

LEFT_OUT = {
    "ignored": "an ignored value",
    "absent": "in neither map",
    "only predicted": "predicted, but not in the target",
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


def parts(scores: Scores, measures: Sequence[Accumulator] = ()) -> list[Part]:
    """The paragraphs and tables of the report, without a place to draw them on."""
    found: list[Part] = [summary_table(scores), *sentences(scores), class_table(scores)]
    if scores._cm.groups is not None:
        found.append(category_table(scores))
    found += report_measures.tables(measures, scores.class_names)
    wrong = confusion_table(scores)
    if wrong.rows:
        found.append(wrong)
    if has_images(scores):
        found += image_parts(scores)
    return found


def summary_table(scores: Scores) -> Table:
    """The scores over all classes, and how the first of them is a mean."""
    rows: list[tuple[str, ...]] = [
        (SUMMARY[name], number(value), mean_of_what(scores) if name == "miou" else "")
        for name, value in scores.summary().items()
    ]
    return Table("", ("", "", ""), rows, wrapped=True)


def mean_of_what(scores: Scores) -> str:
    """What `miou` is the mean of."""
    counted = f"{int(scores.in_mean.sum())} of {_many(scores.num_classes, 'class')}"
    how = {
        "dataset": f"mean of {counted}",
        "image": "mean of the images' own mean IoU",
        "class_image": f"mean of {counted}, each the mean of its images",
    }[scores.policy.mean]
    return f"{how}, as {scores.dialect} has it" if scores.dialect else how


def sentences(scores: Scores) -> Iterator[str]:
    """What has to be known to read the scores: left out classes, void, invalid predictions."""
    yield " ".join(_pixel_sentences(scores))
    reasons = np.array([why or "" for why in left_out(scores)])
    listed = [
        f"{_names(scores, reasons == reason)} ({word})"
        for reason, word in LEFT_OUT.items()
        if (reasons == reason).any()
    ]
    if listed:
        yield f"Left out of the mean: {'; '.join(listed)}."
    if scores.policy.mean == "dataset":
        yield from _odd_classes(scores)
    for which in ("predictions", "targets"):
        line = _invalid_sentence(scores, which)
        if line:
            yield line


def left_out(scores: Scores) -> list[str | None]:
    """Why each class is not in the mean: "ignored", "absent" or "only predicted"."""

    def why(label: int) -> str | None:
        if scores.in_mean[label]:
            return None
        if scores.ignored[label]:
            return "ignored"
        return "absent" if scores.absent[label] else "only predicted"

    return [why(label) for label in range(scores.num_classes)]


def invalid_values(scores: Scores, which: str) -> list[tuple[str, int]]:
    """Values that are neither class nor void and how often they occur, most frequent first.

    Parameters
    ----------
    which : {"predictions", "targets"}
    """
    classes = scores.num_classes
    limit = listed_up_to(classes)
    times: dict[int, int] = {}
    for (target, pred), count in scores._cm.outside.items():
        good_target = 0 <= target < classes
        value = pred if which == "predictions" else target
        if good_target if which == "predictions" else not good_target:
            times[value] = times.get(value, 0) + count
    words = {limit: f"{limit} or above", -limit: f"{-limit} or below"}
    order = sorted(times.items(), key=lambda item: (-item[1], item[0]))
    return [(words.get(value, str(value)), count) for value, count in order]


def class_table(scores: Scores) -> Table:
    """A row a class."""
    hits = scores.tally
    columns = (scores.iou, scores.dice, scores.precision, scores.recall)
    rows: list[tuple[str, ...]] = [
        (
            shown(name),
            *(number(float(column[label])) for column in columns),
            f"{int(hits.target[label]):,}",
            f"{int(hits.preds[label]):,}",
        )
        for label, name in enumerate(scores.class_names)
    ]
    head = ("class", "IoU", "Dice", "precision", "recall", "target pixels", "predicted pixels")
    return Table("Classes", head, rows)


def category_table(scores: Scores) -> Table:
    """A row a group of classes."""
    rows: list[tuple[str, ...]] = [
        (shown(name), number(value)) for name, value in scores.category_iou.items()
    ]
    return Table("Categories", ("category", "IoU"), rows)


def confusion_table(scores: Scores, count: int = CONFUSIONS) -> Table:
    """The most frequent mistakes."""
    rows: list[tuple[str, ...]] = [
        (shown(c.target), shown(c.predicted), f"{c.pixels:,}", share(c.share))
        for c in scores.top_confusions(count)
    ]
    head = ("class", "predicted as", "pixels", "of the class")
    return Table("Most frequent confusions", head, rows, words=2)


def has_images(scores: Scores) -> bool:
    """Whether the counts of single images were kept."""
    return bool(scores._cm.images)


def image_parts(scores: Scores) -> Iterator[Part]:
    """How the images' own scores are spread, and which are worst."""
    yield image_table(scores)
    interval = interval_sentence(scores)
    if interval:
        yield interval
    images = scores.images
    accuracy = dict(zip(images.ids, images.pixel_accuracy.tolist(), strict=True))
    rows: list[tuple[str, ...]] = [
        (shown(name), number(miou), number(accuracy[name])) for name, miou in images.worst(WORST)
    ]
    if rows:
        yield Table("Worst images", ("image", "mIoU", "pixel accuracy"), rows)


def image_table(scores: Scores) -> Table:
    """Mean and quantiles over the images."""
    images = scores.images
    rows = []
    for name, values in (("mIoU", images.miou), ("pixel accuracy", images.pixel_accuracy)):
        known = values[~np.isnan(values)]
        spread = [math.nan] * (len(QUANTILES) + 3)
        if known.size:
            middle = np.quantile(known, list(QUANTILES.values())).tolist()
            spread = [known.mean(), known.min(), *middle, known.max()]
        rows.append((name, *(number(float(value)) for value in spread)))
    head = ("of an image", "mean", "least", *QUANTILES, "largest")
    return Table(_many(len(images.ids), "image"), head, rows)


def interval(scores: Scores) -> tuple[float, float, int] | None:
    """The 95% interval of mIoU over the images, and how many data sets were drawn for it."""
    images = scores.images
    if len(images.ids) < 2 or bool(np.isnan(images.miou).all()):
        return None
    samples = min(BOOTSTRAP, max(100, BOOTSTRAP_WORK // max(images.tally.hits.size, 1)))
    low, high = images.bootstrap(samples=samples)
    return None if math.isnan(low) else (low, high, samples)


def interval_sentence(scores: Scores) -> str:
    """The interval in words; empty where there is none."""
    found = interval(scores)
    if found is None:
        return ""
    low, high, samples = found
    return (
        f"mIoU lies in {number(low)} to {number(high)} for 95% of {samples:,} data sets drawn from "
        "these images (bootstrap)."
    )


def comparison_table(comparison: Comparison) -> Table:
    """A row a library."""
    rows: list[tuple[str, ...]] = [
        ("segpost", number(comparison.miou), str(comparison.classes), "")
    ]
    for line in comparison:
        says, classes = "error", ""
        if line.miou is not None:
            says, classes = number(line.miou), str(line.classes)
        rows.append((line.dialect, says, classes, "; ".join(map(shown, line.why))))
    return Table("", ("dialect", "mIoU", "classes", "why"), rows, wrapped=True)


def _pixel_sentences(scores: Scores) -> Iterator[str]:
    cm = scores._cm
    void = int(cm.state[-1].sum())
    yield f"{_many(cm.pixels, 'pixel')}, {void:,} of them void ({share(void / max(cm.pixels, 1))})."
    if not cm.pixels:
        yield "Nothing was counted yet."
    elif void == cm.pixels:
        yield "Every target is void, so there is no score."


def _odd_classes(scores: Scores) -> Iterator[str]:
    """Classes whose share in the mean is a convention, not a measurement."""
    predicted = (scores.tally.target == 0) & (scores.tally.preds > 0) & scores.in_mean
    if predicted.any():
        names = _names(scores, predicted)
        yield f"In the mean as 0, being predicted but not in the target: {names}."
    absent = scores.absent & scores.in_mean
    if absent.any():
        value = scores.policy.absent
        how = "NaN, and so is the mean" if isinstance(value, str) else f"{value:g}"
        yield f"In neither map, {_names(scores, absent)} counts as {how}."


def _invalid_sentence(scores: Scores, which: str) -> str:
    values = invalid_values(scores, which)
    total = sum(count for _, count in values)
    if not total:
        return ""
    listed = ", ".join(f"{value} ({count:,} times)" for value, count in values[:5])
    more = f" and {len(values) - 5} other values" if len(values) > 5 else ""
    if which == "targets":
        return f"{_many(total, 'target')} neither class nor void, counted as void: {listed}{more}."
    known = int(scores._cm.state[:-1].sum())
    how = {"miss": "counted as misses", "drop": "left out", "raise": "counted as misses"}
    treated = how[scores.policy.invalid_preds]
    if scores.dialect:
        from segpost.metrics.dialects import DIALECTS

        treated = DIALECTS[scores.dialect].says_of_invalid
    return (
        f"{_many(total, 'prediction')} of no class ({share(total / known)} of those on a class), "
        f"{treated}: {listed}{more}."
    )


def _names(scores: Scores, which: np.ndarray) -> str:
    names = [shown(scores.class_names[label]) for label in np.flatnonzero(which)]
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _many(count: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"
