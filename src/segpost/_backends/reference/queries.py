"""Definitions of the operations on queries, in float64 over whole images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from segpost._backends.reference.labels import argmax, interpolated
from segpost._core.arrays import widen
from segpost._core.contract import Array, Logits
from segpost._core.query_contract import BLOCK, QueryGrids, QueryMasks
from segpost._core.sampling import Axes


def bound_masks(masks: QueryMasks) -> tuple[int, int]:
    """Write the smallest and the largest logit of every block; count what is not finite."""
    count, first, pixels = 0, -1, masks.values[0].size
    for n, image in enumerate(masks.values):
        for bounds in (masks.low, masks.high):
            bounds[n] = 0
        for q, plane in enumerate(image):
            values = widen(plane, masks.kind).astype(np.float64)
            bad = ~np.isfinite(values)
            if bad.any():
                first = first if count else n * pixels + q * plane.size + int(bad.argmax())
                count += int(bad.sum())
            masks.low[n, :, :, q] = _round_down(_reduce_blocks(values, np.minimum))
            masks.high[n, :, :, q] = -_round_down(-_reduce_blocks(values, np.maximum))
    return count, first


def _reduce_blocks(values: Array, function: np.ufunc) -> Array:
    """Return the reduction of every block."""
    for axis, step in enumerate(BLOCK):
        values = function.reduceat(values, np.arange(0, values.shape[axis], step), axis=axis)
    return values


def _round_down(values: Array) -> Array:
    """Return float32 numbers that are not larger."""
    with np.errstate(over="ignore", invalid="ignore"):
        nearest = values.astype(np.float32)
        return np.where(nearest > values, np.nextafter(nearest, np.float32(-np.inf)), nearest)


def label_classes(masks: QueryMasks, grids: QueryGrids, weights: Array, labels: Array) -> None:
    """Write the class with the largest sum of weight times mask."""
    for n in range(len(labels)):
        planes = class_planes(masks, grids, weights, n)
        argmax(planes, grids.to_result, labels[n : n + 1])


def class_planes(masks: QueryMasks, grids: QueryGrids, weights: Array, n: int) -> Logits:
    """Return the sums of weight times mask of an image, in the region of the score grid."""
    planes = np.zeros((weights.shape[2], grids.to_grid.y.n_out, grids.to_grid.x.n_out))
    for q, plane in enumerate(masks.values[n]):
        mask = sigmoid(_resampled(plane[None], masks.kind, grids.to_grid)[0])
        planes += weights[n, q, :, None, None] * mask
    return Logits(_region(planes, grids)[None], "float64")


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
    values = query_planes(masks, grids, queries)
    if not is_late:
        values = scores[:, None, None] * (values if is_logit else sigmoid(values))
    counts[:, :3] = 0
    for rows, weighted in _strips(values, grids.to_result):
        if is_late:
            weighted = scores[:, None, None] * sigmoid(weighted)
        is_in = weighted >= thresholds[:, None, None]
        first = weighted.argmax(axis=0)
        counts[:, 0] += np.bincount(first.ravel(), minlength=len(queries))
        counts[:, 2] += is_in.sum(axis=(1, 2))
        if cuts:
            first[~np.take_along_axis(is_in, first[None], axis=0)[0]] = len(queries)
        labels[rows] = first
    count_labels(labels, counts)


def query_planes(masks: QueryMasks, grids: QueryGrids, queries: Array) -> Array:
    """Return the values of queries of one image, in the region of the score grid."""
    return _region(_resampled(masks.values[0, queries], masks.kind, grids.to_grid), grids)


def count_labels(labels: Array, counts: Array) -> None:
    """Write the areas and the boxes of the labels 0, 1, ... to counts."""
    height, width = labels.shape
    counts[:, 1] = np.bincount(labels.ravel(), minlength=len(counts) + 1)[: len(counts)]
    counts[:, 3:] = width, height, 0, 0
    for k in np.flatnonzero(counts[:, 1]):
        y, x = np.nonzero(labels == k)
        counts[k, 3:] = x.min(), y.min(), x.max() + 1, y.max() + 1


def measure_masks(
    masks: QueryMasks,
    grids: QueryGrids,
    queries: Array,
    level: float,
    is_late: bool,
    bits: Array,
    areas: Array,
    sums: Array,
) -> None:
    """Write the pixels of every mask as bits, their number, and the sum of the sigmoids there."""
    for k, q in enumerate(queries):
        values = _resampled(masks.values[0, q : q + 1], masks.kind, grids.to_grid)
        if is_late:
            values = _resampled(_region(values, grids), "float64", grids.to_result)
        is_in = values[0] > level
        packed = np.packbits(is_in, axis=1, bitorder="little")
        bits[k, :, : packed.shape[1]] = packed
        areas[k] = is_in.sum()
        sums[k] = sigmoid(values[0])[is_in].sum()


def paint_masks(
    bits: Array,
    masks: Array,
    values: Array,
    row: Array,
    column: Array,
    labels: Array,
    counts: Array,
) -> None:
    """Write the values of masks, one after another, and count what is left of each."""
    numbers = np.full(labels.shape, len(masks), np.int64)
    for number, mask in enumerate(masks):
        inside = np.unpackbits(bits[mask, row], axis=1, bitorder="little")[:, column].astype(bool)
        numbers[inside] = number
    labels[...] = np.append(values, 0)[numbers]
    count_labels(numbers, counts)
    counts[:, 0], counts[:, 2] = counts[:, 1], 0


def replace_labels(labels: Array, values: Array, out: Array) -> None:
    """Write the value of every label."""
    out[...] = values[labels]


def sigmoid(values: Array) -> Array:
    """Return 1 / (1 + exp(-x))."""
    with np.errstate(over="ignore"):
        result: Array = 1 / (1 + np.exp(-values))
    return result


def _region(planes: Array, grids: QueryGrids) -> Array:
    """Return the part of the score grid that is resampled to the result."""
    top, left = grids.origin
    return planes[:, top : top + grids.to_result.y.n_in, left : left + grids.to_result.x.n_in]


def _strips(planes: Array, axes: Axes, kind: str = "float64") -> Iterator[tuple[slice, Array]]:
    """Iterate over strips of resampled planes: rows and values."""
    for _, rows, values in interpolated(Logits(planes[None], kind), axes):
        yield rows, values / axes.den


def _resampled(planes: Array, kind: str, axes: Axes) -> Array:
    """Return resampled planes in float64."""
    return np.concatenate([values for _, values in _strips(planes, axes, kind)], axis=1)
