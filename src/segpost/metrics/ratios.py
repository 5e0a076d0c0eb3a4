"""Ratios and means that are NaN where there is nothing to divide by or to average."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def ratio(numerator: Any, denominator: Any) -> Float64:
    """Divide in float64; the result is NaN where the denominator is 0."""
    top, bottom = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    result: Float64 = np.full((top + bottom).shape, np.nan)
    np.divide(top, bottom, out=result, where=bottom != 0)
    return result


def class_mask(labels: Iterable[int], classes: int) -> Mask:
    """Return the (C,) mask of some labels; those that are no class are left out."""
    mask = np.zeros(classes, bool)
    for label in labels:
        if 0 <= label < classes:
            mask[label] = True
    return mask


def mean_of(values: Float64 | Sequence[float], *, strict: bool = False) -> float:
    """Average the values that are not NaN.

    The result is NaN where there is no such value; with `strict`, also where any value is NaN.
    """
    array = np.asarray(values, np.float64)
    used = array if strict else array[~np.isnan(array)]
    return float(used.mean()) if used.size else math.nan
