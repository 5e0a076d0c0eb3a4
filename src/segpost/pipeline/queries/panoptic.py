"""Panoptic segments: every pixel to the query with the largest score times mask."""

from __future__ import annotations

import numpy as np

from segpost._backends import registry
from segpost._core.arrays import Array, label_dtype
from segpost._core.device import context_of, zeros_on
from segpost._core.query_contract import QueryMasks
from segpost.pipeline.queries.assignment import assign_queries
from segpost.pipeline.queries.geometry import Geometry
from segpost.pipeline.queries.rules import Rules
from segpost.pipeline.queries.segments import (
    Segment,
    describe_segments,
    merge_counts,
    merge_queries,
)


def segment_panoptic(
    probabilities: Array,
    masks: QueryMasks,
    geometry: Geometry,
    rules: Rules,
    *,
    stuff: frozenset[int],
    threshold: float,
    mask_threshold: float,
    overlap_threshold: float,
) -> tuple[Array, tuple[Segment, ...]]:
    """Return the map of segment ids of one image, and its segments.

    Parameters
    ----------
    probabilities : float64 array of shape (Q, C + 1)
        Of the classes; the last is "no object".
    masks : QueryMasks
        Of one image.
    """
    labels, scores = probabilities.argmax(axis=1), probabilities.max(axis=1)
    is_object = labels < probabilities.shape[1] - 1
    queries = np.flatnonzero(is_object & (scores > threshold))
    return assign_segments(
        queries,
        labels[queries],
        scores[queries],
        masks,
        geometry,
        rules,
        fused=stuff,
        mask_threshold=mask_threshold,
        overlap_threshold=overlap_threshold,
        as_logits=False,
    )


def assign_segments(
    queries: Array,
    labels: Array,
    scores: Array,
    masks: QueryMasks,
    geometry: Geometry,
    rules: Rules,
    *,
    fused: frozenset[int],
    mask_threshold: float,
    overlap_threshold: float,
    as_logits: bool,
) -> tuple[Array, tuple[Segment, ...]]:
    """Return the map of segment ids of queries that share the pixels, and the segments.

    A query has no segment if the others took too much of its mask: if it keeps a share of
    `overlap_threshold` or less.
    """
    if not len(queries):
        return zeros_on(context_of(masks.values), geometry.size, np.uint8), ()
    assignment = assign_queries(masks, queries, scores, geometry, rules, mask_threshold, as_logits)
    largest_area, label_area, mask_area = assignment.counts[:, :3].T
    with np.errstate(divide="ignore", invalid="ignore"):
        share = largest_area / mask_area
    keeps = share >= overlap_threshold if rules.keeps_equal_overlap else share > overlap_threshold
    is_valid = keeps & (largest_area > 0) & (mask_area > 0) & (label_area > 0)
    ids, first = merge_queries(labels, is_valid, fused)
    id_map = context_of(masks.values).empty(geometry.size, label_dtype(len(first) + 1))
    registry.backend(id_map, operation="replace_labels").replace_labels(
        assignment.queries, ids, id_map
    )
    counts = merge_counts(assignment.counts, ids, len(first))
    best = [float(scores[k]) for k, _ in first]
    return id_map, describe_segments([label for _, label in first], best, counts)
