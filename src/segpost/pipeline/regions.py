"""The regions of the labels that a call of `postprocess` has computed."""

from __future__ import annotations

from typing import Any

from segpost._core.arrays import Array


def find_regions(labels: Array, confidence: Array | None, is_batch: bool) -> Any:
    """Return the `Regions` of an image, or a tuple with those of every image of a batch.

    Parameters
    ----------
    labels, confidence : array of shape (N, H, W)
    is_batch : bool
    """
    from segpost.objects.api import regions

    values = [None] * len(labels) if confidence is None else confidence
    parts = tuple(regions(one, confidence=value) for one, value in zip(labels, values, strict=True))
    return parts if is_batch else parts[0]
