"""Instances: every query with a high score has its own mask; the masks may overlap."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from segpost._core.arrays import Array, label_dtype
from segpost.pipeline.queries.bounds import Masks, bound_masks, sigmoid
from segpost.pipeline.queries.geometry import (
    AxisPart,
    Geometry,
    split_grid_axis,
    split_result_axis,
)
from segpost.pipeline.queries.panoptic import assign_segments
from segpost.pipeline.queries.rules import Rules
from segpost.pipeline.queries.segments import Segment, describe_segments

TILE = 32  # samples of the score grid, or pixels of the result
MEAN_GUARD = 1e-6  # pixels that processors add to the area of a mask in its mean probability


class MaskTile(NamedTuple):
    """The masks of some queries in a part of the image, one bit a pixel."""

    rows: slice
    columns: slice
    bits: dict[int, Array]  # by number of the kept query

    def mask(self, query: int) -> Array:
        """Return the mask of a query that may have pixels in this part."""
        shape = (self.rows.stop - self.rows.start, self.columns.stop - self.columns.start)
        return (
            np.unpackbits(self.bits[query], count=shape[0] * shape[1]).astype(bool).reshape(shape)
        )


def segment_instances(
    probabilities: Array,
    values: Array,
    kind: str,
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
            values,
            kind,
            geometry,
            rules,
            fused=frozenset(),
            mask_threshold=mask_threshold,
            overlap_threshold=overlap_threshold,
            as_logits=True,
        )
    unique, kept = np.unique(queries, return_inverse=True)
    areas, means, tiles = _measure_masks(
        bound_masks(values, kind, unique), geometry, rules, mask_threshold
    )
    scores = scores * means[kept]
    chosen = np.flatnonzero((scores >= threshold) & (areas[kept] > 0))
    if not rules.best_class_only:
        chosen = chosen[np.argsort(-scores[chosen], kind="stable")]
    ids = list(enumerate(kept[chosen].tolist(), start=1))
    id_map = _paint(ids if rules.best_class_only else ids[::-1], tiles, geometry, rules)
    return id_map, describe_segments(id_map, labels[chosen].tolist(), scores[chosen].tolist())


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


def _parts(geometry: Geometry, rules: Rules) -> Iterator[tuple[AxisPart, AxisPart]]:
    """Yield the parts of the grid on which masks are decided: the result's, or the scores'."""
    if rules.sigmoid_last:
        rows, columns = (split_result_axis(geometry, index, TILE) for index in (0, 1))
    else:
        height, width = geometry.grid
        rows = _without_shared(split_grid_axis(geometry.to_grid.y, slice(0, height), TILE))
        columns = _without_shared(split_grid_axis(geometry.to_grid.x, slice(0, width), TILE))
    for y in rows:
        for x in columns:
            yield y, x


def _without_shared(parts: list[AxisPart]) -> list[AxisPart]:
    """Return parts of a grid without the samples that are also in the next part."""
    return [
        part._replace(
            outputs=slice(part.outputs.start, part.outputs.stop - 1), weights=part.weights[:-1]
        )
        for part in parts[:-1]
    ] + parts[-1:]


def _measure_masks(
    masks: Masks, geometry: Geometry, rules: Rules, mask_threshold: float
) -> tuple[Array, Array, list[MaskTile]]:
    """Return the areas of masks, the mean probabilities inside of them, and the masks."""
    count = len(masks.queries)
    areas, sums = np.zeros(count, np.int64), np.zeros(count)
    level = _logit(mask_threshold)
    tiles = []
    for y, x in _parts(geometry, rules):
        _, high = masks.bounds(y, x)
        active = np.flatnonzero(high > level)
        bits: dict[int, Array] = {}
        if len(active):
            values = masks.interpolate(active, y, x)
            inside = values > level
            areas[active] += inside.sum(axis=(1, 2))
            sums[active] += (sigmoid(values) * inside).sum(axis=(1, 2))
            packed = np.packbits(inside.reshape(len(active), -1), axis=1)
            bits = dict(zip(active.tolist(), packed, strict=True))
        tiles.append(MaskTile(y.outputs, x.outputs, bits))
    return areas, sums / (areas + MEAN_GUARD), tiles


def _logit(probability: float) -> float:
    """Return the logit of a probability."""
    if probability in (0.0, 1.0):
        return -math.inf if probability == 0.0 else math.inf
    return math.log(probability / (1.0 - probability))


def _paint(
    ids: list[tuple[int, int]], tiles: list[MaskTile], geometry: Geometry, rules: Rules
) -> Array:
    """Return the map of the ids of queries, in order: later ones lie over earlier ones."""
    shape = geometry.size if rules.sigmoid_last else geometry.grid
    id_map = np.zeros(shape, label_dtype(len(ids) + 1))
    positions: dict[int, list[int]] = {}
    for position, (_, query) in enumerate(ids):
        positions.setdefault(query, []).append(position)
    for tile in tiles:
        target = id_map[tile.rows, tile.columns]
        for position in sorted(p for query in tile.bits for p in positions.get(query, ())):
            number, query = ids[position]
            target[tile.mask(query)] = number
    if rules.sigmoid_last:
        return id_map
    rows, columns = (_nearest_samples(geometry, index) for index in (0, 1))
    return id_map[rows[:, None], columns]


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
