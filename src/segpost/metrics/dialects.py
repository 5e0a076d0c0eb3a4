"""Metric conventions of other libraries, and why a library has no score of some counts.

Every library is a row: its averaging policy, and where it counts a pair of labels of which one is
neither a class nor ignored. Each row is tested against the library itself where that can be
installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from segpost._core import arguments
from segpost.metrics.conventions import (
    ERROR,
    Cell,
    MetricConvention,
    Remapping,
    is_class,
    predictions_on_ignored,
    remap_pairs,
)
from segpost.metrics.counts import CountSnapshot
from segpost.metrics.policy import AveragingPolicy
from segpost.metrics.scores import Scores

DialectName = Literal[
    "mmseg",
    "hf",
    "cityscapes",
    "voc",
    "torchmetrics",
    "detectron2",
    "torchvision",
    "smp",
    "keras",
    "paddleseg",
    "sklearn",
    "monai",
]


class DialectError(ValueError):
    """A library has no score of these counts: it stops with an error, or has no such option."""

    def __init__(self, library: str, why: str) -> None:
        super().__init__(library, why)
        self.why = why

    def __str__(self) -> str:
        return ": ".join(self.args)


@dataclass(frozen=True, kw_only=True)
class Dialect(MetricConvention):
    """Metric convention of one library, and what it refuses."""

    library: str  # which of its scores is meant
    excluded_iou: str = "nan"
    min_classes: int = 1  # with fewer it has no score, or none that can be meant
    min_pixels: int = 0  # that are not ignored; with fewer it stops
    ignorable: str = "one"  # classes: "any" number, one as the "one" ignored value, or "none"
    checks_ignored_targets: bool = False  # whether predictions there must be classes, too

    def __reduce__(self) -> tuple[Any, ...]:
        return dialect_of, (self.name,)


def _count_in_histograms(target: int, pred: int, classes: int) -> Cell:
    """Each map has its own histogram: a label that is no class is missing in one of them."""
    if is_class(target, classes):
        return target, classes
    return (classes + 1, pred) if is_class(pred, classes) else None


def _count_as_miss(target: int, pred: int, classes: int) -> Cell:
    return (target, classes) if is_class(target, classes) else None


def _leave_out(target: int, pred: int, classes: int) -> Cell:
    return None


def _refuse(target: int, pred: int, classes: int) -> Cell:
    return ERROR


def _bincount(target: int, pred: int, classes: int) -> Cell:
    """bincount(C target + pred) without a range check: another cell, or an array too long."""
    index = classes * target + pred
    return divmod(index, classes) if 0 <= index < classes * classes else ERROR


def _bincount_of_known_targets(target: int, pred: int, classes: int) -> Cell:
    return _bincount(target, pred, classes) if is_class(target, classes) else None


def _bincount_transposed(target: int, pred: int, classes: int) -> Cell:
    """bincount((C + 1) pred + target) of argmax predictions; the last row and column left out."""
    index = (classes + 1) * pred + target
    if pred < 0 or not 0 <= index < (classes + 1) ** 2:
        return ERROR
    row, column = divmod(index, classes + 1)
    return None if classes in (row, column) else (column, row)


def _histogram_of_bytes(target: int, pred: int, classes: int) -> Cell:
    """histc(C pred + target) of targets below 255: another cell, or beyond the last bin."""
    if not is_class(pred, classes):
        return ERROR
    index = classes * pred + target
    if not 0 <= target < 255 or index >= classes * classes:
        return None
    row, column = divmod(index, classes)
    return column, row


COUNTS_ANY_VALUE_ALIKE = (_count_in_histograms, _count_as_miss)  # invalid predictions

_MISS = "a miss of the true class"
_CELL = "counted as another pair of classes, or an error"

# Facts that a state does not hold:
# - torchmetrics with validate_args=True also stops at a single class, and at a batch with more
#   different values than there are classes, whichever they are;
# - detectron2 does not stop at a prediction on an ignored target that is the number of classes, as
#   it does at others that are no class; its boundary scores, where OpenCV is installed, also stop
#   at some targets that are no class.
# With a single class the histograms of mmseg and smp take every label for that class, and MONAI
# takes a one-hot map for labels: what they return then is no score. Not imitated: rounding to
# float32, counts that stop (histc at 2^24) or turn negative (keras at 2^31).
DIALECTS: dict[str, Dialect] = {
    row.name: row
    for row in (
        Dialect(
            name="mmseg",
            library="mmseg IoUMetric",
            policy=AveragingPolicy(ignored_class="keep"),
            remap=_count_in_histograms,
            invalid_preds_note=_MISS,
            min_classes=2,
        ),
        Dialect(
            name="hf",
            library="Hugging Face evaluate, mean_iou",
            policy=AveragingPolicy(ignored_class="keep"),
            remap=_count_in_histograms,
            invalid_preds_note=_MISS,
        ),
        Dialect(
            name="cityscapes",
            library="cityscapesScripts evalPixelLevelSemanticLabeling, other labels being its "
            "ignored ones",
            policy=AveragingPolicy(),
            remap=_count_as_miss,
            invalid_preds_note=_MISS,
            ignorable="any",
        ),
        Dialect(
            name="voc",
            library="Pascal VOC devkit, VOCevalseg",
            policy=AveragingPolicy(absent="nan"),
            remap=_histogram_of_bytes,
            invalid_preds_note="an error",
            ignorable="none",
            checks_ignored_targets=True,
        ),
        Dialect(
            name="torchmetrics",
            library="torchmetrics JaccardIndex, macro, validate_args=False",
            policy=AveragingPolicy(),
            remap=_bincount,
            invalid_preds_note=_CELL,
            excluded_iou="zero_if_absent",
        ),
        Dialect(
            name="detectron2",
            library="detectron2 SemSegEvaluator",
            policy=AveragingPolicy(predicted_only="exclude", ignored_class="keep"),
            remap=_bincount_transposed,
            invalid_preds_note="left out where it is the number of classes, an error beyond",
            checks_ignored_targets=True,
        ),
        Dialect(
            name="torchvision",
            library="torchvision references, ConfusionMatrix",
            policy=AveragingPolicy(absent="nan"),
            remap=_bincount_of_known_targets,
            invalid_preds_note=_CELL,
            ignorable="none",
        ),
        Dialect(
            name="smp",
            library="segmentation_models_pytorch iou_score, macro",
            policy=AveragingPolicy(absent=1.0),
            remap=_count_in_histograms,
            invalid_preds_note=_MISS,
            min_classes=2,
            ignorable="none",
        ),
        Dialect(
            name="keras",
            library="keras MeanIoU",
            policy=AveragingPolicy(ignored_class="keep"),
            remap=_leave_out,
            invalid_preds_note="left out",
            empty_mean=0.0,
        ),
        Dialect(
            name="paddleseg",
            library="PaddleSeg 2.9 evaluate",  # up to 2.8 a class in neither map counts as 0
            policy=AveragingPolicy(absent=1.0, ignored_class="keep"),
            remap=_count_in_histograms,
            invalid_preds_note=_MISS,
            counts_ignored_as_misses=True,
        ),
        Dialect(
            name="sklearn",
            library="scikit-learn jaccard_score, macro, over all classes",
            policy=AveragingPolicy(absent=0.0, ignored_class="keep"),
            remap=_count_in_histograms,
            invalid_preds_note=_MISS,
            min_pixels=1,
            ignorable="any",
        ),
        Dialect(
            name="monai",
            # before 1.6 there was no ignore_index
            library="MONAI 1.6 MeanIoU, void pixels all zero in the one-hot target",
            policy=AveragingPolicy(predicted_only="exclude", mean="image"),
            remap=_refuse,
            invalid_preds_note="an error",
            empty_mean=0.0,
            min_classes=2,
            checks_ignored_targets=True,
            counts_ignored_preds=True,
        ),
    )
}


def dialect_of(name: str) -> Dialect:
    """Return a dialect by its name."""
    arguments.check_choice(name, "dialect", tuple(DIALECTS))
    return DIALECTS[name]


def scores_of_dialect(snapshot: CountSnapshot, name: str) -> Scores:
    """Compute the scores that a library would give.

    Raises
    ------
    ValueError
        If there is no such dialect.
    DialectError
        If that library would stop with an error here.
    """
    dialect = dialect_of(name)
    why = _why_refused(snapshot, dialect)
    if why:
        raise DialectError(dialect.library, why)
    return Scores(snapshot, dialect)


def remap_outside(snapshot: CountSnapshot, dialect: Dialect) -> list[Remapping]:
    """Find the cell where a library counts each pair with a label that is no class."""
    if dialect.remap is None:
        return []
    return remap_pairs(snapshot.outside, dialect.remap, snapshot.num_classes)


def _why_refused(snapshot: CountSnapshot, dialect: Dialect) -> str:
    """Say why there is no score; empty where there is one."""
    classes, ignored = snapshot.num_classes, snapshot.ignored_classes
    remappings = remap_outside(snapshot, dialect)
    unknown = _predictions_of_unknown_value(snapshot, remappings)
    if unknown and dialect.remap not in COUNTS_ANY_VALUE_ALIKE:
        return f"the values of {unknown} predictions of no class are not known"
    for target, pred, _, cell in remappings:
        if cell == ERROR:
            return f"prediction {pred} on target {target} is an error"
    on_ignored = predictions_on_ignored(snapshot.state, remappings)
    if dialect.checks_ignored_targets and on_ignored[-1]:
        return "a prediction that is no class is an error on a void target, too"
    if ignored and dialect.ignorable == "none":
        return "it cannot ignore a class"
    if ignored and len(snapshot.settings["ignore_index"]) > 1 and dialect.ignorable == "one":
        return "it has one ignore_index; here one of several is a class"
    if classes < dialect.min_classes:
        return "it has no sound score of a single class"
    if snapshot.pixels - int(on_ignored.sum()) < dialect.min_pixels:
        return "a score of no pixel is an error"
    if dialect.policy.mean != "dataset" and not snapshot.has_images:
        return "it is a mean over images: count with per_image=True"
    return ""


def _predictions_of_unknown_value(snapshot: CountSnapshot, remappings: Sequence[Remapping]) -> int:
    """Count predictions of no class on a class of which only the number was kept."""
    classes = snapshot.num_classes
    remapped_pixels = sum(pair.pixels for pair in remappings if is_class(pair.target, classes))
    return int(snapshot.state[:-1, -1].sum()) - remapped_pixels
