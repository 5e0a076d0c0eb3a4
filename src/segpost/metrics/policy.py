"""Averaging policies: what counts where the definition of a score leaves a choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from segpost._core import arguments
from segpost.metrics.counts import ClassCounts
from segpost.metrics.ratios import Float64, Mask, class_mask

Absent = Literal["exclude", "nan"]
PredictedOnly = Literal["count", "exclude"]
IgnoredClass = Literal["exclude", "keep"]
MeanOver = Literal["dataset", "image", "class_image"]
ABSENT: tuple[str, ...] = get_args(Absent)
PREDICTED_ONLY: tuple[str, ...] = get_args(PredictedOnly)
IGNORED_CLASS: tuple[str, ...] = get_args(IgnoredClass)
MEAN_OVER: tuple[str, ...] = get_args(MeanOver)


@dataclass(frozen=True)
class AveragingPolicy:
    """Choices in the definition of a mean score; see `ConfusionMatrix.compute`."""

    absent: float | Absent = "exclude"
    predicted_only: PredictedOnly = "count"
    ignored_class: IgnoredClass = "exclude"
    mean: MeanOver = "dataset"
    invalid_preds: str = "miss"
    exclude: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.absent, str):
            arguments.check_choice(self.absent, "absent", ABSENT)
        elif isinstance(self.absent, bool) or not 0.0 <= float(self.absent) <= 1.0:
            raise ValueError(f"absent must be 'exclude', 'nan' or in 0..1, got {self.absent!r}")
        arguments.check_choice(self.predicted_only, "predicted_only", PREDICTED_ONLY)
        arguments.check_choice(self.ignored_class, "ignored_class", IGNORED_CLASS)
        arguments.check_choice(self.mean, "mean", MEAN_OVER)

    @property
    def is_strict(self) -> bool:
        """Whether a mean over a class without a score is NaN."""
        return self.absent == "nan"

    @property
    def absent_value(self) -> float | None:
        """The score of a class in neither map; None where it has none."""
        return None if isinstance(self.absent, str) else float(self.absent)


def is_averaged(policy: AveragingPolicy, classes: int) -> Mask:
    """Return the (C,) mask of the classes that the caller has not left out of means."""
    return ~class_mask(policy.exclude, classes)


def iou_with_policy(
    counts: ClassCounts, policy: AveragingPolicy, ignored: Mask
) -> tuple[Float64, Mask]:
    """Compute the IoU of every class, and which classes have one that counts.

    Parameters
    ----------
    counts : ClassCounts
        Of one image or data set, (C,), or of many at once, (N, C).
    policy : AveragingPolicy
    ignored : (C,) bool
        Classes that are an `ignore_index`.

    Returns
    -------
    iou, counted : arrays of the shape of the counts
        A mean is over the counted classes that are in `is_averaged`.
    """
    iou = counts.iou()
    absent: Mask = (counts.support == 0) & (counts.predicted == 0)
    counted = np.ones(iou.shape, bool)
    if policy.absent == "exclude":
        counted &= ~absent
    if policy.absent_value is not None:
        iou = np.where(absent, policy.absent_value, iou)
    if policy.predicted_only == "exclude":
        counted &= (counts.support > 0) | absent
    if policy.ignored_class == "exclude":
        counted &= ~ignored
    return iou, counted
