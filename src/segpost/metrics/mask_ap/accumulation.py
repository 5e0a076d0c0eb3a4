"""Precision and recall of a data set, from the matches of its images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from segpost._core.arrays import Array
from segpost.metrics.mask_ap.matching import ImageMatches
from segpost.metrics.mask_ap.rules import RECALLS, APRules
from segpost.metrics.ratios import Float64, Int64, Mask
from segpost.metrics.saved_state import id_order


class Curves(NamedTuple):
    """Precision at 101 recalls, and the largest recall; NaN where there is no true mask."""

    precision: Float64  # (T, 101, C, A, M)
    recall: Float64  # (T, C, A, M)
    targets: Int64  # (C, A)
    detections: Int64  # (C,)


def sort_images(images: Sequence[ImageMatches]) -> list[ImageMatches]:
    """Return images in ascending order of their ids; without ids by what was counted."""
    return sorted(images, key=_order)


def compute_curves(images: Sequence[ImageMatches], rules: APRules) -> Curves:
    """Return the precision and recall of all classes, areas and numbers of detections.

    Detections are in descending order of scores; of equal ones those of the first image come
    first, then those that came first in it. Source: cocoapi, pycocotools/cocoeval.py.
    """
    classes, ranges = len(rules.categories), len(rules.area_ranges)
    shape = (len(rules.iou_thresholds), classes, ranges, len(rules.max_detections))
    precision = np.full((shape[0], len(RECALLS), *shape[1:]), np.nan)
    recall = np.full(shape, np.nan)
    targets = np.zeros((classes, ranges), np.int64)
    ordered = sort_images(images)
    for image in ordered:
        targets[image.target_classes] += image.targets
    columns = _Columns.of(ordered)
    bounds = np.searchsorted(columns.classes, np.arange(classes + 1))
    for c in np.flatnonzero(targets.any(axis=1)).tolist():
        own = columns.select(slice(bounds[c], bounds[c + 1]))
        for a in np.flatnonzero(targets[c]).tolist():
            is_right, is_wrong = own.outcomes(a, shape[0])
            for m, most in enumerate(rules.max_detections):
                kept = own.rank < most
                curve, last = _curve(is_right[:, kept], is_wrong[:, kept], int(targets[c, a]))
                precision[:, :, c, a, m], recall[:, c, a, m] = curve, last
    return Curves(precision, recall, targets, np.diff(bounds).astype(np.int64))


class _Columns(NamedTuple):
    """Detections of all images, by class, then in descending order of scores."""

    classes: Int64
    rank: Int64  # among those of the class in the image
    matched: Array
    ignored: Array

    @classmethod
    def of(cls, images: Sequence[ImageMatches]) -> _Columns:
        """Return the detections of images in order."""
        classes, scores, matched, ignored = (
            np.concatenate([np.zeros(0, kind), *(image[k] for image in images)])
            for k, kind in ((1, np.int64), (2, np.float64), (3, np.uint64), (4, np.uint64))
        )
        image = np.repeat(np.arange(len(images)), [len(one.classes) for one in images])
        is_first = np.ones(len(classes), bool)
        is_first[1:] = (classes[1:] != classes[:-1]) | (image[1:] != image[:-1])
        first = np.flatnonzero(is_first)
        rank = np.arange(len(classes)) - np.repeat(first, np.diff(np.append(first, len(classes))))
        order = np.lexsort((-scores, classes))
        return cls(classes[order], rank[order], matched[order], ignored[order])

    def select(self, part: slice) -> _Columns:
        """Return some of the detections."""
        return _Columns(*(column[part] for column in self))

    def outcomes(self, area: int, thresholds: int) -> tuple[Mask, Mask]:
        """Return which detections are right, and which wrong: (T, D); others do not count."""
        bits = np.arange(area * thresholds, (area + 1) * thresholds).astype(np.uint64)[:, None]
        matched, ignored = (
            (column >> bits & np.uint64(1)).astype(bool) for column in (self.matched, self.ignored)
        )
        return matched & ~ignored, ~matched & ~ignored


def _curve(is_right: Mask, is_wrong: Mask, targets: int) -> tuple[Float64, Float64]:
    """Return the precision at each recall, (T, 101), and the largest recall, (T,)."""
    curve = np.zeros((len(is_right), len(RECALLS)))
    if not is_right.shape[1]:
        return curve, curve[:, 0].copy()
    right, wrong = (np.cumsum(one, axis=1, dtype=np.float64) for one in (is_right, is_wrong))
    recall = right / targets
    precision = right / (wrong + right + np.spacing(1))
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    for row, values, envelope in zip(curve, recall, precision, strict=True):
        at = np.searchsorted(values, RECALLS, "left")
        reached = at < len(values)
        row[reached] = envelope[at[reached]]
    return curve, recall[:, -1]


def _order(image: ImageMatches) -> tuple[object, ...]:
    if image.name is not None:
        return (0, id_order(image.name))
    return (1, tuple(column.tobytes() for column in image[1:]))
