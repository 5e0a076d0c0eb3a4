"""The query of every pixel: the argmax of score times mask, and the areas that decide on it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segpost._backends import registry
from segpost._core.arrays import Array, label_dtype
from segpost._core.device import context_of
from segpost._core.query_contract import COUNTS, QueryMasks
from segpost.pipeline.queries.geometry import Geometry
from segpost.pipeline.queries.rules import Rules


class Assignment(NamedTuple):
    """The kept query of every pixel, and the counts of the kept queries."""

    queries: Array  # [H, W] uint8 or int32 numbers of kept queries; K: none
    counts: Array  # [K, 7] int64, see `segpost._core.query_contract.COUNTS`


def assign_queries(
    masks: QueryMasks,
    queries: Array,
    scores: Array,
    geometry: Geometry,
    rules: Rules,
    mask_threshold: float,
    as_logits: bool,
) -> Assignment:
    """Return the query with the largest score times mask at every pixel.

    Parameters
    ----------
    masks : QueryMasks
        Of one image.
    queries : int array of shape (K,)
        The queries that are kept, increasing.
    scores : float64 array of shape (K,)
    geometry : Geometry
    rules : Rules
        Whether masks become probabilities before or after the last resize, and whether the area of
        a mask is that of the weighted one.
    mask_threshold : float
    as_logits : bool
        Whether masks stay logits; not with `sigmoid_last`.
    """
    query_count = len(scores)
    labels = context_of(masks.values).empty(geometry.size, label_dtype(query_count + 1))
    counts = np.empty((query_count, len(COUNTS)), np.int64)
    registry.backend(labels, masks.values, operation="assign_queries").assign_queries(
        masks,
        geometry.grids,
        queries.astype(np.int32),
        scores,
        np.full(query_count, mask_threshold) if rules.weighs_mask_area else scores * mask_threshold,
        as_logits,
        rules.sigmoid_last and not geometry.keeps_scores,
        rules.cuts_masks,
        labels,
        counts,
    )
    return Assignment(labels, counts)
