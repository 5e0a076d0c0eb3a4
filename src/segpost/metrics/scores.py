"""Every score that a confusion matrix holds, under policies that are arguments."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from segpost._core import arguments
from segpost.metrics.counts import (
    Float64,
    Int64,
    Mask,
    Place,
    Policy,
    Tally,
    drop_invalid,
    judged,
    keep_all,
    mean_of,
    ratio,
)

if TYPE_CHECKING:
    from segpost.metrics.matrix import ConfusionMatrix
    from segpost.metrics.per_image import ImageScores

AVERAGES = ("macro", "micro", "weighted")
PER_CLASS = ("iou", "dice", "precision", "recall", "specificity")


class Confused(NamedTuple):
    """How often a class was taken for another."""

    target: str
    predicted: str
    pixels: int
    share: float  # of the target class's pixels


class Scores:
    """Scores of one confusion matrix. Counts are int64, ratios float64.

    Per class, NaN where a class has no such score: `iou`, `dice`, `precision`, `recall`,
    `specificity`, `fbeta`. Over all: `miou`, `pixel_accuracy`, `mean_accuracy`, `fwiou`, `kappa`,
    `mcc`, `category_iou`, `mean`. Reports: `to_text` (also ``print(scores)``), `to_markdown`,
    `to_csv`, `to_json`, `to_pandas`, `plot`.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> cm = segpost.ConfusionMatrix(2, class_names=["road", "car"])
    >>> cm.update(preds=np.uint8([[0, 0, 1, 1]]), target=np.uint8([[0, 1, 1, 1]]))
    >>> scores = cm.compute()
    >>> scores.iou.round(3), scores.pixel_accuracy
    (array([0.5  , 0.667]), 0.75)
    >>> scores.top_confusions(1)[0].predicted
    'road'
    """

    def __init__(
        self, cm: ConfusionMatrix, policy: Policy, place: Place | None = None, dialect: str = ""
    ) -> None:
        self._cm = cm = cm.copy()  # what is counted later is not in these scores
        self._place = place or (drop_invalid if policy.invalid_preds == "drop" else keep_all)
        self.policy = policy
        self.dialect = dialect
        # (C + 2, C + 1): classes, void, and targets whose predictions are false positives
        self.counts = self._place(cm.state, cm.outside)
        self.num_classes = cm.num_classes
        names = cm.class_names or tuple(str(c) for c in range(cm.num_classes))
        self.class_names: tuple[str, ...] = names

    # Counts

    @cached_property
    def matrix(self) -> Int64:
        """(C, C) counts of targets and predictions that are classes."""
        return self.counts[:-2, :-1]

    @cached_property
    def tally(self) -> Tally:
        """Hits, target pixels and predicted pixels of every class."""
        return Tally.of(self.counts)

    @property
    def pixels(self) -> int:
        """Pixels that count: those whose target is a class."""
        return int(self.tally.target.sum())

    @property
    def void_pixels(self) -> int:
        """Pixels whose target is void."""
        return int(self.counts[-2].sum())

    @property
    def invalid_preds(self) -> int:
        """Predictions that are no class, where the target is one."""
        return int(self.counts[:-2, -1].sum())

    @cached_property
    def absent(self) -> Mask:
        """Classes that are in neither map."""
        nowhere: Mask = (self.tally.target == 0) & (self.tally.preds == 0)
        return nowhere

    @cached_property
    def ignored(self) -> Mask:
        """Classes that are an `ignore_index`."""
        return np.isin(np.arange(self.num_classes), self._cm.settings()["ignore_index"])

    @cached_property
    def in_mean(self) -> Mask:
        """Classes that `miou` is the mean of."""
        return judged(self.tally, self.policy, self.ignored)[1]

    # Scores of a class

    @cached_property
    def iou(self) -> Float64:
        """Intersection over union of every class (Jaccard)."""
        return judged(self.tally, self.policy, self.ignored)[0]

    @cached_property
    def dice(self) -> Float64:
        """2 hits / (target + predicted) of every class (F1)."""
        return self.fbeta(1.0)

    @cached_property
    def precision(self) -> Float64:
        """Hits / predicted."""
        return ratio(self.tally.hits, self.tally.preds)

    @cached_property
    def recall(self) -> Float64:
        """Hits / target: the accuracy of every class."""
        return ratio(self.tally.hits, self.tally.target)

    @cached_property
    def specificity(self) -> Float64:
        """Pixels that are neither predicted nor true / pixels that are not true."""
        hits, target, preds = self.tally
        others = self.pixels - target
        return ratio(others - (preds - hits), others)

    def fbeta(self, beta: float) -> Float64:
        """(1 + beta^2) hits / (beta^2 target + predicted) of every class.

        Parameters
        ----------
        beta : float
            Above 1 recall counts more, below 1 precision.
        """
        if not (isinstance(beta, (int, float, np.number)) and 0 < float(beta) <= 1e6):
            raise ValueError(f"beta must be a positive number of at most 1e6, got {beta!r}")
        square = float(beta) ** 2
        hits, target, preds = self.tally
        return self._with_absent(ratio((1 + square) * hits, square * target + preds))

    # Scores over all classes

    @cached_property
    def miou(self) -> float:
        """Mean IoU, over the classes in `in_mean`."""
        if self.policy.mean == "image":
            return mean_of(self.images.miou)
        if self.policy.mean == "class_image":
            means = self.images.class_iou[self.in_mean]
            return mean_of(means, strict=self.policy.absent == "nan")
        return mean_of(self.iou[self.in_mean], strict=self.policy.absent == "nan")

    def mean(self, name: str, average: str = "macro") -> float:
        """Mean of a per-class score.

        Parameters
        ----------
        name : {"iou", "dice", "precision", "recall", "specificity"}
        average : {"macro", "micro", "weighted"}
            All classes alike; all pixels alike (the score of the summed counts); or classes
            weighted by their pixels in the target.
        """
        arguments.check_choice(name, "name", PER_CLASS)
        arguments.check_choice(average, "average", AVERAGES)
        inside = self.in_mean
        values: Float64 = getattr(self, name)[inside]
        if average == "macro":
            return mean_of(values, strict=self.policy.absent == "nan")
        hits, target, preds = (array[inside] for array in self.tally)
        if average == "weighted":
            there = target > 0
            return float(ratio((values[there] * target[there]).sum(), target.sum()))
        h, t, p = int(hits.sum()), int(target.sum()), int(preds.sum())
        others = len(hits) * self.pixels - t
        top, bottom = {
            "iou": (h, t + p - h),
            "dice": (2 * h, t + p),
            "precision": (h, p),
            "recall": (h, t),
            "specificity": (others - (p - h), others),
        }[name]
        return float(ratio(top, bottom))

    @cached_property
    def pixel_accuracy(self) -> float:
        """Share of the pixels that are right."""
        return float(ratio(self.tally.hits.sum(), self.pixels))

    @cached_property
    def mean_accuracy(self) -> float:
        """Mean recall of the classes that the target has."""
        return mean_of(self.recall)

    @cached_property
    def fwiou(self) -> float:
        """IoU weighted by the classes' pixels in the target."""
        there = self.tally.target > 0
        iou, weight = self.tally.iou()[there], self.tally.target[there]
        return float(ratio((iou * weight).sum(), weight.sum()))

    @cached_property
    def kappa(self) -> float:
        """Cohen's kappa: agreement beyond what the classes' shares alone would give."""
        pixels = self.pixels
        _, target, preds = (array.astype(object) for array in self.tally)
        chance = int((target * preds).sum())
        observed = int(self.tally.hits.sum())
        most = pixels * pixels - chance
        return (observed * pixels - chance) / most if most else math.nan

    @cached_property
    def mcc(self) -> float:
        """Matthews' correlation coefficient for many classes (Gorodkin's R_K).

        Predictions that are no class are one more predicted class.
        """
        pixels = self.pixels
        _, target, preds = (array.astype(object) for array in self.tally)
        both = int((target * preds).sum())
        spread = int((preds * preds).sum()) + self.invalid_preds**2
        variance = (pixels**2 - spread) * (pixels**2 - int((target * target).sum()))
        top = int(self.tally.hits.sum()) * pixels - both
        return top / math.sqrt(variance) if variance > 0 else math.nan

    @cached_property
    def category_iou(self) -> dict[str, float]:
        """IoU of every group; confusions inside a group count as right.

        Ignored classes belong to their groups only with ``ignored_class="keep"``.
        """
        if self._cm.groups is None:
            raise ValueError("category_iou needs groups= when the ConfusionMatrix is made")
        result = {}
        excluded = self.ignored & (self.policy.ignored_class == "exclude")
        for name, members in self._cm.groups.items():
            own = [c for c in members if not excluded[c]]
            hits = self.matrix[np.ix_(own, own)].sum()
            both = self.tally.target[own].sum() + self.tally.preds[own].sum()
            result[name] = float(ratio(hits, both - hits))
        return result

    @cached_property
    def mean_category_iou(self) -> float:
        """Mean of `category_iou` over the groups that occur."""
        return mean_of(list(self.category_iou.values()))

    def top_confusions(self, count: int = 10) -> list[Confused]:
        """The most frequent mistakes, largest first; predictions of no class are "(none)"."""
        wrong = self.counts[:-2].copy()
        np.fill_diagonal(wrong, 0)
        names = (*self.class_names, "(none)")
        order = np.argsort(-wrong, axis=None, kind="stable")[:count]
        found = []
        for t, p in zip(*np.unravel_index(order, wrong.shape), strict=True):
            if wrong[t, p]:
                share = int(wrong[t, p]) / int(self.tally.target[t])
                found.append(Confused(names[t], names[p], int(wrong[t, p]), share))
        return found

    def normalized(self, over: str = "target") -> Float64:
        """The matrix as shares of its rows ("target"), columns ("preds") or total ("all")."""
        arguments.check_choice(over, "over", ("target", "preds", "all"))
        totals = {
            "target": self.tally.target[:, None],
            "preds": self.tally.preds[None],
            "all": np.array([[self.pixels]]),
        }
        return ratio(self.matrix, np.broadcast_to(totals[over], self.matrix.shape))

    @cached_property
    def images(self) -> ImageScores:
        """Scores of every image; needs ``per_image=True``, or ids, when counting."""
        from segpost.metrics.per_image import ImageScores

        if not (self._cm.per_image or self._cm.images):
            raise ValueError(
                "scores of images need their counts: ConfusionMatrix(..., per_image=True)"
            )
        return ImageScores.of(self._cm.images, self.policy, self.ignored, self._place)

    def summary(self) -> dict[str, float]:
        """The scores over all classes, by name."""
        names = ["miou", "pixel_accuracy", "mean_accuracy", "fwiou", "kappa", "mcc"]
        result = {name: float(getattr(self, name)) for name in names}
        result["mean_dice"] = self.mean("dice")
        if self._cm.groups is not None:
            result["mean_category_iou"] = self.mean_category_iou
        return result

    # Reports

    def to_text(self) -> str:
        """A table for a terminal."""
        from segpost.metrics.report import formats

        return formats.text(self)

    def to_markdown(self) -> str:
        """Summary and classes as Markdown tables."""
        from segpost.metrics.report import formats

        return formats.markdown(self)

    def to_csv(self) -> str:
        """A line a class."""
        from segpost.metrics.report import formats

        return formats.csv(self)

    def to_json(self, *, layout: str = "segpost") -> str:
        """Everything as JSON.

        Parameters
        ----------
        layout : {"segpost", "cityscapes"}
            "cityscapes" is that of the benchmark's csEvalPixelLevelSemanticLabeling.
        """
        arguments.check_choice(layout, "layout", ("segpost", "cityscapes"))
        from segpost.metrics.report import formats

        return formats.json(self) if layout == "segpost" else formats.cityscapes_json(self)

    def to_pandas(self) -> Any:
        """A DataFrame with a row a class; needs pandas."""
        from segpost.metrics.report import formats

        return formats.pandas(self)

    def plot(self, kind: str = "matrix", **options: Any) -> Any:
        """A figure; needs matplotlib.

        Parameters
        ----------
        kind : {"matrix", "classes"}
            The normalized matrix, or a bar a class.
        **options
            `over` for "matrix" (see `normalized`), `score` for "classes" (a per-class score).

        Returns
        -------
        figure : matplotlib.figure.Figure
        """
        from segpost.metrics.report import plots

        arguments.check_choice(kind, "kind", ("matrix", "classes"))
        return plots.matrix(self, **options) if kind == "matrix" else plots.classes(self, **options)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        inside = f"{int(self.in_mean.sum())} of {self.num_classes} classes"
        says = f", as {self.dialect}" if self.dialect else ""
        return f"<Scores: miou {self.miou:.4f} over {inside}, {self.pixels} pixels{says}>"

    def _with_absent(self, values: Float64) -> Float64:
        if isinstance(self.policy.absent, str):
            return values
        return np.where(self.absent, float(self.policy.absent), values)
