"""Precision and recall of a data set, from the matches of its images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from segpost._backends import registry
from segpost._core.arrays import Array
from segpost.metrics.mask_ap.matching import ImageMatches
from segpost.metrics.mask_ap.rules import RECALLS, APRules
from segpost.metrics.ratios import Float64, Int64
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
    precision = np.empty((shape[0], len(RECALLS), *shape[1:]))
    recall = np.empty(shape)
    ordered = sort_images(images)
    targets = np.zeros((classes, ranges), np.int64)
    kinds = _join([image.target_classes for image in ordered], np.int64)
    counts = [np.zeros((0, ranges), np.int64), *(image.targets for image in ordered)]
    np.add.at(targets, kinds, np.concatenate(counts))
    labels = _join([image.classes for image in ordered], np.int64)
    scores = _join([image.scores for image in ordered], np.float64)
    order = np.lexsort((-scores, labels))
    bounds = np.append(0, np.cumsum(np.bincount(labels, minlength=classes)))
    registry.host_backend().compute_precision(
        bounds,
        _rank(labels, [len(image.classes) for image in ordered])[order],
        _join([image.matched for image in ordered], np.uint64)[order],
        _join([image.ignored for image in ordered], np.uint64)[order],
        targets,
        RECALLS,
        np.array(rules.max_detections, np.int64),
        precision,
        recall,
    )
    return Curves(precision, recall, targets, np.diff(bounds))


def _join(parts: Sequence[Array], kind: type) -> Array:
    return np.concatenate([np.zeros(0, kind), *parts])


def _rank(classes: Int64, lengths: Sequence[int]) -> Int64:
    """Return the place of each detection among those of its class and image, which are adjacent."""
    image = np.repeat(np.arange(len(lengths)), lengths)
    is_first = np.ones(len(classes), bool)
    is_first[1:] = (classes[1:] != classes[:-1]) | (image[1:] != image[:-1])
    first = np.flatnonzero(is_first)
    rank: Int64 = np.arange(len(classes))
    rank -= np.repeat(first, np.diff(np.append(first, len(classes))))
    return rank


def _order(image: ImageMatches) -> tuple[object, ...]:
    if image.name is not None:
        return (0, id_order(image.name))
    return (1, tuple(column.tobytes() for column in image[1:]))
