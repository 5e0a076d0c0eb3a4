"""What other libraries say of the same predictions, and why it is not the same number.

Every library is a row: its policies, and where it counts a pair of labels of which one is neither
class nor void. Each row is tested against the library itself where that can be installed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from segpost._core import arguments
from segpost.metrics.counts import Int64, Outside, Policy, keep_all, ratio
from segpost.metrics.scores import Scores

if TYPE_CHECKING:
    from segpost.metrics.matrix import ConfusionMatrix

Cell = tuple[int, int] | None  # None: left out
Place = Callable[[int, int, int], Cell]  # of target, prediction and the number of classes
ERROR = (-1, -1)  # the cell of a pair that stops the library


class DialectError(ValueError):
    """There is no score of that library: it stops with an error, or has no way to say this."""

    def __init__(self, library: str, why: str) -> None:
        super().__init__(library, why)
        self.why = why

    def __str__(self) -> str:
        return ": ".join(self.args)


@dataclass(frozen=True)
class Dialect:
    """The conventions of one library."""

    library: str  # which of its scores is meant
    policy: Policy
    place: Place
    prints: dict[str, str | Callable[[Scores], float]]  # its names; attributes of Scores, or more
    says_of_invalid: str  # what it does with a prediction that is no class
    percent: bool = False  # whether it prints 100 times what `printed` gives
    empty: float = math.nan  # its mean of no class at all
    lists_all: bool = False  # whether it gives an IoU to classes outside its mean: 0 in neither map
    least_classes: int = 1  # of fewer it has no score, or none that can be meant
    least_pixels: int = 0  # that are not void; of fewer it stops
    ignores: str = "one"  # classes: "any" number of them, one as the "one" ignored value, or "none"
    checks_void: bool = False  # whether a prediction on a void target must be a class, too
    ignored_misses: bool = False  # whether the pixels of an ignored class are misses of it
    ignored_preds: bool = False  # whether predictions on them are false positives

    def printed(self, scores: Scores) -> dict[str, float]:
        """What the library prints to its user, by its own names, but as shares of 1."""
        groups = scores._cm.groups is not None
        return {
            name: float(getattr(scores, of) if isinstance(of, str) else of(scores))
            for name, of in self.prints.items()
            if groups or of != "mean_category_iou"
        }


def in_range(value: int, classes: int) -> bool:
    """Whether a label is a class."""
    return 0 <= value < classes


def _marginal(t: int, p: int, classes: int) -> Cell:
    """Each map's histogram of its own: a bad label is only missing in one of them."""
    if in_range(t, classes):
        return t, classes
    return (classes + 1, p) if in_range(p, classes) else None


def _miss(t: int, p: int, classes: int) -> Cell:
    return (t, classes) if in_range(t, classes) else None


def _drop(t: int, p: int, classes: int) -> Cell:
    return None


def _refuse(t: int, p: int, classes: int) -> Cell:
    return ERROR


def _shift(t: int, p: int, classes: int) -> Cell:
    """bincount(C t + p) without a look at the range: another cell, or an array too long."""
    index = classes * t + p
    return divmod(index, classes) if 0 <= index < classes * classes else ERROR


def _shift_known_targets(t: int, p: int, classes: int) -> Cell:
    return _shift(t, p, classes) if in_range(t, classes) else None


def _shift_transposed(t: int, p: int, classes: int) -> Cell:
    """bincount((C + 1) p + t) of predictions that argmax made; the last row and column left out."""
    index = (classes + 1) * p + t
    if p < 0 or not 0 <= index < (classes + 1) ** 2:
        return ERROR
    pred, target = divmod(index, classes + 1)
    return None if classes in (pred, target) else (target, pred)


def _histogram_of_bytes(t: int, p: int, classes: int) -> Cell:
    """histc(C p + t) of targets below 255: another cell, or beyond the last bin and left out."""
    if not in_range(p, classes):
        return ERROR
    index = classes * p + t
    if not 0 <= t < 255 or index >= classes * classes:
        return None
    pred, target = divmod(index, classes)
    return target, pred


def _share_of_predicted(scores: Scores) -> float:
    """Right pixels / pixels that are predicted as a class."""
    return scores.mean("precision", "micro")


