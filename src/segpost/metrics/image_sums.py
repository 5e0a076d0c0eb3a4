"""Scores of many data sets at once, from sums over their images."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segpost.metrics.counts import ClassCounts
from segpost.metrics.policy import AveragingPolicy, iou_with_policy, is_averaged
from segpost.metrics.ratios import Float64, Mask, ratio

MEANS = ("miou", "pixel_accuracy", "mean_accuracy", "fwiou", "mean_dice")


class ImageColumns(NamedTuple):
    """Columns of images whose sums over a data set give its scores.

    Attributes
    ----------
    values : (N, K) float64
        Target pixels, true positives and predicted pixels of each class; where `miou` is a mean
        over images, what is averaged, and whether there is such a value.
    policy : AveragingPolicy
    ignored : (C,) bool
        Classes that are an `ignore_index`.
    """

    values: Float64
    policy: AveragingPolicy
    ignored: Mask

    @classmethod
    def of_images(
        cls,
        counts: ClassCounts,
        iou: Float64,
        miou: Float64,
        policy: AveragingPolicy,
        ignored: Mask,
    ) -> ImageColumns:
        """Make columns of the counts (N, C) of images and their own scores."""
        parts = [counts.support, counts.true_positives, counts.predicted]
        if policy.mean != "dataset":
            own = miou[:, None] if policy.mean == "image" else iou
            parts += [np.nan_to_num(own), ~np.isnan(own)]
        return cls(np.concatenate(parts, axis=1, dtype=np.float64), policy, ignored)

    def scores(self, sums: Float64) -> Float64:
        """Return the scores of data sets.

        Parameters
        ----------
        sums : (B, K) float64
            Of the columns of each data set, with an image as often as it is in it.

        Returns
        -------
        scores : (B, M + C) float64
            Those of `MEANS`, and the IoU of each class.
        """
        policy, classes = self.policy, len(self.ignored)
        support, true_positives, predicted = np.split(sums[:, : 3 * classes], 3, axis=1)
        counts = ClassCounts(true_positives, support, predicted)  # type: ignore[arg-type]
        iou, counted = iou_with_policy(counts, policy, self.ignored)
        averaged = is_averaged(policy, classes)
        in_mean = counted & averaged
        both = support + predicted
        dice, own_iou = ratio(2 * true_positives, both), counts.iou()
        if policy.absent_value is not None:
            dice = np.where(both == 0, policy.absent_value, dice)
        pixels, weights = support.sum(axis=1), np.where(averaged, support, 0.0)
        weighted = np.where(weights > 0, own_iou * weights, 0.0)
        means = (
            self._miou(sums[:, 3 * classes :], iou, in_mean),
            ratio(true_positives.sum(axis=1), pixels),
            row_means(ratio(true_positives, support), averaged),
            ratio(weighted.sum(axis=1), weights.sum(axis=1)),
            row_means(dice, in_mean, strict=policy.is_strict),
        )
        return np.column_stack([*means, np.where(counted, iou, np.nan)])

    def _miou(self, own: Float64, iou: Float64, in_mean: Mask) -> Float64:
        """Return the mIoU of each data set; `own` are the sums of the images' own scores."""
        policy = self.policy
        if policy.mean == "dataset":
            return row_means(iou, in_mean, strict=policy.is_strict)
        total, counts = np.split(own, 2, axis=1)
        means = ratio(total, counts)
        if policy.mean == "image":
            return means[:, 0]
        used = is_averaged(policy, len(self.ignored))
        used &= ~self.ignored | (policy.ignored_class == "keep")
        return row_means(means, used, strict=policy.is_strict)


def row_means(values: Float64, used: Mask, *, strict: bool = False) -> Float64:
    """Average the used values of each row that are not NaN; with `strict`, NaN counts."""
    mask = np.broadcast_to(used, values.shape)
    if not strict:
        mask = mask & ~np.isnan(values)
    return ratio(np.where(mask, values, 0.0).sum(axis=1), mask.sum(axis=1))
