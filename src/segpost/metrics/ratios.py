"""Ratios and means that are NaN where there is nothing to divide by or to average."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def ratio(numerator: Any, denominator: Any) -> Float64:
    """Divide in float64; the result is NaN where the denominator is 0."""
    top, bottom = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Float64 = np.where(bottom == 0, np.nan, top / np.where(bottom == 0, 1.0, bottom))
    return result


def mean_of(values: Float64 | Sequence[float], *, strict: bool = False) -> float:
    """Average the values that are not NaN.

    The result is NaN where there is no such value; with `strict`, also where any value is NaN.
    """
    array = np.asarray(values, np.float64)
    used = array if strict else array[~np.isnan(array)]
    return float(used.mean()) if used.size else math.nan
