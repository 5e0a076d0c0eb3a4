"""Numbers of scores: everything that a confusion matrix says under one metric convention."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from segpost._core import arguments
from segpost.metrics.class_values import ClassValues
from segpost.metrics.conventions import MetricConvention, table_with_convention
from segpost.metrics.counts import ClassCounts, CountSnapshot, CountTable
from segpost.metrics.groups import list_groups
from segpost.metrics.per_image import ImageScores
from segpost.metrics.policy import AveragingPolicy, iou_with_policy, is_averaged
from segpost.metrics.ratios import Float64, Int64, Mask, class_mask, mean_of, ratio

ScoreAverage = Literal["macro", "micro", "weighted"]
AVERAGES: tuple[str, ...] = get_args(ScoreAverage)
ClassScore = Literal["iou", "dice", "precision", "recall", "specificity"]
PER_CLASS: tuple[str, ...] = get_args(ClassScore)
ShareOf = Literal["target", "preds", "all"]


class Confused(NamedTuple):
    """How often a class was taken for another."""

    target: str
    predicted: str
    pixels: int
    share: float  # of the target class's pixels


class ScoreValues:
    """Scores of one snapshot of counts under one metric convention, without their reports.

    Parameters
    ----------
    snapshot : CountSnapshot
    convention : MetricConvention
    """

    snapshot: CountSnapshot
    convention: MetricConvention
    table: CountTable  # counts as the convention has them

    def __init__(self, snapshot: CountSnapshot, convention: MetricConvention) -> None:
        self.snapshot, self.convention = snapshot, convention
        self.table = table_with_convention(
            snapshot.state, snapshot.outside, convention, snapshot.ignored_classes
        )

    # Settings

    @property
    def policy(self) -> AveragingPolicy:
        """The averaging policy."""
        return self.convention.policy

    @property
    def dialect(self) -> str:
        """Name of the library whose convention this is; empty for segpost's own."""
        return self.convention.name

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return self.snapshot.num_classes

    @property
    def class_names(self) -> tuple[str, ...]:
        """One name for each class: its number where no name was given."""
        return self.snapshot.class_names

    # Counts

    @property
    def matrix(self) -> Int64:
        """(C, C) counts of targets and predictions that are classes."""
        return self.table.matrix

    @cached_property
    def class_counts(self) -> ClassCounts:
        """True positives, target pixels and predicted pixels of every class."""
        return ClassCounts.from_table(self.table)

    @property
    def pixels(self) -> int:
        """Number of pixels that count: those whose target is a class."""
        return int(self.class_counts.support.sum())

    @property
    def void_pixels(self) -> int:
        """Number of pixels whose target is ignored."""
        return int(self.table.ignored.sum())

    @property
    def invalid_preds(self) -> int:
        """Number of predictions that are no class, where the target is one."""
        return int(self.table.invalid_preds.sum())

    @cached_property
    def absent(self) -> Mask:
        """(C,) mask of the classes in neither map."""
        support, predicted = self.class_counts[1:]
        absent: Mask = (support == 0) & (predicted == 0)
        return absent

    @cached_property
    def ignored(self) -> Mask:
        """(C,) mask of the classes that are an `ignore_index`."""
        return class_mask(self.snapshot.ignored_classes, self.num_classes)

    @cached_property
    def in_mean(self) -> Mask:
        """(C,) mask of the classes that `miou` is the mean of."""
        counted = iou_with_policy(self.class_counts, self.policy, self.ignored)[1]
        return counted & self._is_averaged

    @cached_property
    def _is_averaged(self) -> Mask:
        return is_averaged(self.policy, self.num_classes)

    # Scores of a class

    def _by_class(self, values: Float64) -> ClassValues:
        """Return values that may be looked up by the name of a class."""
        return ClassValues.of(values, self.class_names)

    @cached_property
    def iou(self) -> ClassValues:
        """(C,) intersection over union of every class (Jaccard)."""
        iou, counted = iou_with_policy(self.class_counts, self.policy, self.ignored)
        if self.convention.excluded_iou == "nan":
            iou = np.where(counted, iou, np.nan)
        elif self.convention.excluded_iou == "zero_if_absent":
            iou = np.nan_to_num(iou)
        return self._by_class(iou)

    @cached_property
    def dice(self) -> ClassValues:
        """(C,) 2 true positives / (target + predicted) of every class (F1)."""
        return self.fbeta(1.0)

    @cached_property
    def precision(self) -> ClassValues:
        """(C,) true positives / predicted."""
        counts = self.class_counts
        return self._by_class(ratio(counts.true_positives, counts.predicted))

    @cached_property
    def recall(self) -> ClassValues:
        """(C,) true positives / target: the accuracy of every class."""
        counts = self.class_counts
        return self._by_class(ratio(counts.true_positives, counts.support))

    @cached_property
    def specificity(self) -> ClassValues:
        """(C,) pixels neither predicted nor in the target / pixels not in the target."""
        true_positives, support, predicted = self.class_counts
        others = self.pixels - support
        return self._by_class(ratio(others - (predicted - true_positives), others))

    def fbeta(self, beta: float) -> ClassValues:
        """Compute (1 + beta^2) true positives / (beta^2 target + predicted) of every class.

        Parameters
        ----------
        beta : float
            Above 1 recall counts more, below 1 precision.
        """
        if not (isinstance(beta, (int, float, np.number)) and 0 < float(beta) <= 1e6):
            raise ValueError(f"beta must be a positive number of at most 1e6, got {beta!r}")
        square = float(beta) ** 2
        true_positives, support, predicted = self.class_counts
        values = ratio((1 + square) * true_positives, square * support + predicted)
        absent_value = self.policy.absent_value
        if absent_value is not None:
            values = np.where(self.absent, absent_value, values)
        return self._by_class(values)

    # Scores over all classes

    @cached_property
    def miou(self) -> float:
        """Mean IoU over the classes in `in_mean`."""
        strict = self.policy.is_strict
        if self.policy.mean == "image":
            value = mean_of(self.images.miou)
        elif self.policy.mean == "class_image":
            value = mean_of(self.images.class_iou[self.in_mean], strict=strict)
        else:
            value = mean_of(self.iou[self.in_mean], strict=strict)
        if math.isnan(value) and not self.in_mean.any():
            return self.convention.empty_mean
        return value

    def mean(self, name: ClassScore, average: ScoreAverage = "macro") -> float:
        """Average a per-class score.

        Parameters
        ----------
        name : {"iou", "dice", "precision", "recall", "specificity"}
        average : {"macro", "micro", "weighted"}
            All classes alike; all pixels alike (the score of the summed counts); or classes
            weighted by their pixels in the target.
        """
        arguments.check_choice(name, "name", PER_CLASS)
        arguments.check_choice(average, "average", AVERAGES)
        values: Float64 = getattr(self, name)[self.in_mean]
        if average == "macro":
            return mean_of(values, strict=self.policy.is_strict)
        true_positives, support, predicted = (part[self.in_mean] for part in self.class_counts)
        if average == "weighted":
            in_target = support > 0
            weighted = values[in_target] * support[in_target]
            return float(ratio(weighted.sum(), support.sum()))
        tp, t, p = int(true_positives.sum()), int(support.sum()), int(predicted.sum())
        others = len(support) * self.pixels - t
        fractions = {
            "iou": (tp, t + p - tp),
            "dice": (2 * tp, t + p),
            "precision": (tp, p),
            "recall": (tp, t),
            "specificity": (others - (p - tp), others),
        }
        return float(ratio(*fractions[name]))

    @cached_property
    def pixel_accuracy(self) -> float:
        """Share of the pixels that are right."""
        return float(ratio(self.class_counts.true_positives.sum(), self.pixels))

    @cached_property
    def mean_accuracy(self) -> float:
        """Mean recall of the classes in the target."""
        return mean_of(self.recall[self._is_averaged])

    @cached_property
    def fwiou(self) -> float:
        """IoU weighted by the classes' pixels in the target."""
        in_target = (self.class_counts.support > 0) & self._is_averaged
        iou, weight = self.class_counts.iou()[in_target], self.class_counts.support[in_target]
        return float(ratio((iou * weight).sum(), weight.sum()))

    @cached_property
    def kappa(self) -> float:
        """Cohen's kappa: agreement beyond what the classes' shares alone would give."""
        pixels = self.pixels
        _, support, predicted = (part.astype(object) for part in self.class_counts)
        chance = int((support * predicted).sum())
        observed = int(self.class_counts.true_positives.sum())
        largest = pixels * pixels - chance
        return (observed * pixels - chance) / largest if largest else math.nan

    @cached_property
    def mcc(self) -> float:
        """Matthews' correlation coefficient for many classes (Gorodkin's R_K).

        Predictions that are no class are one more predicted class.
        """
        pixels = self.pixels
        _, support, predicted = (part.astype(object) for part in self.class_counts)
        both = int((support * predicted).sum())
        predicted_squares = int((predicted * predicted).sum()) + self.invalid_preds**2
        support_squares = int((support * support).sum())
        variance = (pixels**2 - predicted_squares) * (pixels**2 - support_squares)
        covariance = int(self.class_counts.true_positives.sum()) * pixels - both
        return covariance / math.sqrt(variance) if variance > 0 else math.nan

    @cached_property
    def category_iou(self) -> dict[str, float]:
        """IoU of every group; confusions inside a group count as right.

        A group in another one has both names, as in "vehicle/large".
        Ignored classes belong to their groups only with ``ignored_class="keep"``.
        """
        if self.snapshot.groups is None:
            raise ValueError("category_iou needs groups= when the ConfusionMatrix is made")
        result = {}
        excluded = self.ignored & (self.policy.ignored_class == "exclude")
        for group in list_groups(self.snapshot.groups):
            classes = [c for c in group.members if not excluded[c]]
            inside = self.matrix[np.ix_(classes, classes)].sum()
            both = (self.class_counts.support + self.class_counts.predicted)[classes].sum()
            result[group.name] = float(ratio(inside, both - inside))
        return result

    @cached_property
    def mean_category_iou(self) -> float:
        """Mean of `category_iou` over the groups that occur, of a tree those in no other."""
        return self.level_means[0] if self.level_means else math.nan

    @cached_property
    def level_means(self) -> tuple[float, ...]:
        """Mean of `category_iou` over the groups of every level of a tree, from the top."""
        levels: list[list[float]] = []
        for group in list_groups(self.snapshot.groups or {}):
            levels += [[] for _ in range(group.level + 1 - len(levels))]
            levels[group.level].append(self.category_iou[group.name])
        return tuple(map(mean_of, levels))

    def top_confusions(self, count: int = 10) -> list[Confused]:
        """Return the most frequent confusions; predictions of no class are "(none)"."""
        wrong = self.table.class_rows.copy()
        np.fill_diagonal(wrong, 0)
        names = (*self.class_names, "(none)")
        order = np.argsort(-wrong, axis=None, kind="stable")
        order = order[: arguments.as_count(count, "count")]
        confusions = []
        for t, p in zip(*np.unravel_index(order, wrong.shape), strict=True):
            if wrong[t, p]:
                share = int(wrong[t, p]) / int(self.class_counts.support[t])
                confusions.append(Confused(names[t], names[p], int(wrong[t, p]), share))
        return confusions

    def normalized(self, over: ShareOf = "target") -> Float64:
        """Return the matrix as shares of its rows ("target"), columns ("preds") or sum ("all")."""
        arguments.check_choice(over, "over", get_args(ShareOf))
        totals: dict[str, Any] = {
            "target": self.class_counts.support[:, None],
            "preds": self.class_counts.predicted[None],
            "all": np.array([[self.pixels]]),
        }
        return ratio(self.matrix, np.broadcast_to(totals[over], self.matrix.shape))

    @cached_property
    def images(self) -> ImageScores:
        """Scores of every image; they need ``per_image=True``, or ids, when counting."""
        if not self.snapshot.has_images:
            raise ValueError(
                "scores of images need their counts: ConfusionMatrix(..., per_image=True)"
            )
        return ImageScores.from_counts(
            self.snapshot.images,
            self.convention,
            self.snapshot.ignored_classes,
            self.num_classes,
        )

    def summary(self) -> dict[str, float]:
        """Return the scores over all classes by name."""
        names = ["miou", "pixel_accuracy", "mean_accuracy", "fwiou", "kappa", "mcc"]
        result = {name: float(getattr(self, name)) for name in names}
        result["mean_dice"] = self.mean("dice")
        if self.snapshot.groups is not None:
            result["mean_category_iou"] = self.mean_category_iou
        return result
