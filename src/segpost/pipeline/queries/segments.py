"""Segments: the regions of a map of segment ids, and what is known of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from segpost._core.arrays import Array
from segpost._core.public import public


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
    ids : int32 array of shape (K + 1,)
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
    return ids.astype(np.int32), first


def merge_counts(counts: Array, ids: Array, segments: int) -> Array:
    """Return the counts of the segments 1, 2, ... from those of their queries.

    Parameters
    ----------
    counts : int64 array of shape (K, 7)
        See `segpost._core.query_contract.COUNTS`.
    ids : int array of shape (K + 1,)
        The segment of every query; 0: none.
    segments : int
    """
    merged = np.zeros((segments + 1, counts.shape[1]), np.int64)
    merged[:, 3:5] = counts[:, 3:5].max(initial=0)
    ids = ids[: len(counts)]
    np.add.at(merged[:, :3], ids, counts[:, :3])
    np.minimum.at(merged[:, 3:5], ids, counts[:, 3:5])
    np.maximum.at(merged[:, 5:], ids, counts[:, 5:])
    return merged[1:]


def describe_segments(
    classes: Sequence[int], scores: Sequence[float], counts: Array
) -> tuple[Segment, ...]:
    """Return the segments 1, 2, ... with their classes, scores, areas and boxes.

    `counts` has a row for each, see `segpost._core.query_contract.COUNTS`.
    """
    segments: list[Segment] = []
    for label, score, row in zip(classes, scores, counts.tolist(), strict=True):
        _, area, _, left, top, right, bottom = row
        box = (left, top, right - left, bottom - top) if area else (0, 0, 0, 0)
        segments.append(Segment(len(segments) + 1, int(label), float(score), area, box))
    return tuple(segments)
