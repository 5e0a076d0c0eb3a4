"""The matches of an image as plain data, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._core.arrays import Array
from segpost.metrics.mask_ap.matching import ImageMatches
from segpost.metrics.mask_ap.rules import APRules
from segpost.metrics.saved import read_counts


def dump_image(image: ImageMatches) -> list[Any]:
    """Return the id and the columns of an image as lists."""
    return [image.name, *(column.tolist() for column in image[1:])]


def read_image(values: Any, rules: APRules) -> ImageMatches:
    """Return a saved image.

    Raises
    ------
    ValueError
        For what cannot be: unknown classes, more detections than count, scores in another order,
        matches without true masks.
    """
    name, classes, scores, matched, ignored, target_classes, targets = values
    if name is not None and type(name) not in (str, int):
        raise ValueError(f"detections are of the image {name!r}")
    category_count, ranges = len(rules.categories), len(rules.area_ranges)
    image = ImageMatches(
        name,
        read_counts(classes, (len(classes),), "classes"),
        _read_scores(scores),
        _read_bits(matched, rules, "matched"),
        _read_bits(ignored, rules, "ignored"),
        read_counts(target_classes, (len(target_classes),), "target_classes"),
        read_counts(targets, (len(target_classes), ranges), "targets"),
    )
    lengths = {len(column) for column in image[1:5]}
    if len(lengths) != 1:
        raise ValueError(f"detections have columns of {sorted(lengths)} values")
    steps = np.diff(image.classes)
    largest = max(image.classes.max(initial=0), image.target_classes.max(initial=0))
    if largest >= category_count or (steps < 0).any() or (np.diff(image.target_classes) <= 0).any():
        raise ValueError(
            f"detections have classes that are not ascending, or not below {category_count}"
        )
    if (np.diff(image.scores)[steps == 0] > 0).any():
        raise ValueError("detections have scores that ascend within a class")
    if np.bincount(image.classes, minlength=1).max() > rules.max_detections[-1]:
        raise ValueError(f"detections have more than {rules.max_detections[-1]} of a class")
    _check_matches(image, rules)
    return image


def _check_matches(image: ImageMatches, rules: APRules) -> None:
    """Raise an error for more matches that count than true masks."""
    thresholds = len(rules.iou_thresholds)
    limits = np.zeros((len(rules.categories), len(rules.area_ranges)), np.int64)
    limits[image.target_classes] = image.targets
    for bit in range(rules.bits):
        is_match = (image.matched & ~image.ignored) >> np.uint64(bit) & np.uint64(1)
        counts = np.bincount(image.classes, is_match, len(limits))
        if (counts > limits[:, bit // thresholds]).any():
            raise ValueError("detections have more matches than true masks")


def _read_scores(values: Any) -> Array:
    """Return saved scores, which are finite numbers."""
    if any(type(value) not in (int, float) for value in values):
        raise ValueError("scores must be numbers")
    scores = np.array(values, np.float64)
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite")
    return scores


def _read_bits(values: Any, rules: APRules, name: str) -> Array:
    """Return saved bits, one for each threshold and range."""
    if any(type(value) is not int or not 0 <= value < 1 << rules.bits for value in values):
        raise ValueError(f"{name} must be integers of {rules.bits} bits")
    return np.array(values, np.uint64)
