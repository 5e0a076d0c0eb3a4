"""Segments: the regions of a map of segment ids, and what is known of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from segpost._core.arrays import Array, label_dtype
from segpost._core.public import public

RUNS_BAND = 1 << 20  # pixels at a time


@public
class Segment(NamedTuple):
    """One segment of a panoptic or instance segmentation.

    Attributes
    ----------
    id : int
        The value of its pixels in `Segmentation.labels`; 0 is of pixels without a segment.
    label : int
        Its class.
    score : float
        Between 0 and 1. Panoptic: the probability of the class of its first query. Instance: times
        the mean probability of the query's mask (except with the dialect "oneformer").
    area : int
        The number of its pixels in `Segmentation.labels`.
    box : (int, int, int, int)
        x, y, width and height of the smallest box around them; zeros if there are none.

    Examples
    --------
    >>> import segpost
    >>> segpost.Segment(id=1, label=15, score=0.9, area=12, box=(0, 2, 4, 3)).box
    (0, 2, 4, 3)
    """

    id: int
    label: int
    score: float
    area: int
    box: tuple[int, int, int, int]


def merge_queries(
    labels: Array, is_valid: Array, fused: frozenset[int]
) -> tuple[Array, list[tuple[int, int]]]:
    """Number the segments of queries; those of a fused class are one segment.

    Parameters
    ----------
    labels : integer array of shape (K,)
        The classes of the queries.
    is_valid : bool array of shape (K,)
        Whether the query has a segment.
    fused : set of int
        The classes whose queries are one segment.

    Returns
    -------
    ids : array of shape (K + 1,)
        The segment of every query, from 1; 0: none, as for pixels without a query.
    first : list of (int, int)
        The query and the class of each segment: its first one.
    """
    first: list[tuple[int, int]] = []
    ids = np.zeros(len(labels) + 1, np.int64)
    id_of_class: dict[int, int] = {}
    for k in np.flatnonzero(is_valid):
        label = int(labels[k])
        if label in id_of_class:
            ids[k] = id_of_class[label]
            continue
        first.append((int(k), label))
        ids[k] = len(first)
        if label in fused:
            id_of_class[label] = len(first)
    return ids.astype(label_dtype(len(first) + 1)), first


def describe_segments(
    id_map: Array, classes: Sequence[int], scores: Sequence[float]
) -> tuple[Segment, ...]:
    """Return the segments 1, 2, ... of a map with their classes, scores, areas and boxes."""
    areas, boxes = _measure_ids(id_map, len(classes))
    return tuple(
        Segment(i, int(label), float(score), int(areas[i]), boxes[i])
        for i, (label, score) in enumerate(zip(classes, scores, strict=True), start=1)
    )


def _measure_ids(id_map: Array, count: int) -> tuple[Array, list[tuple[int, int, int, int]]]:
    """Return the areas of the ids 0 to `count`, and their boxes (x, y, width, height)."""
    height, width = id_map.shape
    areas = np.zeros(count + 1, np.int64)
    left, top = np.full(count + 1, width), np.full(count + 1, height)
    right, bottom = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64)
    step = max(RUNS_BAND // max(width, 1), 1)
    for start in range(0, height, step):
        band = id_map[start : start + step]
        begins = np.ones(band.shape, bool)  # of runs of equal ids in a row
        np.not_equal(band[:, 1:], band[:, :-1], out=begins[:, 1:])
        first = np.flatnonzero(begins)
        lengths = np.diff(first, append=band.size)
        ids = band.ravel()[first]
        y, x = np.divmod(first, width)
        areas += np.bincount(ids, weights=lengths, minlength=count + 1).astype(np.int64)
        np.minimum.at(left, ids, x)
        np.maximum.at(right, ids, x + lengths)
        np.minimum.at(top, ids, y + start)
        np.maximum.at(bottom, ids, y + start + 1)
    boxes = [
        (int(x), int(y), int(x_end - x), int(y_end - y)) if area else (0, 0, 0, 0)
        for x, y, x_end, y_end, area in zip(left, top, right, bottom, areas, strict=True)
    ]
    return areas, boxes
