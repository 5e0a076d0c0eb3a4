"""Scores of every image: their quantiles, the worst images, and an interval for the mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from segpost._core.arguments import as_count, as_real
from segpost._core.equality import compare_by_value
from segpost._core.unknown_names import suggest_attributes
from segpost.metrics.conventions import MetricConvention, table_with_convention
from segpost.metrics.counts import ClassCounts, ImageCounts
from segpost.metrics.image_sums import ImageColumns
from segpost.metrics.image_table import ImageTable, PackedImages
from segpost.metrics.policy import AveragingPolicy, iou_with_policy, is_averaged
from segpost.metrics.ratios import Float64, Int64, Mask, class_mask, mean_of, ratio
from segpost.metrics.resampling import as_draws, sum_drawn
from segpost.render.notebook import format_compact_table, format_result
from segpost.render.tables import Table, format_score
from segpost.render.text import as_printable

QUANTILES = {"5%": 0.05, "25%": 0.25, "median": 0.5, "75%": 0.75, "95%": 0.95}
MAX_SHOWN_IMAGES = 10  # the worst ones, in a notebook


@suggest_attributes
@compare_by_value
class ImageScores(NamedTuple):
    """Scores of every image of a data set."""

    ids: tuple[str | int, ...]  # the number of the image where it has no id
    class_counts: ClassCounts  # (N, C) each
    iou: Float64  # (N, C), NaN where a class does not count in the image
    miou: Float64  # (N,), NaN where an image has no class at all
    pixel_accuracy: Float64  # (N,)

    policy: AveragingPolicy
    ignored: Mask  # (C,)

    @classmethod
    def from_counts(
        cls,
        images: Sequence[ImageCounts],
        convention: MetricConvention,
        ignored_classes: Sequence[int],
        classes: int,
    ) -> ImageScores:
        """Compute the scores of every image from its counts."""
        policy = convention.policy
        ignored = class_mask(ignored_classes, classes)
        counts = _count_classes(images, convention, ignored_classes, classes)
        iou, counted = iou_with_policy(counts, policy, ignored)
        used = counted & is_averaged(policy, classes)
        return cls(
            ids=_ids_of(images),
            class_counts=counts,
            iou=np.where(counted, iou, np.nan),
            miou=_means_of_rows(iou, used, strict=policy.is_strict),
            pixel_accuracy=ratio(counts.true_positives.sum(axis=1), counts.support.sum(axis=1)),
            policy=policy,
            ignored=ignored,
        )

    def __repr__(self) -> str:
        """Return the number of images and their mIoU on one line."""
        text = f"{_image_count(len(self.ids))}, {self.iou.shape[1]} classes"
        numbers = self.miou[~np.isnan(self.miou)]
        if numbers.size:
            text += f", miou {numbers.min():.4f} to {numbers.max():.4f}, mean {numbers.mean():.4f}"
        return f"<ImageScores: {text}>"

    def _repr_html_(self) -> str:
        """Return mean and quantiles, and the worst images, for a notebook."""
        accuracy = dict(zip(self.ids, self.pixel_accuracy.tolist(), strict=True))
        rows: list[tuple[str, ...]] = [
            (as_printable(name), format_score(miou), format_score(accuracy[name]))
            for name, miou in self.worst(MAX_SHOWN_IMAGES)
        ]
        table = quantile_table(self)
        return format_result(
            f"Scores of {table.title}",
            format_compact_table(table._replace(title="")),
            format_compact_table(Table("Worst images", ("image", "mIoU", "pixel accuracy"), rows)),
        )

    @property
    def dice(self) -> Float64:
        """(N, C) 2 true positives / (target + predicted), NaN where `iou` is."""
        counts = self.class_counts
        dice = ratio(2 * counts.true_positives, counts.support + counts.predicted)
        return np.where(np.isnan(dice) | np.isnan(self.iou), self.iou, dice)

    @property
    def mean_dice(self) -> Float64:
        """(N,) mean Dice of the classes that `miou` is a mean of, NaN where that is."""
        averaged = is_averaged(self.policy, len(self.ignored))
        means = np.array([mean_of(row[averaged]) for row in self.dice], np.float64)
        return np.where(np.isnan(self.miou), np.nan, means)

    @property
    def class_dice(self) -> Float64:
        """(C,) mean over the images of every class's Dice."""
        return self._class_means(self.dice)

    @property
    def class_iou(self) -> Float64:
        """(C,) mean over the images of every class's IoU."""
        return self._class_means(self.iou)

    def _class_means(self, values: Float64) -> Float64:
        return np.array([mean_of(column, strict=self.policy.is_strict) for column in values.T])

    def quantile(self, q: float) -> float:
        """Return the quantile `q`, in 0..1, of the images' `miou`."""
        share = as_real(q, "q", 0.0, 1.0)
        numbers = self.miou[~np.isnan(self.miou)]
        return float(np.quantile(numbers, share)) if numbers.size else float("nan")

    def worst(self, count: int = 10) -> list[tuple[str | int, float]]:
        """Return id and `miou` of the images with the smallest `miou`, smallest first."""
        order = np.argsort(self.miou, kind="stable")[: as_count(count, "count")]
        return [(self.ids[i], float(self.miou[i])) for i in order if not np.isnan(self.miou[i])]

    def bootstrap(
        self, samples: int = 1000, level: float = 0.95, seed: int = 0
    ) -> tuple[float, float]:
        """Compute an interval of `Scores.miou` by resampling images with replacement.

        Parameters
        ----------
        samples : int
            Number of data sets that are drawn.
        level : float
            Share of them whose mIoU lies in the interval (percentile bootstrap, Efron 1979).
        seed : int
            Seed of the random numbers; the same seed gives the same interval.

        Returns
        -------
        low, high : float
        """
        samples, level, seed = as_draws(samples, level, seed)
        if not self.ids:
            return float("nan"), float("nan")
        columns = self.columns()
        means = columns.scores(sum_drawn(columns.values, samples, seed))[:, 0]
        numbers = means[~np.isnan(means)]
        if not numbers.size:
            return float("nan"), float("nan")
        low, high = np.quantile(numbers, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def columns(self) -> ImageColumns:
        """Return columns whose sums over the images of a data set give its scores."""
        counts, policy = self.class_counts, self.policy
        return ImageColumns.of_images(counts, self.iou, self.miou, policy, self.ignored)


def _ids_of(images: Sequence[ImageCounts]) -> tuple[str | int, ...]:
    """Return the id of every image, its number where it has none."""
    if isinstance(images, ImageTable):
        return tuple(images.ids) or tuple(range(len(images)))
    return tuple(i if image.id is None else image.id for i, image in enumerate(images))


def _count_classes(
    images: Sequence[ImageCounts],
    convention: MetricConvention,
    ignored_classes: Sequence[int],
    classes: int,
) -> ClassCounts:
    """Return the (N, C) counts of images by a convention."""
    if isinstance(images, ImageTable) and convention.remap is None:
        return _count_packed(images.pack(), convention, classes)
    columns = np.zeros((3, len(images), classes), np.int64)
    for i, image in enumerate(images):
        state = image.state(classes)
        table = table_with_convention(state, image.outside, convention, ignored_classes)
        columns[:, i] = ClassCounts.from_table(table)
    return ClassCounts(*columns)


def _count_packed(packed: PackedImages, convention: MetricConvention, classes: int) -> ClassCounts:
    """Return the (N, C) counts of images by a convention that moves no label pairs."""
    images = len(packed.lengths)
    first = np.repeat(np.arange(images) * classes, packed.lengths)
    target, pred = np.divmod(packed.cells.astype(np.int64), classes + 1)
    is_counted = target < classes
    if convention.policy.invalid_preds == "drop":
        is_counted &= pred < classes

    def sum_by(label: Int64, used: Mask) -> Int64:
        sums = np.zeros(images * classes, np.int64)
        np.add.at(sums, (first + label)[used], packed.counts[used].astype(np.int64))
        return sums.reshape(images, classes)

    return ClassCounts(
        sum_by(target, is_counted & (target == pred)),
        sum_by(target, is_counted),
        sum_by(pred, is_counted & (pred < classes)),
    )


def _means_of_rows(values: Float64, used: Mask, *, strict: bool) -> Float64:
    """Average the used values of each row exactly as `mean_of` does of one row."""
    mask = used if strict else used & ~np.isnan(values)
    counts, means = mask.sum(axis=1), np.full(len(values), np.nan)
    for count in np.unique(counts[counts > 0]).tolist():
        rows = counts == count
        means[rows] = values[rows][mask[rows]].reshape(-1, count).mean(axis=1)
    return means


def quantile_table(images: ImageScores) -> Table:
    """Return a table of mean and quantiles over the images."""
    rows = []
    scores = {
        "mIoU": images.miou,
        "mean Dice": images.mean_dice,
        "pixel accuracy": images.pixel_accuracy,
    }
    for name, values in scores.items():
        numbers = values[~np.isnan(values)]
        columns = [math.nan] * (len(QUANTILES) + 3)
        if numbers.size:
            quantiles = np.quantile(numbers, list(QUANTILES.values())).tolist()
            columns = [numbers.mean(), numbers.min(), *quantiles, numbers.max()]
        rows.append((name, *(format_score(float(value)) for value in columns)))
    head = ("of an image", "mean", "least", *QUANTILES, "largest")
    return Table(_image_count(len(images.ids)), head, rows)


def _image_count(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"
