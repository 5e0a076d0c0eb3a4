"""Checks of counts that are read from a saved state."""

from __future__ import annotations

from typing import Any

import numpy as np


def read_counts(values: object, shape: tuple[int, ...], name: str) -> Any:
    """Return saved counts as an int64 array.

    Raises
    ------
    ValueError
        For negative counts, fractions and other shapes.
    """
    array = np.array(values)
    if array.size == 0:
        array = np.zeros(shape, np.int64) if 0 in shape else array
    if array.shape != shape or (array.size and array.dtype.kind not in "iu"):
        raise ValueError(f"{name} must be integers of shape {shape}, got {array.shape}")
    if array.size and (int(array.min()) < 0 or int(array.max()) >= 2**63):
        raise ValueError(f"{name} has counts outside 0..2**63 - 1")
    return array.astype(np.int64)


def read_class_counts(values: object, shape: tuple[int, ...], name: str) -> Any:
    """Return saved (..., 3, C) true positives, target pixels and predicted pixels.

    Raises
    ------
    ValueError
        As `read_counts`, and for more true positives than pixels.
    """
    array = read_counts(values, shape, name)
    if (array[..., 0, :] > array[..., 1:, :].min(axis=-2)).any():
        raise ValueError(f"{name} has more hits than pixels")
    return array


def read_integer(value: object, least: int, largest: int, name: str) -> int:
    """Return a saved integer, which must lie in its range."""
    if type(value) is not int or not least <= value <= largest:
        raise ValueError(f"{name} has {value!r}, which is no integer in {least}..{largest}")
    return value
