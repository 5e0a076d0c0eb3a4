"""The query of every pixel: the argmax of score times mask, and the areas that decide on it."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from segpost._backends import registry
from segpost._core import sampling
from segpost._core.arrays import Array, label_dtype
from segpost._core.contract import Logits
from segpost._core.sampling import Axes
from segpost.pipeline.queries.bounds import Masks, sigmoid
from segpost.pipeline.queries.geometry import Geometry, split_grid_axis, split_result_axis
from segpost.pipeline.queries.rules import Rules

GRID_TILE = 32  # samples of the score grid
RESULT_TILE = 64  # pixels
IMAGES_AT_ONCE = 8  # of masks that are compared with the threshold
SLACK = 1e-9  # of bounds, relative: more than the rounding errors of an interpolation


class Assignment(NamedTuple):
    """The kept query of every pixel, and the areas of the kept queries in pixels."""

    queries: Array  # [H, W] uint8 or int32 numbers of kept queries; K: none
    won: Array  # [K] int64: pixels at which the query is the largest
    left: Array  # [K] int64: of them those that `queries` has
    masks: Array  # [K] int64: pixels at which its mask reaches the mask threshold


def assign_queries(
    masks: Masks,
    scores: Array,
    geometry: Geometry,
    rules: Rules,
    mask_threshold: float,
    as_logits: bool,
) -> Assignment:
    """Return the query with the largest score times mask at every pixel.

    Parameters
    ----------
    masks : Masks
        Of K queries.
    scores : float64 array of shape (K,)
    geometry : Geometry
    rules : Rules
        Whether masks become probabilities before or after the last resize.
    mask_threshold : float
    as_logits : bool
        Whether masks stay logits; not with `sigmoid_last`.
    """
    shape = geometry.size
    kept = len(scores)
    assignment = Assignment(
        np.empty(shape, label_dtype(kept + 1)),
        *(np.zeros(kept, np.int64) for _ in range(3)),
    )
    if rules.sigmoid_last:
        _assign_at_result(masks, scores, geometry, mask_threshold, assignment)
    else:
        _assign_on_grid(masks, scores, geometry, mask_threshold, as_logits, assignment)
    return assignment


def _assign_on_grid(
    masks: Masks,
    scores: Array,
    geometry: Geometry,
    threshold: float,
    as_logits: bool,
    assignment: Assignment,
) -> None:
    """Assign by weighted masks that are interpolated linearly from the score grid.

    They are computed for a band of the grid at a time, where a query can be the largest or reach
    the threshold. Elsewhere they are 0, which is not more than their value, so that the argmax of
    the interpolated ones is the same. (Logits may be negative, and are all computed.)
    """
    rows, columns = geometry.region
    whole = geometry.to_result
    parts_x = split_grid_axis(geometry.to_grid.x, columns, GRID_TILE)
    bands = sorted({0, whole.y.n_out, *map(int, whole.y.start[::GRID_TILE])})
    for top, bottom in itertools.pairwise(bands):
        outputs = slice(top, bottom)
        used, part = sampling.part_of_axis(whole.y, outputs)
        span = slice(rows.start + used.start, rows.start + used.stop)
        weighted = np.zeros((len(scores), part.n_in, columns.stop - columns.start), np.float32)
        reaches = np.zeros(len(scores), bool)
        for y in split_grid_axis(geometry.to_grid.y, span, GRID_TILE):
            for x in parts_x:
                low, high = (_weigh(v, scores, as_logits) for v in masks.bounds(y, x))
                reaches |= high >= threshold - SLACK
                matters = (high >= low.max() * (1 - SLACK)) | (high >= threshold - SLACK)
                active = np.flatnonzero(matters | as_logits)
                values = masks.interpolate(active, y, x)
                tile_rows = slice(y.outputs.start - span.start, y.outputs.stop - span.start)
                left = x.outputs.start - columns.start
                tile_columns = slice(left, x.outputs.stop - columns.start)
                weighted[active, tile_rows, tile_columns] = _weigh(
                    values, scores[active, None, None], as_logits
                )
        axes = Axes(part, whole.x)
        labels = assignment.queries[outputs]
        registry.backend(labels).argmax(Logits(weighted[None], "float32"), axes, labels[None])
        assignment.won[...] += np.bincount(labels.ravel(), minlength=len(scores))
        near = np.flatnonzero(reaches)
        assignment.masks[near] += _mask_areas(weighted, near, axes, threshold)
    assignment.left[...] = assignment.won


def _weigh(values: Array, scores: Array, as_logits: bool) -> Array:
    """Return score times mask."""
    return values * scores if as_logits else sigmoid(values) * scores


def _mask_areas(weighted: Array, queries: Array, axes: Axes, threshold: float) -> Array:
    """Return the numbers of pixels at which weighted masks are at least the threshold."""
    areas = np.zeros(len(queries), np.int64)
    size = (axes.y.n_out, axes.x.n_out)
    below = float(np.nextafter(threshold, -np.inf))  # the kernel's comparison is "above"
    for start in range(0, len(queries), IMAGES_AT_ONCE):
        some = slice(start, start + IMAGES_AT_ONCE)
        planes = weighted[queries[some], None]
        inside = np.empty((len(planes), *size), np.uint8)
        logits = Logits(planes, "float32", threshold=below)
        registry.backend(inside).argmax(logits, axes, inside)
        areas[some] = [np.count_nonzero(mask) for mask in inside]
    return areas


def _assign_at_result(
    masks: Masks, scores: Array, geometry: Geometry, threshold: float, assignment: Assignment
) -> None:
    """Assign by probabilities of logits that are interpolated to the result, tile by tile."""
    kept = len(scores)
    parts_x = split_result_axis(geometry, 1, RESULT_TILE)
    for y in split_result_axis(geometry, 0, RESULT_TILE):
        for x in parts_x:
            low, high = (sigmoid(bound) for bound in masks.bounds(y, x))
            is_full = low >= threshold + SLACK
            wins = scores * high >= (scores * low).max() * (1 - SLACK)
            is_mixed = (high >= threshold - SLACK) & ~is_full
            pixels = (y.outputs.stop - y.outputs.start) * (x.outputs.stop - x.outputs.start)
            assignment.masks[is_full] += pixels
            target = assignment.queries[y.outputs, x.outputs]
            if wins.sum() == 1 and is_full[wins.argmax()] and not is_mixed.any():
                only = int(wins.argmax())
                target[...] = only
                assignment.won[only] += pixels
                assignment.left[only] += pixels
                continue
            active = np.flatnonzero(wins | is_mixed)
            values = sigmoid(masks.interpolate(active, y, x))
            inside = values >= threshold
            mixed = np.flatnonzero(is_mixed[active])
            assignment.masks[active[mixed]] += inside[mixed].sum(axis=(1, 2))
            values *= scores[active, None, None]
            first = values.argmax(axis=0)
            is_inside = np.take_along_axis(inside, first[None], axis=0)[0]
            winner = active[first]
            assignment.won[...] += np.bincount(winner.ravel(), minlength=kept)
            winner[~is_inside] = kept
            assignment.left[...] += np.bincount(winner.ravel(), minlength=kept)[:kept]
            target[...] = winner
