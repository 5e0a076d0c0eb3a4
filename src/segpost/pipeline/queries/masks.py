"""Mask logits with the bounds of their blocks, read once."""

from __future__ import annotations

import numpy as np

from segpost._backends import registry
from segpost._core.arrays import Array, widen
from segpost._core.device import context_of
from segpost._core.errors import format_index
from segpost._core.query_contract import BLOCK, PITCH, QueryMasks


def bound_masks(logits: Array, kind: str) -> QueryMasks:
    """Return mask logits (Q, h, w) or (N, Q, h, w) of a type, as a batch with their bounds.

    Raises
    ------
    ValueError
        For values that are not finite.
    """
    values = logits if logits.ndim == 4 else logits[None]
    n, queries, *size = values.shape
    blocks = [-(-length // step) for length, step in zip(size, BLOCK, strict=True)]
    shape = (n, *blocks, -(-queries // PITCH) * PITCH)
    empty = context_of(values).empty
    masks = QueryMasks(values, kind, empty(shape, np.float32), empty(shape, np.float32))
    count, first = registry.backend(values, operation="bound_masks").bound_masks(masks)
    if count:
        index = np.unravel_index(first, logits.shape)
        bad = widen(logits[index][None], kind)[0]
        raise ValueError(
            f"mask_logits have {count} of {logits.size} values that are NaN or infinite, "
            f"first {bad} at {format_index(index)}"
        )
    return masks


def image_of(masks: QueryMasks, n: int) -> QueryMasks:
    """Return the masks of one image of a batch, as a batch of one."""
    part = slice(n, n + 1)
    return masks._replace(values=masks.values[part], low=masks.low[part], high=masks.high[part])
