"""Matches between the detections and the true masks of one image."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from segpost._backends import registry
from segpost._core.arrays import Array
from segpost.metrics.mask_ap.forms import ImageMasks
from segpost.metrics.mask_ap.rules import APRules
from segpost.metrics.ratios import Float64, Int64


class ImageMatches(NamedTuple):
    """What one image says of the scores: its detections, by class, then in descending order.

    Bit a * T + t of a detection is of area range a and threshold t.
    """

    name: str | int | None
    classes: Int64  # (D,)
    scores: Float64  # (D,)
    matched: Array  # (D,) uint64: whether it has a match
    ignored: Array  # (D,) uint64: whether it does not count
    target_classes: Int64  # (K,) ascending
    targets: Int64  # (K, A) true masks that count, of each class and range

    def __deepcopy__(self, memo: Any) -> ImageMatches:
        return self


class _Side(NamedTuple):
    """Masks of an image by class."""

    numbers: Int64  # (N,) in the image
    classes: Int64  # (N,)


def match_image(preds: ImageMasks, target: ImageMasks, rules: APRules) -> ImageMatches:
    """Match the masks of an image at all thresholds, in all area ranges.

    A detection takes, in descending order of scores, the true mask of its class with the largest
    IoU of those that are not taken; of equal ones the last. True masks that do not count, crowds
    and those outside of the area range, are taken only where no other is left; a crowd can be
    taken again and again. Source: cocoapi, PythonAPI/pycocotools/cocoeval.py.

    Raises
    ------
    ValueError
        For masks of two sizes, and categories that are not known.
    """
    sizes = [side.masks.size for side in (preds, target) if side.masks is not None]
    if len({*sizes}) > 1:
        raise ValueError(f"preds and target must have one size, got {sizes[0]} and {sizes[1]}")
    detections = _rank(preds, rules)
    truth = _Side(np.arange(len(target.areas)), _classes_of(target, rules, "target"))
    full = (1 << len(rules.iou_thresholds)) - 1
    ranges = [full << a * len(rules.iou_thresholds) for a in range(len(rules.area_ranges))]
    bits = np.array(ranges, np.uint64)
    ignored = rules.outside(target.areas) | target.is_crowd[:, None]
    matched, skipped = _match(preds, target, detections, truth, rules, ignored @ bits)
    outside = rules.outside(preds.areas[detections.numbers]) @ bits
    skipped |= outside & ~matched
    kinds, of_target = np.unique(truth.classes, return_inverse=True)
    counts = np.zeros((len(kinds), len(ranges)), np.int64)
    np.add.at(counts, of_target, ~ignored)
    scores = np.zeros(0) if preds.scores is None else preds.scores[detections.numbers]
    return ImageMatches(None, detections.classes, scores, matched, skipped, kinds, counts)


def _classes_of(masks: ImageMasks, rules: APRules, name: str) -> Int64:
    """Return the class of each mask."""
    categories = rules.categories
    at: Int64 = np.minimum(np.searchsorted(categories, masks.categories), len(categories) - 1)
    unknown = categories[at] != masks.categories
    if unknown.any():
        first = masks.categories[unknown][0]
        raise ValueError(
            f"{name} has {int(unknown.sum())} masks of unknown categories, first {first}; list it "
            "in categories=, or leave its masks out"
        )
    return at


def _rank(preds: ImageMasks, rules: APRules) -> _Side:
    """Return the detections that can count, by class, then in descending order of scores."""
    classes = _classes_of(preds, rules, "preds")
    if not len(classes):
        return _Side(np.zeros(0, np.int64), classes)
    assert preds.scores is not None
    order = np.lexsort((-preds.scores, classes))
    classes = classes[order]
    is_first = np.append(True, classes[1:] != classes[:-1])
    first = np.flatnonzero(is_first)
    rank = np.arange(len(classes)) - np.repeat(first, np.diff(np.append(first, len(classes))))
    is_counted = rank < rules.max_detections[-1]
    return _Side(order[is_counted], classes[is_counted])


class _Candidates(NamedTuple):
    """Pairs of one class whose IoU reaches the lowest threshold."""

    detection: Int64  # (P,) places in the order of detections, ascending
    true: Int64  # (P,) of a detection in descending order of IoU, of equal ones the last first
    passed: Int64  # (P,) how many thresholds the IoU reaches


def _find_candidates(
    preds: ImageMasks, target: ImageMasks, detections: _Side, truth: _Side, rules: APRules
) -> _Candidates:
    """Return the pairs that may match."""
    assert preds.masks is not None
    assert target.masks is not None
    pairs = np.nonzero(detections.classes[:, None] == truth.classes)
    place, true = map(np.ascontiguousarray, pairs)
    index = detections.numbers[place]
    shared = registry.host_backend().count_shared_pixels(
        index, true, *preds.masks.runs, *target.masks.runs
    )
    areas, true_areas = preds.masks.areas[index], target.masks.areas[true]
    union = np.where(target.is_crowd[true], areas, areas + true_areas - shared)
    iou = shared / np.maximum(union, 1)
    passed = np.searchsorted(rules.limits, iou, "right")
    candidates = np.flatnonzero(passed)
    candidates = candidates[np.lexsort((-true[candidates], -iou[candidates], place[candidates]))]
    return _Candidates(place[candidates], true[candidates], passed[candidates])


def _match(
    preds: ImageMasks,
    target: ImageMasks,
    detections: _Side,
    truth: _Side,
    rules: APRules,
    ignored: Array,
) -> tuple[Array, Array]:
    """Return the bits of matches of each detection, and of matches that do not count."""
    matched = np.zeros(len(detections.numbers), np.uint64)
    skipped = np.zeros_like(matched)
    if not len(detections.numbers) or not len(truth.numbers):
        return matched, skipped
    candidates = _find_candidates(preds, target, detections, truth, rules)
    thresholds, ranges = len(rules.iou_thresholds), len(rules.area_ranges)
    every = (1 << rules.bits) - 1
    spread = [
        sum(((1 << k) - 1) << a * thresholds for a in range(ranges)) for k in range(thresholds + 1)
    ]
    is_crowd, ignored_bits = target.is_crowd.tolist(), ignored.tolist()
    free = [every] * len(truth.numbers)
    pairs: dict[int, list[tuple[int, int]]] = {}
    for d, t, k in zip(*(column.tolist() for column in candidates), strict=True):
        pairs.setdefault(d, []).append((t, spread[k]))
    for d, options in pairs.items():
        rest = every
        for counts in (True, False):
            for t, reached in options:
                own = ignored_bits[t]
                bits = reached & rest & free[t] & (~own if counts else own)
                if bits:
                    rest ^= bits
                    if not is_crowd[t]:
                        free[t] ^= bits
                    if not counts:
                        skipped[d] |= np.uint64(bits)
        matched[d] = every ^ rest
    return matched, skipped
