"""Scores image by image: their spread, the worst of them, and how sure the mean is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from segpost.scores import Float64, Policy, Tally, mean_of, ratio

if TYPE_CHECKING:
    from segpost.matrix import ConfusionMatrix


class ImageScores(NamedTuple):
    """Scores of every image of a data set."""

    ids: tuple[str | int, ...]  # the number of the image where none was given
    tally: Tally  # (N, C) each
    iou: Float64  # (N, C), NaN where a class is not in the image
    miou: Float64  # (N,), NaN where an image has no class at all
    pixel_accuracy: Float64  # (N,)

    @classmethod
    def of(cls, cm: ConfusionMatrix, policy: Policy) -> ImageScores:
        """From the counts that were kept.

        Raises
        ------
        ValueError
            If they were not kept.
        """
        if not (cm.per_image or cm.images):
            raise ValueError(
                "scores of images need their counts: ConfusionMatrix(..., per_image=True)"
            )
        tally = _tally(cm, policy)
        hits, target, preds = tally
        iou = tally.iou()
        absent = (target == 0) & (preds == 0)
        if not isinstance(policy.absent, str):
            iou = np.where(absent, float(policy.absent), iou)
        counted = np.ones(iou.shape, bool)
        if policy.absent == "exclude":
            counted &= ~absent
        if policy.predicted_only == "exclude":
            counted &= (target > 0) | absent
        if policy.ignored_class == "exclude":
            counted &= ~np.isin(np.arange(cm.num_classes), cm.settings()["ignore_index"])
        iou = np.where(counted, iou, np.nan)
        strict = policy.absent == "nan"
        miou = [mean_of(row[keep], strict=strict) for row, keep in zip(iou, counted, strict=True)]
        ids = tuple(i if im.id is None else im.id for i, im in enumerate(cm.images))
        accuracy = ratio(hits.sum(axis=1), target.sum(axis=1))
        return cls(ids, tally, iou, np.array(miou, np.float64), accuracy)

    @property
    def class_iou(self) -> Float64:
        """(C,) mean over the images of every class's IoU."""
        return np.array([mean_of(column) for column in self.iou.T])

    def quantile(self, q: float) -> float:
        """The quantile `q` in 0..1 of the images' `miou`."""
        known = self.miou[~np.isnan(self.miou)]
        return float(np.quantile(known, q)) if known.size else float("nan")

    def worst(self, count: int = 10) -> list[tuple[str | int, float]]:
        """The images of the smallest `miou`, smallest first."""
        order = np.argsort(self.miou, kind="stable")[:count]
        return [(self.ids[i], float(self.miou[i])) for i in order if not np.isnan(self.miou[i])]

    def bootstrap(
        self, samples: int = 1000, level: float = 0.95, seed: int = 0
    ) -> tuple[float, float]:
        """Interval of the data set's mIoU, from images drawn again and again with replacement.

        Parameters
        ----------
        samples : int
            How many data sets are drawn.
        level : float
            Share of them whose mIoU lies in the interval (percentile bootstrap, Efron 1979).
        seed : int
            Of the random numbers; the same seed gives the same interval.
        """
        if not 0 < level < 1:
            raise ValueError(f"level must be between 0 and 1, got {level}")
        if samples < 1:
            raise ValueError(f"samples must be at least 1, got {samples}")
        images = len(self.ids)
        if not images:
            return float("nan"), float("nan")
        rng = np.random.default_rng(seed)
        means = np.empty(samples)
        for k in range(samples):
            times = np.bincount(rng.integers(0, images, images), minlength=images)
            means[k] = mean_of(Tally(*(times @ part for part in self.tally)).iou())
        tail = (1 - level) / 2
        low, high = np.nanquantile(means, [tail, 1 - tail])
        return float(low), float(high)


def _tally(cm: ConfusionMatrix, policy: Policy) -> Tally:
    classes, size = cm.num_classes, cm.num_classes + 1
    hits, target, preds = (np.zeros((len(cm.images), classes), np.int64) for _ in range(3))
    for i, image in enumerate(cm.images):
        row, column = np.divmod(image.cells, size)
        known = row < classes
        for totals, index, keep in (
            (hits, row, known & (row == column)),
            (target, row, known),
            (preds, column, (known | (policy.void_preds == "count")) & (column < classes)),
        ):
            if policy.invalid_preds == "drop":
                keep = keep & (column < classes)
            np.add.at(totals[i], index[keep], image.counts[keep])
    return Tally(hits, target, preds)
