"""Weights of windows: their range, and errors that say which pixels they are about."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from segpost._core.arrays import Array, as_input_array
from segpost._core.validation import check_on_cpu

# Products of smaller weights and probabilities would be 0 or lose digits in float32; sums of larger
# ones would be infinite.
MIN_WEIGHT, MAX_WEIGHT = 1e-30, 1e30
WEIGHT_RANGE = f"{MIN_WEIGHT:g}..{MAX_WEIGHT:g}"


def as_weights(weight: Any, size: tuple[int, int]) -> Array:
    """Return a weight as float32: one number of shape (), or one for each pixel.

    Raises
    ------
    ValueError, TypeError
        If a weight is neither 0 nor in its range, or if an array is not of `size`.
    """
    if isinstance(weight, (numbers.Real, np.number)) and not isinstance(weight, (bool, np.bool_)):
        number = float(weight)
        if not MIN_WEIGHT <= number <= MAX_WEIGHT:
            raise ValueError(
                f"weight must be positive and finite, in {WEIGHT_RANGE}, got {weight!r}"
            )
        return np.asarray(number, np.float32)
    array, kind, *_ = as_input_array(weight, "weight")
    check_on_cpu(
        array, lambda device: f"weight is on {device}; it must be on the CPU: copy it there"
    )
    if kind == "bfloat16":
        raise TypeError(f"weight must be numbers that NumPy has, got {kind}")
    if array.shape != size:
        raise ValueError(f"weight must be a number or of shape {size}, got {array.shape}")
    bad = ~(np.isfinite(array) & (array >= 0))
    if bad.any():
        raise ValueError(f"weight is negative or not finite at {format_pixels(bad)}")
    low, high = np.float64(MIN_WEIGHT), np.float64(MAX_WEIGHT)
    bad = (array != 0) & ((array < low) | (array > high))
    if bad.any():
        first = array[np.unravel_index(int(bad.argmax()), size)]
        raise ValueError(
            f"weight is neither 0 nor in {WEIGHT_RANGE} at {format_pixels(bad)}, where it is "
            f"{first:g}; only the ratios of weights count"
        )
    return array.astype(np.float32)


def format_pixels(mask: Array, origin: tuple[int, int] = (0, 0)) -> str:
    """Say how many pixels a mask has, and where the first is, from the `origin` of the mask on."""
    y, x = np.unravel_index(int(mask.argmax()), mask.shape)
    first = f"first y {y + origin[0]}, x {x + origin[1]}"
    return f"{int(mask.sum())} of {mask.size} pixels ({first})"
