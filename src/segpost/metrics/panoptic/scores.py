"""Panoptic quality of every class, and its means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from segpost._core.equality import compare_by_value
from segpost._core.public import public
from segpost.metrics.class_values import ClassValues
from segpost.metrics.panoptic.classes import PanopticClasses
from segpost.metrics.panoptic.matching import IOU_BITS, MatchCounts
from segpost.metrics.ratios import Float64, Int64, Mask, mean_of, ratio

LISTED = "categories"  # the field that is no array


@public
@compare_by_value
class PanopticScores(NamedTuple):
    """Panoptic, segmentation and recognition quality of every class, and their means.

    A class that occurs neither in predictions nor in targets has NaN, and is in no mean. One that
    occurs without a match has 0 in all three.

    Attributes
    ----------
    pq, sq, rq : float64 array of shape (C,)
        PQ = SQ * RQ; SQ is the mean IoU of matches, RQ their F1 score.
    true_positives, false_positives, false_negatives : int64 array of shape (C,)
        Segments that match, predicted ones that do not, and true ones that do not.
    iou_sum : float64 array of shape (C,)
        The sum of the IoU of matches.
    categories : tuple of int
        The category of each class, in ascending order.
    is_thing : bool array of shape (C,)
        Whether a class is a thing.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> measure = segpost.PanopticQuality(things=[1], stuff=[0])
    >>> target = np.array([[[0, 0], [0, 0], [1, 1], [1, 1]]])
    >>> preds = np.array([[[0, 0], [0, 0], [0, 0], [1, 9]]])
    >>> measure.update(preds=preds, target=target)
    >>> scores = measure.compute()
    >>> scores.things.mean_pq, round(scores.stuff.mean_pq, 3)
    (0.0, 0.667)
    """

    pq: Float64
    sq: Float64
    rq: Float64
    true_positives: Int64
    false_positives: Int64
    false_negatives: Int64
    iou_sum: Float64
    categories: tuple[int, ...]
    is_thing: Mask

    @property
    def mean_pq(self) -> float:
        """Mean PQ of the classes that occur; NaN where none does."""
        return mean_of(self.pq)

    @property
    def mean_sq(self) -> float:
        """Mean SQ of the classes that occur."""
        return mean_of(self.sq)

    @property
    def mean_rq(self) -> float:
        """Mean RQ of the classes that occur."""
        return mean_of(self.rq)

    @property
    def classes_in_mean(self) -> int:
        """The number of classes that occur."""
        return int((~np.isnan(self.pq)).sum())

    @property
    def things(self) -> PanopticScores:
        """The scores of things alone."""
        return self._part(self.is_thing)

    @property
    def stuff(self) -> PanopticScores:
        """The scores of stuff alone."""
        return self._part(~self.is_thing)

    def _part(self, which: Mask) -> PanopticScores:
        columns = {name: column[which] for name, column in self._asdict().items() if name != LISTED}
        categories = tuple(c for c, is_in in zip(self.categories, which, strict=True) if is_in)
        return PanopticScores(categories=categories, **columns)


def scores_of(
    counts: MatchCounts, classes: PanopticClasses, names: Sequence[str] | None = None
) -> PanopticScores:
    """Return the scores of counts."""
    matched, wrong, missed = counts.counts
    unit = 1 << IOU_BITS
    iou_sum = np.array([value / unit for value in counts.iou], np.float64)
    segments = matched + 0.5 * wrong + 0.5 * missed
    sq = np.where(matched > 0, ratio(iou_sum, matched), np.where(segments > 0, 0.0, np.nan))
    return PanopticScores(
        ClassValues.of(ratio(iou_sum, segments), names),
        ClassValues.of(sq, names),
        ClassValues.of(ratio(matched, segments), names),
        matched.copy(),
        wrong.copy(),
        missed.copy(),
        iou_sum,
        tuple(classes.categories.tolist()),
        classes.is_thing.copy(),
    )
