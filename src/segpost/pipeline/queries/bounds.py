"""Bounds of mask logits over blocks, which say where a query cannot matter."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segpost._core.arrays import Array, widen
from segpost.pipeline.queries.geometry import AxisPart

BLOCK = 8  # rows and columns of a block


class Masks(NamedTuple):
    """The mask logits of the queries that are kept, and their bounds."""

    values: Array  # [Q, h, w] of all queries, any strides; bfloat16 as uint16
    kind: str
    queries: Array  # [K] indices into them
    low: Array  # [K, blocks, blocks] float64
    high: Array

    def bounds(self, y: AxisPart, x: AxisPart) -> tuple[Array, Array]:
        """Return the smallest and the largest logit [K] that a part of the result reads."""
        blocks = tuple(slice(p.inputs.start // BLOCK, -(-p.inputs.stop // BLOCK)) for p in (y, x))
        low, high = (values[:, blocks[0], blocks[1]] for values in (self.low, self.high))
        return low.min(axis=(1, 2)), high.max(axis=(1, 2))

    def interpolate(self, kept: Array, y: AxisPart, x: AxisPart) -> Array:
        """Return the logits [len(kept), rows, columns] of kept queries in a part, in float64."""
        block = widen(self.values[self.queries[kept], y.inputs, x.inputs], self.kind)
        resized: Array = y.weights @ block.astype(np.float64) @ x.weights.T
        return resized


def bound_masks(values: Array, kind: str, queries: Array) -> Masks:
    """Return the masks (Q, h, w) of some queries with the bounds of their blocks."""
    _, height, width = values.shape
    shape = (len(queries), -(-height // BLOCK), -(-width // BLOCK))
    low, high = np.empty(shape), np.empty(shape)
    for k, query in enumerate(queries):
        plane = widen(values[query], kind)
        for out, function in ((low[k], np.minimum), (high[k], np.maximum)):
            rows = plane[::BLOCK].copy()
            for offset in range(1, min(BLOCK, height)):
                more = plane[offset::BLOCK]
                function(rows[: len(more)], more, out=rows[: len(more)])
            out[...] = rows[:, ::BLOCK]
            for offset in range(1, min(BLOCK, width)):
                more = rows[:, offset::BLOCK]
                function(out[:, : more.shape[1]], more, out=out[:, : more.shape[1]])
    return Masks(values, kind, queries, low, high)


def sigmoid(logits: Array) -> Array:
    """Return 1 / (1 + exp(-x)), in the precision of the logits."""
    with np.errstate(over="ignore"):
        result = np.exp(-logits)
    result += 1
    return np.reciprocal(result, out=result) if isinstance(result, np.ndarray) else 1 / result
