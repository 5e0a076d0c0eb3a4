"""Scores image by image: their spread, the worst of them, and how sure the mean is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from segpost.metrics.counts import (
    Float64,
    Int64,
    Mask,
    Place,
    Policy,
    Tally,
    judged,
    mean_of,
    ratio,
)

if TYPE_CHECKING:
    from segpost.metrics.matrix import ImageCounts


class ImageScores(NamedTuple):
    """Scores of every image of a data set."""

    ids: tuple[str | int, ...]  # the number of the image where none was given
    tally: Tally  # (N, C) each
    iou: Float64  # (N, C), NaN where a class does not count in the image
    miou: Float64  # (N,), NaN where an image has no class at all
    pixel_accuracy: Float64  # (N,)

    policy: Policy
    ignored: Mask  # (C,)

    @classmethod
    def of(
        cls, images: Sequence[ImageCounts], policy: Policy, ignored: Mask, place: Place
    ) -> ImageScores:
        """From the counts of every image."""
        size = len(ignored) + 1
        parts = []
        for image in images:
            state = np.zeros(size * size, np.int64)
            state[image.cells] = image.counts
            parts.append(Tally.of(place(state.reshape(size, size), image.outside)))
        empty = np.zeros((0, len(ignored)), np.int64)
        tally = Tally(
            *(np.stack(part) for part in zip(*parts, strict=True)) if parts else 3 * (empty,)
        )
        iou, counted = judged(tally, policy, ignored)
        strict = policy.absent == "nan"
        miou = [mean_of(row[keep], strict=strict) for row, keep in zip(iou, counted, strict=True)]
        ids = tuple(i if image.id is None else image.id for i, image in enumerate(images))
        accuracy = ratio(tally.hits.sum(axis=1), tally.target.sum(axis=1))
        known = np.where(counted, iou, np.nan)
        return cls(ids, tally, known, np.array(miou, np.float64), accuracy, policy, ignored)

    @property
    def class_iou(self) -> Float64:
        """(C,) mean over the images of every class's IoU."""
        return self._class_means(self.iou)

    def _class_means(self, iou: Float64) -> Float64:
        strict = self.policy.absent == "nan"
        return np.array([mean_of(column, strict=strict) for column in iou.T])

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
        """Interval of `Scores.miou`, from images drawn again and again with replacement.

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
        rng = np.random.default_rng(seed)
        means = []
        for _ in range(samples if images else 0):
            means.append(self._drawn(rng.integers(0, images, images)))
        known = np.array(means)[~np.isnan(means)]
        if not known.size:
            return float("nan"), float("nan")
        low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def _drawn(self, which: Int64) -> float:
        """mIoU of a data set of these images, under the same policy."""
        if self.policy.mean == "image":
            return mean_of(self.miou[which])
        if self.policy.mean == "class_image":
            kept = ~self.ignored | (self.policy.ignored_class == "keep")
            strict = self.policy.absent == "nan"
            return mean_of(self._class_means(self.iou[which])[kept], strict=strict)
        times = np.bincount(which, minlength=len(self.ids))
        tally = Tally(*(times @ part for part in self.tally))
        iou, counted = judged(tally, self.policy, self.ignored)
        return mean_of(iou[counted], strict=self.policy.absent == "nan")
