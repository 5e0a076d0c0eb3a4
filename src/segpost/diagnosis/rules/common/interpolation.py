"""Ids that interpolation or a lossy file made of their neighbors."""

from __future__ import annotations

import numpy as np

from segpost._core.arrays import Array
from segpost.diagnosis.context import Case, census, listed
from segpost.diagnosis.registry import Claim


def interpolated(case: Case, labels: Array, name: str) -> Claim | None:
    """Ids that occur only between a smaller and a larger neighbor."""
    ids = census(labels)
    if len(ids.values) < 5 or min(labels.shape[1:]) < 3 or len(ids.values) > 4096:
        return None
    image = labels[0] if len(labels) == 1 else labels.reshape(-1, labels.shape[-1])
    inner = image[1:-1, 1:-1]
    low, high = inner.copy(), inner.copy()
    height, width = image.shape
    for dy in range(3):
        for dx in range(3):
            near = image[dy : height - 2 + dy, dx : width - 2 + dx]
            np.minimum(low, near, out=low)
            np.maximum(high, near, out=high)
    between = (low < inner) & (inner < high)
    _, codes = np.unique(inner, return_inverse=True)
    values = np.unique(inner)
    times = np.bincount(codes.reshape(-1), minlength=len(values))
    mixed = np.bincount(codes.reshape(-1)[between.reshape(-1)], minlength=len(values))
    flat = np.bincount(codes.reshape(-1)[(low == high).reshape(-1)], minlength=len(values))
    made = (mixed >= 0.7 * times) & (flat == 0)
    solid = flat > 0
    ignored = np.isin(values, case.ignored)
    made &= ~ignored
    if made.sum() < 3 or solid.sum() < 2 or flat.sum() < 0.5 * inner.size:
        return None
    strange = values[made & np.isin(values, case.outside(ids))] if case.classes else values[:0]
    if not len(strange) and made.sum() < max(4, solid.sum()):
        return None
    pixels = int(times[made].sum())
    return Claim(
        "certain" if len(strange) >= 3 else "likely",
        f"{int(made.sum())} of {len(values)} values of {name} occur only between smaller and "
        f"larger neighbors, at {pixels} pixels: {listed(values[made])}",
        {
            "values": listed(values[made]),
            "pixels": pixels,
            "values_of_areas": listed(values[solid]),
            "no_classes": len(strange),
        },
    )
