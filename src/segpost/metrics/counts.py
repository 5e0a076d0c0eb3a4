"""What scores are made of: counts of a class, and what counts where there is a choice."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segpost._core import arguments

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Outside = dict[tuple[int, int], int]  # times that a (target, prediction) of no classes occurred
Place = Callable[[Int64, Outside], Int64]  # a state as counts: (C + 2, C + 1)


@dataclass(frozen=True)
class Policy:
    """What counts where a score's definition leaves a choice; see `ConfusionMatrix.compute`."""

    absent: float | str = "exclude"
    predicted_only: str = "count"
    ignored_class: str = "exclude"
    mean: str = "dataset"
    invalid_preds: str = "miss"

    def __post_init__(self) -> None:
        if isinstance(self.absent, str):
            arguments.check_choice(self.absent, "absent", ("exclude", "nan"))
        elif isinstance(self.absent, bool) or not 0.0 <= float(self.absent) <= 1.0:
            raise ValueError(f"absent must be 'exclude', 'nan' or in 0..1, got {self.absent!r}")
        arguments.check_choice(self.predicted_only, "predicted_only", ("count", "exclude"))
        arguments.check_choice(self.ignored_class, "ignored_class", ("exclude", "keep"))
        arguments.check_choice(self.mean, "mean", ("dataset", "image", "class_image"))


class Tally(NamedTuple):
    """What the scores of a class are made of; the last axis is the class."""

    @classmethod
    def of(cls, counts: Int64) -> Tally:
        """From (C + 2, C + 1) counts: classes, void, and targets with false positives only."""
        classes = counts[:-2]
        preds = classes[:, :-1].sum(axis=0) + counts[-1, :-1]
        return cls(classes.diagonal().copy(), classes.sum(axis=1), preds)

    hits: Int64  # predicted and true
    target: Int64  # true
    preds: Int64  # predicted where the target is not void

    def iou(self) -> Float64:
        """Intersection over union; NaN for a class that is in neither map."""
        return ratio(self.hits, self.target + self.preds - self.hits)


def keep_all(state: Int64, outside: Outside) -> Int64:
    """A state as counts: predictions of no class are misses."""
    return np.concatenate([state, np.zeros_like(state[:1])])


def drop_invalid(state: Int64, outside: Outside) -> Int64:
    """The same without predictions of no class."""
    counts = keep_all(state, outside)
    counts[:-2, -1] = 0
    return counts


def judged(tally: Tally, policy: Policy, ignored: Mask) -> tuple[Float64, Mask]:
    """IoU of every class, and which classes a mean is over; of one matrix or of many at once."""
    iou = tally.iou()
    absent: Mask = (tally.target == 0) & (tally.preds == 0)
    counted = np.ones(iou.shape, bool)
    if policy.absent == "exclude":
        counted &= ~absent
    if not isinstance(policy.absent, str):
        iou = np.where(absent, float(policy.absent), iou)
    if policy.predicted_only == "exclude":
        counted &= (tally.target > 0) | absent
    if policy.ignored_class == "exclude":
        counted &= ~ignored
    return iou, counted


def ratio(top: Any, bottom: Any) -> Float64:
    """top / bottom in float64, NaN where bottom is 0."""
    above, below = np.asarray(top, np.float64), np.asarray(bottom, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Float64 = np.where(below == 0, np.nan, above / np.where(below == 0, 1.0, below))
    return result


def mean_of(values: Float64 | Sequence[float], *, strict: bool = False) -> float:
    """Mean of the values that are not NaN; NaN where there is none, or `strict` and one is."""
    array = np.asarray(values, np.float64)
    kept = array if strict else array[~np.isnan(array)]
    return float(kept.mean()) if kept.size else math.nan
