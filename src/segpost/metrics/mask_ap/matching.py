"""Matches between the detections and the true masks of one image."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from segpost._backends import registry
from segpost._core.arrays import Array
from segpost.metrics.mask_ap.forms import ImageMasks
from segpost.metrics.mask_ap.rules import APRules
from segpost.metrics.ratios import Float64, Int64
from segpost.objects.codes import MaskRuns, no_runs


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


def match_image(preds: ImageMasks, target: ImageMasks, rules: APRules) -> ImageMatches:
    """Match the masks of an image at all thresholds, in all area ranges.

    Source: cocoapi, PythonAPI/pycocotools/cocoeval.py.

    Raises
    ------
    ValueError
        For masks of two sizes, and categories that are not known.
    """
    if preds.masks is not None and target.masks is not None:
        sizes = preds.masks.size, target.masks.size
        if sizes[0] != sizes[1]:
            raise ValueError(f"preds and target must have one size, got {sizes[0]} and {sizes[1]}")
    return ImageMatches(
        None,
        *registry.host_backend().match_masks(
            _runs_of(preds.masks),
            _classes_of(preds, rules, "preds"),
            preds.scores,
            _runs_of(target.masks),
            _classes_of(target, rules, "target"),
            target.areas,
            target.is_crowd,
            rules.limits,
            rules.area_limits,
            rules.max_detections[-1],
        ),
    )


def _runs_of(masks: MaskRuns | None) -> tuple[Array, Array, Array, Array]:
    return no_runs(0) if masks is None else masks.runs


def _classes_of(masks: ImageMasks, rules: APRules, name: str) -> Int64:
    """Return the class of each mask."""
    categories = rules.categories
    at: Int64 = np.minimum(categories.searchsorted(masks.categories), len(categories) - 1)
    unknown = categories[at] != masks.categories
    if unknown.any():
        first = masks.categories[unknown][0]
        raise ValueError(
            f"{name} has {int(unknown.sum())} masks of unknown categories, first {first}; list it "
            "in categories=, or leave its masks out"
        )
    return at
