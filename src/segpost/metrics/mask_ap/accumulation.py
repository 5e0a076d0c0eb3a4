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
        is_right, is_wrong = own.outcomes(ranges * shape[0])
        needed = _needed_hits(targets[c])
        for m, most in enumerate(rules.max_detections):
            is_counted = own.rank < most
            hits = is_right[:, is_counted].reshape(ranges, shape[0], -1)
            curve, last = _curves(hits, is_wrong[:, is_counted].reshape(hits.shape), needed)
            with np.errstate(invalid="ignore"):
                recall[:, c, :, m] = (last / targets[c][:, None]).T
            precision[:, :, c, :, m] = curve.transpose(1, 2, 0)
    precision[:, :, targets == 0] = np.nan
    recall[:, targets == 0] = np.nan
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

    def outcomes(self, count: int) -> tuple[Mask, Mask]:
        """Return which detections are right, and which wrong: (bits, D); others do not count."""
        bits = np.arange(count).astype(np.uint64)[:, None]
        matched, ignored = (
            (column >> bits & np.uint64(1)).astype(bool) for column in (self.matched, self.ignored)
        )
        return matched & ~ignored, ~matched & ~ignored


def _needed_hits(targets: Int64) -> Int64:
    """Return how many true masks of each range reach each recall: (A, 101)."""
    return np.stack([
        np.searchsorted(np.arange(count + 1) / max(count, 1), RECALLS, "left")
        for count in targets.tolist()
    ])  # fmt: skip


def _curves(is_right: Mask, is_wrong: Mask, needed: Int64) -> tuple[Float64, Float64]:
    """Return the precision at each recall, (A, T, 101), and the hits, (A, T).

    Outcomes of detections are (A, T, D), in descending order of scores.
    """
    ranges, thresholds, detections = is_right.shape
    if not detections:
        return np.zeros((ranges, thresholds, len(RECALLS))), np.zeros((ranges, thresholds))
    right, wrong = (np.cumsum(one, axis=2, dtype=np.float64) for one in (is_right, is_wrong))
    precision = right / (wrong + right + np.spacing(1))
    envelope = np.maximum.accumulate(precision[:, :, ::-1], axis=2)[:, :, ::-1]
    hits = right[:, :, -1]
    places = np.flatnonzero(is_right)  # of the hits, row by row
    before = np.cumsum(hits).reshape(hits.shape) - hits
    last = before[:, :, None] + needed[:, None] - 1  # the hit that reaches the recall
    is_reached = needed[:, None] <= hits[:, :, None]
    at = np.arange(hits.size).reshape(*hits.shape, 1) * detections  # where no hit is needed
    if len(places):
        index = last.clip(0, len(places) - 1).astype(np.int64)
        at = np.where(needed[:, None] > 0, places[index], at)
    return np.where(is_reached, envelope.reshape(-1)[at.clip(0, envelope.size - 1)], 0.0), hits


def _order(image: ImageMatches) -> tuple[object, ...]:
    if image.name is not None:
        return (0, id_order(image.name))
    return (1, tuple(column.tobytes() for column in image[1:]))
