"""Sums of fractions as integers, which do not depend on the order of the additions.

A number is a pair (whole, fraction): whole + fraction / 2**40. Each float64 that is added is
rounded once, by at most 2**-41.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FRACTION_BITS = 40
ONE = 1 << FRACTION_BITS
Int64 = npt.NDArray[np.int64]


def as_fixed_point(values: Any) -> Int64:
    """Return float64 numbers below 2**62 as int64 pairs, on a new last axis.

    Examples
    --------
    >>> from segpost._core.fixed_point import ONE, as_fixed_point
    >>> bool((as_fixed_point(-0.25) == [-1, 3 * ONE // 4]).all())
    True
    """
    numbers = np.asarray(values, np.float64)
    whole = np.floor(numbers)
    fraction = np.rint((numbers - whole) * ONE)
    return carry(np.stack([whole, fraction], axis=-1).astype(np.int64))


def carry(pairs: Int64) -> Int64:
    """Return the same numbers with fractions in 0..2**40 - 1."""
    more = pairs[..., 1] >> FRACTION_BITS
    return np.stack([pairs[..., 0] + more, pairs[..., 1] & (ONE - 1)], axis=-1)


def as_float64(pairs: Int64) -> Any:
    """Return the numbers as float64."""
    return pairs[..., 0] + pairs[..., 1] / ONE
