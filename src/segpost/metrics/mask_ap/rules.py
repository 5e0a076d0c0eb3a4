"""Rules of average precision: IoU thresholds, areas, and how many detections count."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from segpost._core.arguments import as_integer, as_real
from segpost._core.arrays import Array
from segpost.metrics.arguments import MAX_CLASSES
from segpost.metrics.ratios import Float64

IOU_THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).tolist())
RECALLS = np.linspace(0.0, 1.0, 101)  # at which precision is averaged
MAX_AREA = 1e10
AREA_RANGES = {
    "all": (0.0, MAX_AREA),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, MAX_AREA),
}
MAX_DETECTIONS = (1, 10, 100)
MOST_BITS = 64  # thresholds times ranges: a bit each of a detection
LARGEST_THRESHOLD = 1 - 1e-10  # of COCO's code: IoU 1 reaches every threshold


class APRules(NamedTuple):
    """What counts as a match, and which matches count."""

    categories: Array  # (C,) int64, ascending
    iou_thresholds: tuple[float, ...]  # ascending
    area_ranges: tuple[tuple[str, float, float], ...]  # name, least and largest area
    max_detections: tuple[int, ...]  # ascending
    limits: Float64  # (T,) the least IoU of a match at each threshold
    area_limits: Float64  # (ranges, 2) the least and the largest area of each range

    @property
    def bits(self) -> int:
        """Pairs of an area range and a threshold; those of a range lie together."""
        return len(self.area_ranges) * len(self.iou_thresholds)


def as_categories(categories: object) -> Array:
    """Return the categories of classes, ascending; a number is that of classes from 0 on.

    Raises
    ------
    TypeError, ValueError
        If they are no integers, there are none, or one is listed twice.
    """
    if hasattr(categories, "tolist"):
        categories = categories.tolist()
    if isinstance(categories, (str, bytes)):
        raise TypeError(f"categories must be integers, got {categories!r}")
    if isinstance(categories, Iterable):
        values = [as_integer(value, "categories") for value in categories]
    else:
        values = [*range(as_integer(categories, "categories"))]
    repeated = [value for k, value in enumerate(values) if value in values[:k]]
    if repeated:
        raise ValueError(f"categories has {len(repeated)} values twice, first {repeated[0]}")
    if not 1 <= len(values) <= MAX_CLASSES:
        raise ValueError(f"categories must be 1 to {MAX_CLASSES}, got {len(values)}")
    wide = [value for value in values if not -(2**63) <= value < 2**63]
    if wide:
        raise ValueError(f"categories must be in the range of int64, got {wide[0]}")
    return np.array(sorted(values), np.int64)


def as_rules(
    categories: object,
    iou_thresholds: Sequence[float],
    area_ranges: Mapping[str, Sequence[float]],
    max_detections: Sequence[int],
) -> APRules:
    """Check the rules.

    Raises
    ------
    TypeError, ValueError
        For values out of range, in another order, or too many of them.
    """
    thresholds = tuple(as_real(value, "iou_thresholds", 0.0, 1.0) for value in iou_thresholds)
    _check_ascending(thresholds, "iou_thresholds")
    if thresholds[0] == 0:
        raise ValueError("iou_thresholds must be above 0: masks without a common pixel are no pair")
    ranges = []
    for name, limits in area_ranges.items():
        low, high = (as_real(value, f"area_ranges[{name!r}]", 0.0, 1e30) for value in limits)
        if low > high:
            raise ValueError(f"area_ranges[{name!r}] must ascend, got {low:g} and {high:g}")
        ranges.append((str(name), low, high))
    if not ranges:
        raise ValueError("area_ranges must have one range at least")
    counts = tuple(as_integer(value, "max_detections") for value in max_detections)
    _check_ascending(counts, "max_detections")
    if counts[0] < 1:
        raise ValueError(f"max_detections must be at least 1, got {counts[0]}")
    rules = APRules(
        as_categories(categories),
        thresholds,
        tuple(ranges),
        counts,
        np.minimum(thresholds, LARGEST_THRESHOLD),
        np.array([limits for _, *limits in ranges], np.float64),
    )
    if rules.bits > MOST_BITS:
        raise ValueError(
            f"iou_thresholds and area_ranges must be at most {MOST_BITS} pairs, got "
            f"{len(thresholds)} x {len(ranges)}; another MaskAP takes the rest"
        )
    return rules


def _check_ascending(values: Sequence[float], name: str) -> None:
    """Raise an error for no values, and for values that do not ascend."""
    if not values:
        raise ValueError(f"{name} must have one value at least")
    if any(a >= b for a, b in itertools.pairwise(values)):
        raise ValueError(f"{name} must ascend, got {[*values]}")