def _dice_with_zeros(scores: Scores) -> float:
    """Mean Dice of all classes, 0 for those in neither map."""
    hits, target, preds = scores.tally
    return float(np.nan_to_num(ratio(2 * hits, target + preds)).mean())


def _fwiou_or_zero(scores: Scores) -> float:
    return scores.fwiou if scores.pixels else 0.0


_MISS = "a miss of the true class"
_CELL = "counted as another pair of classes, or an error"

# Most of them also print lists: the IoU of every class, some its recall, as `iou` and `recall` of
# the scores. What a state cannot know:
# - torchmetrics with validate_args=True also stops at a single class, and at a batch with more
#   different values than there are classes, whichever they are;
# - detectron2 does not stop at a prediction on a void target that is the number of classes, as it
#   does at others that are no class; its boundary scores, where OpenCV is installed, also stop at
#   some targets that are no class.
# With a single class the histograms of mmseg and smp take every label for that class, and MONAI a
# one-hot map for labels: what they say then is no score. Rounding to float32 is not imitated, nor
# counts that stop (histc at 2^24) or turn negative (keras at 2^31).
DIALECTS: dict[str, Dialect] = {
    "mmseg": Dialect(
        "mmseg IoUMetric",
        Policy(ignored_class="keep"),
        _marginal,
        {"aAcc": "pixel_accuracy", "mIoU": "miou", "mAcc": "mean_accuracy"},
        _MISS,
        percent=True,
        least_classes=2,
    ),
    "hf": Dialect(
        "Hugging Face evaluate, mean_iou",
        Policy(ignored_class="keep"),
        _marginal,
        {
            "mean_iou": "miou",
            "mean_accuracy": "mean_accuracy",
            "overall_accuracy": "pixel_accuracy",
        },
        _MISS,
    ),
    "cityscapes": Dialect(
        "cityscapesScripts evalPixelLevelSemanticLabeling, other labels being its ignored ones",
        Policy(),
        _miss,
        {"averageScoreClasses": "miou", "averageScoreCategories": "mean_category_iou"},
        _MISS,
        ignores="any",
    ),
    "voc": Dialect(
        "Pascal VOC devkit, VOCevalseg",
        Policy(absent="nan"),
        _histogram_of_bytes,
        {"avacc": "miou"},
        "an error",
        percent=True,
        ignores="none",
        checks_void=True,
    ),
    "torchmetrics": Dialect(
        "torchmetrics JaccardIndex, macro, validate_args=False",
        Policy(),
        _shift,
        {"JaccardIndex": "miou"},
        _CELL,
        lists_all=True,
    ),
    "detectron2": Dialect(
        "detectron2 SemSegEvaluator",
        Policy(predicted_only="exclude", ignored_class="keep"),
        _shift_transposed,
        {
            "mIoU": "miou",
            "fwIoU": _fwiou_or_zero,
            "mACC": "mean_accuracy",
            "pACC": "pixel_accuracy",
        },
        "left out where it is the number of classes, an error beyond",
        percent=True,
        checks_void=True,
    ),
    "torchvision": Dialect(
        "torchvision references, ConfusionMatrix",
        Policy(absent="nan"),
        _shift_known_targets,
        {"global correct": "pixel_accuracy", "mean IoU": "miou"},
        _CELL,
        percent=True,
        ignores="none",
    ),
    "smp": Dialect(
        "segmentation_models_pytorch iou_score, macro",
        Policy(absent=1.0),
        _marginal,
        {"iou_score": "miou"},
        _MISS,
        least_classes=2,
        ignores="none",
    ),
    "keras": Dialect(
        "keras MeanIoU",
        Policy(ignored_class="keep"),
        _drop,
        {"mean_io_u": "miou"},
        "left out",
        empty=0.0,
    ),
    "paddleseg": Dialect(
        "PaddleSeg 2.9 evaluate",  # up to 2.8 a class in neither map counts as 0
        Policy(absent=1.0, ignored_class="keep"),
        _marginal,
        {"mIoU": "miou", "Acc": _share_of_predicted, "Kappa": "kappa", "Dice": _dice_with_zeros},
        _MISS,
        ignored_misses=True,
    ),
    "sklearn": Dialect(
        "scikit-learn jaccard_score, macro, over all classes",
        Policy(absent=0.0, ignored_class="keep"),
        _marginal,
        {"jaccard_score": "miou"},
        _MISS,
        least_pixels=1,
        ignores="any",
    ),
    "monai": Dialect(
        "MONAI 1.6 MeanIoU, void pixels all zero in the one-hot target",  # no ignore_index before
        Policy(predicted_only="exclude", mean="image"),
        _refuse,
        {"MeanIoU": "miou"},
        "an error",
        empty=0.0,
        least_classes=2,
        checks_void=True,
        ignored_preds=True,
    ),
}


