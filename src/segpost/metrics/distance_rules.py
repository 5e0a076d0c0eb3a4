"""Scores of a class of one image from distances between its surfaces, by the rule of a library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from segpost._core.arrays import Array

SLACK = 1e-9  # relative: a distance that is the tolerance but for rounding is within it


class ClassDistances(NamedTuple):
    """Distances of a class between the two maps of an image, in any order, and what they weigh."""

    preds: Array  # of every element of the predictions to the target
    target: Array
    preds_sizes: Array | None = None  # lengths or areas of corners
    target_sizes: Array | None = None
    outside: float = 0.0  # the largest distance of a pixel to the class in the other map


class ImageScores(NamedTuple):
    """Scores of a class of one image; NaN where there is none."""

    hd: float
    percentiles: Sequence[float]
    assd: float
    masd: float
    nsd: float


def score_by_direction(
    distances: ClassDistances, percentiles: Sequence[float], tolerance: float
) -> ImageScores:
    """Take percentiles of each direction, and the larger one."""
    sides = [np.sort(side) for side in distances[:2]]
    return ImageScores(
        float(max(side[-1] for side in sides)),
        [max(interpolate(side, p) for side in sides) for p in percentiles],
        *_means(sides),
        _share(sides, tolerance * (1 + SLACK)),
    )


def score_in_float32(
    distances: ClassDistances, percentiles: Sequence[float], tolerance: float
) -> ImageScores:
    """Do the same in the float32 of torch, which counts a percentile of 0 as none."""
    sides = [np.sort(side).astype(np.float32) for side in distances[:2]]
    largest = float(max(side[-1] for side in sides))
    of_percentiles = [
        max(_interpolate_float32(side, p) for side in sides) if p else largest for p in percentiles
    ]
    share = _share(sides, float(np.float32(tolerance)))
    wide = [side.astype(np.float64) for side in sides]
    return ImageScores(largest, of_percentiles, *_means(wide), share)


def score_together(
    distances: ClassDistances, percentiles: Sequence[float], tolerance: float
) -> ImageScores:
    """Take percentiles of the distances of both directions together."""
    both = np.sort(np.concatenate(distances[:2]))
    return ImageScores(
        float(both[-1]),
        [interpolate(both, p) for p in percentiles],
        *_means(distances[:2]),
        _share(distances[:2], tolerance),
    )


def score_contours(
    distances: ClassDistances, percentiles: Sequence[float], tolerance: float
) -> ImageScores:
    """Do the same, with a Hausdorff distance of all pixels instead of the contours."""
    if not any(len(side) for side in distances[:2]):
        return ImageScores(distances.outside, [math.nan] * len(percentiles), *[math.nan] * 3)
    scores = score_together(distances, percentiles, tolerance)
    return scores._replace(hd=distances.outside)


def score_by_size(
    distances: ClassDistances, percentiles: Sequence[float], tolerance: float
) -> ImageScores:
    """Weigh every element by its length or area, and interpolate no percentile."""
    sides = [
        _sort_elements(distances.preds, distances.preds_sizes),
        _sort_elements(distances.target, distances.target_sizes),
    ]
    totals = [float(np.sum(sizes)) for _, sizes in sides]
    sums = [float(np.sum(steps * sizes)) for steps, sizes in sides]
    largest, *of_percentiles = (
        max(_weighted_percentile(*side, p) for side in sides) for p in (100.0, *percentiles)
    )
    near = sum(float(np.sum(sizes[steps <= tolerance])) for steps, sizes in sides)
    return ImageScores(
        largest,
        of_percentiles,
        sum(sums) / sum(totals),
        (sums[0] / totals[0] + sums[1] / totals[1]) / 2,
        math.nan if math.isnan(tolerance) else near / sum(totals),
    )


def interpolate(ordered: Array, percentile: float) -> float:
    """Return a percentile of sorted distances, between two of them where it falls there."""
    rank = percentile / 100 * (len(ordered) - 1)
    low = min(int(rank), len(ordered) - 1)
    high = min(low + 1, len(ordered) - 1)
    below, above = float(ordered[low]), float(ordered[high])
    return below if below == above or rank == low else below + (above - below) * (rank - low)


def _interpolate_float32(ordered: Array, percentile: float) -> float:
    rank = np.float32(percentile / 100) * np.float32(len(ordered) - 1)
    low, high = int(np.floor(rank)), int(np.ceil(rank))
    below, above, weight = ordered[low], ordered[high], rank - np.float32(low)
    with np.errstate(invalid="ignore"):
        if weight < 0.5:
            return float(below + weight * (above - below))
        return float(above - (above - below) * (np.float32(1) - weight))


def _weighted_percentile(ordered: Array, sizes: Array, percentile: float) -> float:
    shares = np.cumsum(sizes) / np.sum(sizes)
    index = int(np.searchsorted(shares, percentile / 100))
    return float(ordered[min(index, len(ordered) - 1)])


def _sort_elements(distances: Array, sizes: Array | None) -> tuple[Array, Array]:
    assert sizes is not None
    order = np.lexsort((sizes, distances))
    return distances[order], sizes[order]


def _means(sides: Sequence[Array]) -> tuple[float, float]:
    """Return the mean of all distances, and the mean of the means of both directions."""
    sums = [float(side.sum()) for side in sides]
    elements = sum(map(len, sides))
    means = [
        total / len(side) if len(side) else math.nan
        for total, side in zip(sums, sides, strict=True)
    ]
    return sum(sums) / elements if elements else math.nan, sum(means) / 2


def _share(sides: Sequence[Array], tolerance: float) -> float:
    """Return the share of the distances that are within a tolerance."""
    if math.isnan(tolerance):
        return math.nan
    near = sum(int(np.count_nonzero(side <= tolerance)) for side in sides)
    return near / sum(map(len, sides))
