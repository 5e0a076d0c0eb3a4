"""Equal intervals of 0..1: which of them numbers lie in, and sums over each."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from segpost._core.fixed_point import FRACTION_BITS, ONE

HALF_BITS = FRACTION_BITS // 2
HALF_MASK = (1 << HALF_BITS) - 1
Int64 = npt.NDArray[np.int64]


def find_intervals(values: npt.NDArray[np.float64], count: int) -> Int64:
    """Return the index of the interval of every value in 0..1.

    Interval k has its lower edge k / count, and the last one 1.0, too.
    """
    edges = np.arange(count + 1) / count
    index = np.minimum((values * count).astype(np.int64), count - 1)
    index -= values < edges[index]  # the product may have been rounded
    result: Int64 = np.minimum(index + (values >= edges[index + 1]), count - 1)
    return result


def add_to_intervals(
    values: npt.NDArray[np.float64], hits: npt.NDArray[np.bool_], counts: Any, sums: Any
) -> None:
    """Add values and hits to the interval of each.

    Parameters
    ----------
    values : (P,) float64
    hits : (P,) bool
    counts : (K, 2) int64
        Values and hits of every interval.
    sums : (K, 2) int64
        Sums of the values, as in `segpost._core.fixed_point`.
    """
    index = find_intervals(values, len(counts))
    counts[:, 0] += np.bincount(index, None, len(counts))
    counts[:, 1] += np.bincount(index[hits], None, len(counts))
    units = np.rint(values * ONE).astype(np.int64)  # sums of both halves are exact in float64
    high, low = (
        np.bincount(index, half, len(counts)).astype(np.int64)
        for half in (units >> HALF_BITS, units & HALF_MASK)
    )
    sums[:, 0] += high >> HALF_BITS
    sums[:, 1] += ((high & HALF_MASK) << HALF_BITS) + low