class Move(NamedTuple):
    """A pair of labels of which one is neither class nor void, and where a library counts it."""

    target: int
    pred: int
    times: int
    place: Cell


def scores_of(cm: ConfusionMatrix, dialect: str) -> Scores:
    """The scores that a library would give.

    Raises
    ------
    ValueError
        If there is no such dialect.
    DialectError
        If that library would stop with an error here.
    """
    arguments.check_choice(dialect, "dialect", tuple(DIALECTS))
    row = DIALECTS[dialect]
    moves = moves_of(cm.outside, row, cm.num_classes)
    why = _refusal(cm, row, moves, _void_row(cm.state, moves))
    if why:
        raise DialectError(row.library, why)
    ignored = ignored_classes(cm)

    def place(state: Int64, outside: Outside) -> Int64:
        moves = moves_of(outside, row, len(state) - 1)
        counts, void = _placed(state, moves), _void_row(state, moves)
        if ignored and row.ignored_misses:
            counts[-2] -= void
            counts[ignored[0], -1] += void.sum()
        if ignored and row.ignored_preds:
            counts[-2] -= void
            counts[-1] += void
        return counts

    scores = Scores(cm, row.policy, place, dialect)
    if math.isnan(scores.miou) and not scores.in_mean.any():
        scores.miou = row.empty
    if row.lists_all:
        scores.iou = np.nan_to_num(scores.iou)
    else:
        scores.iou = np.where(scores.in_mean, scores.iou, np.nan)
    return scores


def moves_of(outside: Outside, row: Dialect, classes: int) -> list[Move]:
    """Where the library counts every pair of a bad label."""
    return [Move(t, p, times, row.place(t, p, classes)) for (t, p), times in outside.items()]


def _void_row(state: Int64, moves: list[Move]) -> Int64:
    """What was predicted where the target is void, and not just no class."""
    row: Int64 = state[-1].copy()
    classes = len(state) - 1
    for t, p, times, _ in moves:
        if not in_range(t, classes):
            row[p if in_range(p, classes) else -1] -= times
    return row


def _refusal(cm: ConfusionMatrix, row: Dialect, moves: list[Move], void: Int64) -> str:
    """Why there is no score; empty where there is one."""
    ignored, values = ignored_classes(cm), cm.settings()["ignore_index"]
    listed = sum(move.times for move in moves if in_range(move.target, cm.num_classes))
    unknown = int(cm.state[:-1, -1].sum()) - listed
    if unknown and row.place not in (_marginal, _miss):
        return f"the values of {unknown} predictions of no class are not known"
    for t, p, _, place in moves:
        if place == ERROR:
            return f"prediction {p} on target {t} is an error"
    if row.checks_void and void[-1]:
        return "a prediction that is no class is an error on a void target, too"
    if ignored and row.ignores == "none":
        return "it cannot ignore a class"
    if ignored and len(values) > 1 and row.ignores == "one":
        return "it has one ignore_index; here one of several is a class"
    if cm.num_classes < row.least_classes:
        return "it has no sound score of a single class"
    if cm.pixels - int(void.sum()) < row.least_pixels:
        return "a score of no pixel is an error"
    if row.policy.mean != "dataset" and not (cm.per_image or cm.images):
        return "it is a mean over images: count with per_image=True"
    return ""


def _placed(state: Int64, moves: list[Move]) -> Int64:
    """The counts with every pair of a bad label where the library counts it."""
    classes = len(state) - 1
    counts = keep_all(state, {})
    for t, p, times, place in moves:
        own = t if in_range(t, classes) else classes, p if in_range(p, classes) else classes
        counts[own] -= times
        counts[(classes, classes) if place is None else place] += times
    return counts


def ignored_classes(cm: ConfusionMatrix) -> list[int]:
    """Classes that are an `ignore_index`."""
    return [c for c in cm.settings()["ignore_index"] if in_range(c, cm.num_classes)]
