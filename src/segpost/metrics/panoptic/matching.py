"""Matches between predicted and true segments, and what they count."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from segpost.metrics.panoptic.segments import SegmentPairs, Segments
from segpost.metrics.ratios import Float64, Int64, Mask

PanopticDialect = Literal["panopticapi", "torchmetrics"]
PANOPTIC_DIALECTS: tuple[str, ...] = get_args(PanopticDialect)

IOU_BITS = 64  # sums of IoU are integers, in units of 2**-IOU_BITS
HALF_BITS = IOU_BITS // 2
MAX_VOID_SHARE = 0.5  # of a segment without a match; with more it is not counted
UNIQUE_THRESHOLD = 0.5  # from which a segment has one match at most


class MatchRules(NamedTuple):
    """What one dialect counts."""

    dialect: PanopticDialect
    iou_threshold: float

    @property
    def is_torchmetrics(self) -> bool:
        """Whether the rules are those of torchmetrics."""
        return self.dialect == "torchmetrics"

    def divide(self, numerator: Int64, denominator: Int64) -> Float64:
        """Return quotients as the library computes them: torchmetrics in float32."""
        kind: Any = np.float32 if self.is_torchmetrics else np.float64
        quotient = numerator.astype(kind) / denominator.astype(kind)
        return np.asarray(quotient, np.float64)


class MatchCounts(NamedTuple):
    """The counts of every class."""

    counts: Int64  # (3, C) true positives, false positives, false negatives
    iou: tuple[int, ...]  # sums over true positives, in units of 2**-64


def match_segments(pairs: SegmentPairs, rules: MatchRules, classes: int) -> MatchCounts:
    """Match the segments of one image, and count the matches and the rest.

    A pair of one class matches if its IoU is above the threshold. From a threshold of 0.5 on no
    segment can have two matches (Kirillov et al., Panoptic Segmentation, CVPR 2019). Below it pairs
    match in descending order of IoU, each segment once; of equal ones the pair whose true, then
    whose predicted segment comes first.

    Raises
    ------
    ValueError
        If the target has crowd segments, and the dialect knows none.
    """
    preds, target = pairs.preds, pairs.target
    if rules.is_torchmetrics and target.is_crowd.any():
        raise ValueError(
            f"target has {int(target.is_crowd.sum())} crowd segments, which the dialect "
            '"torchmetrics" does not know; pass dialect="panopticapi", or give their pixels a '
            "category of ignore_index"
        )
    kind = target.classes[pairs.true]
    fits = (preds.classes[pairs.pred] == kind) & ~target.is_crowd[pairs.true]
    pred, true, shared = pairs.pred[fits], pairs.true[fits], pairs.pixels[fits]
    union = preds.pixels[pred] - preds.void_pixels[pred] + target.pixels[true] - shared
    if rules.is_torchmetrics:
        union -= target.void_pixels[true]
    iou = rules.divide(shared, union)
    chosen = np.flatnonzero(iou > rules.iou_threshold)
    if rules.iou_threshold < UNIQUE_THRESHOLD:
        chosen = _choose(pred, true, iou, chosen)
    is_matched = [np.zeros(len(side.classes), bool) for side in (preds, target)]
    is_matched[0][pred[chosen]] = True
    is_matched[1][true[chosen]] = True
    matched = target.classes[true[chosen]]
    wrong = ~is_matched[0] & ~_is_mostly_void(preds, _void_pixels(pairs, rules), rules)
    missed = ~is_matched[1] & ~target.is_crowd
    absent = target.absent
    if rules.is_torchmetrics:
        missed &= ~_is_mostly_void(target, target.void_pixels, rules)
        absent = absent[:0]
    misses = np.append(target.classes[missed], absent)
    counts = [np.bincount(c, minlength=classes) for c in (matched, preds.classes[wrong], misses)]
    return MatchCounts(np.array(counts, np.int64), _sum_iou(matched, iou[chosen], classes))


def _choose(pred: Int64, true: Int64, iou: Float64, candidates: Int64) -> Int64:
    """Return the candidates that match, of which each segment has one."""
    order = candidates[np.lexsort((pred[candidates], true[candidates], -iou[candidates]))]
    used_preds: set[int] = set()
    used_target: set[int] = set()
    chosen = []
    for k in order.tolist():
        p, t = int(pred[k]), int(true[k])
        if p not in used_preds and t not in used_target:
            used_preds.add(p)
            used_target.add(t)
            chosen.append(k)
    return np.array(sorted(chosen), np.int64)


def _void_pixels(pairs: SegmentPairs, rules: MatchRules) -> Int64:
    """Return the pixels of each predicted segment that are void, or of a crowd of its class.

    Where a class has several crowds, the one that is listed last counts, as in panopticapi.
    """
    preds, target = pairs.preds, pairs.target
    pixels = preds.void_pixels.copy()
    fits = target.is_last_crowd[pairs.true]
    fits &= preds.classes[pairs.pred] == target.classes[pairs.true]
    np.add.at(pixels, pairs.pred[fits], pairs.pixels[fits])
    return pixels


def _is_mostly_void(segments: Segments, void_pixels: Int64, rules: MatchRules) -> Mask:
    """Return which segments are void for the most part."""
    mask: Mask = rules.divide(void_pixels, segments.pixels) > MAX_VOID_SHARE
    return mask


def _sum_iou(classes: Int64, iou: Float64, count: int) -> tuple[int, ...]:
    """Return the sum of the IoU of each class, in units of 2**-64.

    An IoU from 2**-11 on is a multiple of that, so that its sums are exact, in any order.
    """
    scaled = iou * 2.0**HALF_BITS
    high = np.floor(scaled)
    low = np.floor((scaled - high) * 2.0**HALF_BITS)
    sums = np.zeros((2, count), np.int64)
    np.add.at(sums[0], classes, high.astype(np.int64))
    np.add.at(sums[1], classes, low.astype(np.int64))
    return tuple((a << HALF_BITS) + b for a, b in zip(*sums.tolist(), strict=True))
