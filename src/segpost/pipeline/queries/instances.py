"""Instances: every query with a high score has its own mask; the masks may overlap."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from segpost._backends import registry
from segpost._core.arrays import Array, label_dtype
from segpost._core.device import context_of, to_host, zeros_on
from segpost._core.query_contract import COUNTS, QueryMasks
from segpost.pipeline.queries.geometry import Geometry
from segpost.pipeline.queries.panoptic import assign_segments
from segpost.pipeline.queries.rules import Rules
from segpost.pipeline.queries.segments import Segment, describe_segments

MEAN_GUARD = 1e-6  # pixels that processors add to the area of a mask in its mean probability


class MaskBits(NamedTuple):
    """Masks as bits, on the score grid or in pixels of the result."""

    bits: Array  # [K, rows, bytes] uint8: bit x % 8 of byte x / 8
    means: Array  # [K] float64: the mean probability inside of each
    is_visible: Array  # [K] bool: whether a pixel of the result shows it
    rows: Array  # [H] int32: the row of the masks of every row of the result
    columns: Array  # [W] int32


def segment_instances(
    probabilities: Array,
    masks: QueryMasks,
    geometry: Geometry,
    rules: Rules,
    *,
    things: frozenset[int] | None,
    threshold: float,
    mask_threshold: float,
    overlap_threshold: float,
) -> tuple[Array, tuple[Segment, ...]]:
    """Return the map of segment ids of one image, and its segments; as `segment_panoptic`.

    Segments are in order of their scores, the highest first, and lie over those that follow; with
    `best_class_only` they are in the order of the queries, and later ones lie over earlier ones.
    """
    queries, labels, scores = _candidates(probabilities[:, :-1], rules)
    is_kept = scores > threshold if rules.argmax_instances else scores >= threshold
    if things is not None:
        is_kept &= np.isin(labels, list(things))
    queries, labels, scores = queries[is_kept], labels[is_kept], scores[is_kept]
    if rules.argmax_instances:
        return assign_segments(
            queries,
            labels,
            scores,
            masks,
            geometry,
            rules,
            fused=frozenset(),
            mask_threshold=mask_threshold,
            overlap_threshold=overlap_threshold,
            as_logits=True,
        )
    unique, mask_index = np.unique(queries, return_inverse=True)
    mask_bits = _measure_masks(masks, unique, geometry, rules, mask_threshold)
    scores = scores * mask_bits.means[mask_index]
    chosen = np.flatnonzero((scores >= threshold) & mask_bits.is_visible[mask_index])
    if not rules.best_class_only:
        chosen = chosen[np.argsort(-scores[chosen], kind="stable")]
    id_map, counts = _paint(mask_index[chosen], mask_bits, geometry, rules)
    return id_map, describe_segments(labels[chosen].tolist(), scores[chosen].tolist(), counts)


def _candidates(probabilities: Array, rules: Rules) -> tuple[Array, Array, Array]:
    """Return query, class and class probability of the candidates (Q, C).

    They are as many as there are queries: the best ones of all classes of all queries, of which a
    query may be several, or one a query.
    """
    count, classes = probabilities.shape
    if rules.best_class_only:
        return np.arange(count), probabilities.argmax(axis=1), probabilities.max(axis=1)
    flat = probabilities.ravel()
    order = np.argsort(-flat, kind="stable")[:count]
    return order // classes, order % classes, flat[order]


def _measure_masks(
    masks: QueryMasks, queries: Array, geometry: Geometry, rules: Rules, mask_threshold: float
) -> MaskBits:
    """Return the masks of queries as bits, and what is known of them."""
    is_late = rules.sigmoid_last and not geometry.keeps_scores
    height, width = geometry.size if is_late else geometry.grid
    shape = len(queries), height, -(-width // 16) * 2
    bits = zeros_on(context_of(masks.values), shape, np.uint8)
    areas, sums = np.empty(len(queries), np.int64), np.empty(len(queries))
    registry.backend(bits, masks.values, operation="measure_masks").measure_masks(
        masks,
        geometry.grids,
        queries.astype(np.int32),
        _logit(mask_threshold),
        is_late,
        bits,
        areas,
        sums,
    )
    rows, columns = _samples(geometry, is_late)
    is_visible = areas > 0
    if len(np.unique(rows)) < height or len(np.unique(columns)) < width:
        seen = np.zeros((1, 8 * bits.shape[2]), np.uint8)
        seen[0, columns] = 1
        seen_bits = np.packbits(seen, axis=1, bitorder="little")
        is_visible = np.array([bool((one[rows] & seen_bits).any()) for one in to_host(bits)], bool)
    return MaskBits(bits, sums / (areas + MEAN_GUARD), is_visible, rows, columns)


def _logit(probability: float) -> float:
    """Return the logit of a probability."""
    if probability in (0.0, 1.0):
        return -math.inf if probability == 0.0 else math.inf
    return math.log(probability / (1.0 - probability))


def _paint(
    masks: Array, mask_bits: MaskBits, geometry: Geometry, rules: Rules
) -> tuple[Array, Array]:
    """Return the map of the ids of masks, and their counts; ids are in order, from 1.

    The first mask lies over those that follow; with `best_class_only` the last one over those
    before.
    """
    id_map = context_of(mask_bits.bits).empty(geometry.size, label_dtype(len(masks) + 1))
    counts = np.empty((len(masks), len(COUNTS)), np.int64)
    ids = np.arange(1, len(masks) + 1, dtype=np.int32)
    order = slice(None) if rules.best_class_only else slice(None, None, -1)
    registry.backend(id_map, operation="paint_masks").paint_masks(
        mask_bits.bits,
        np.ascontiguousarray(masks[order], np.int32),
        np.ascontiguousarray(ids[order]),
        mask_bits.rows,
        mask_bits.columns,
        id_map,
        counts,
    )
    return id_map, counts[order]


def _samples(geometry: Geometry, is_late: bool) -> tuple[Array, Array]:
    """Return the row and the column of the masks of every row and column of the result."""
    rows, columns = (
        np.arange(geometry.size[index]) if is_late else _nearest_samples(geometry, index)
        for index in (0, 1)
    )
    return rows.astype(np.int32), columns.astype(np.int32)


def _nearest_samples(geometry: Geometry, index: int) -> Array:
    """Return the sample of the score grid of every pixel of an axis, as torch's "nearest"."""
    samples, size = geometry.grid[index], geometry.size[index]
    pixels = np.arange(size, dtype=np.int64)
    if geometry.letterbox is None:
        return pixels * samples // size
    start, length, total = (
        side[index]
        for side in (
            geometry.letterbox.offset,
            geometry.letterbox.content_size,
            geometry.letterbox.input_size,
        )
    )
    return (start * size + pixels * length) * samples // (size * total)
