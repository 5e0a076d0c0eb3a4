"""The query of every pixel on Numba: the reference's planes, with its own argmax and binarize."""

from __future__ import annotations

import numpy as np

from segpost._backends.numba.labels.masks import binarize
from segpost._backends.numba.labels.operations import argmax
from segpost._backends.reference import queries as reference
from segpost._core.contract import Array, Logits
from segpost._core.query_contract import QueryGrids, QueryMasks

MASKS_AT_ONCE = 8  # of the size of the result


def label_classes(masks: QueryMasks, grids: QueryGrids, weights: Array, labels: Array) -> None:
    """Write the class with the largest sum of weight times mask."""
    for n in range(len(labels)):
        planes = reference.class_planes(masks, grids, weights, n)
        argmax(planes, grids.to_result, labels[n : n + 1])


def assign_queries(
    masks: QueryMasks,
    grids: QueryGrids,
    queries: Array,
    scores: Array,
    thresholds: Array,
    is_logit: bool,
    is_late: bool,
    cuts: bool,
    labels: Array,
    counts: Array,
) -> None:
    """Write the number of the query with the largest weighted mask; count its pixels."""
    if is_late:
        settings = (thresholds, is_logit, is_late, cuts)
        reference.assign_queries(masks, grids, queries, scores, *settings, labels, counts)
        return
    values = reference.query_planes(masks, grids, queries)
    values = scores[:, None, None] * (values if is_logit else reference.sigmoid(values))
    axes, query_count = grids.to_result, len(queries)
    argmax(Logits(values[None], "float64"), axes, labels[None])
    largest_area = np.bincount(labels.ravel(), minlength=query_count)
    unit = axes.den
    for start in range(0, query_count, MASKS_AT_ONCE):
        some = slice(start, start + MASKS_AT_ONCE)
        planes = Logits(values[None, some], "float64")
        inside = np.empty((1, planes.values.shape[1], *labels.shape), np.uint8)
        below = np.nextafter(thresholds[some] * unit, -np.inf)  # a mask is what is above
        binarize(planes, axes, below, inside, False)
        counts[some, 2] = np.count_nonzero(inside[0], axis=(1, 2))
        for k, mask in enumerate(inside[0], start=start):
            if cuts:
                labels[(labels == k) & (mask == 0)] = query_count
    reference.count_labels(labels, counts)
    counts[:, 0] = largest_area
