"""Query heads on a device: the class scores of every grid point, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._core.contract import Array, Logits
from segpost._core.device import DeviceContext, read_error_counts, to_host
from segpost._core.query_contract import QueryGrids, QueryMasks


def count_not_finite(context: DeviceContext, masks: QueryMasks) -> tuple[int, int]:
    """Compute `Backend.bound_masks` on a device, where no bounds are written; wait for it."""
    errors = context.empty((2,), np.uint64)
    logits = Logits(masks.values, masks.kind)
    context.runtime.count_not_finite(logits, context.stream, errors)
    return read_error_counts(to_host(errors))[0]


def class_scores(
    context: DeviceContext,
    tables: Any,
    masks: QueryMasks,
    grids: QueryGrids,
    weights: Array,
    image: int,
) -> Logits:
    """Return the sums of weight times mask of an image, (1, C, h, w), as logits on the device.

    `tables` are those of the resampling to the score grid. The upload of the weights waits.
    """
    classes = weights.shape[2]
    weights_there = context.empty(weights.shape[1:], np.float64)
    host = np.ascontiguousarray(weights[image])
    context.runtime.copy_in(weights_there.ctypes.data, host, context.stream)
    size = grids.to_result.y.n_in, grids.to_result.x.n_in
    scores = context.empty((1, classes, *size), np.float64)
    one = Logits(masks.values[image : image + 1], masks.kind)
    arguments = one, tables, grids.origin, weights_there, scores
    context.runtime.class_scores(*arguments, context.stream)
    return Logits(scores, "float64")
