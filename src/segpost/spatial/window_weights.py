"""Weights of windows: their range, and errors that say which pixels they are about."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from segpost._core.arguments import as_output_size, check_choice
from segpost._core.array_types import Float32Array
from segpost._core.arrays import Array, as_input_array
from segpost._core.errors import format_position
from segpost._core.validation import check_on_cpu

# Products of smaller weights and probabilities would be 0 or lose digits in float32; sums of larger
# ones would be infinite.
MIN_WEIGHT, MAX_WEIGHT = 1e-30, 1e30
WEIGHT_RANGE = f"{MIN_WEIGHT:g}..{MAX_WEIGHT:g}"


Float64Array = npt.NDArray[np.float64]
WeightDialect = Literal["monai", "nnunet"]
DIALECTS: tuple[str, ...] = get_args(WeightDialect)
MONAI_MIN = 1e-3
NNUNET_MAX = 10.0
NNUNET_TRUNCATE = 4.0  # standard deviations, of SciPy's gaussian_filter


def gaussian_weights(
    size: Sequence[int], *, sigma_scale: float = 0.125, dialect: WeightDialect = "monai"
) -> Float32Array:
    """Compute weights of a window that fall from its center as a Gaussian does.

    Parameters
    ----------
    size : sequence of int
        The size of the window: (height, width) or (depth, height, width).
    sigma_scale : float
        The standard deviation on every axis, relative to the size.
    dialect : {"monai", "nnunet"}
        "monai": the product of Gaussians, at least 0.001, as of ``SlidingWindowInferer``
        with ``mode="gaussian"``. "nnunet": at most 10, at least the smallest positive weight of
        a filter that ends at four standard deviations, as of ``compute_gaussian``.

    Returns
    -------
    weights : float32 array of `size`
        The argument `weight` of `Merger.add` and `VolumeMerger.add`.

    Raises
    ------
    ValueError, TypeError
        If an argument is invalid.

    Examples
    --------
    >>> import segpost
    >>> segpost.gaussian_weights((1, 4), sigma_scale=0.25)
    array([[0.32465246, 0.8824969 , 0.8824969 , 0.32465246]], dtype=float32)
    """
    is_volume = isinstance(size, (tuple, list)) and len(size) == 3
    sides = as_output_size(size, 3 if is_volume else 2)
    check_choice(dialect, "dialect", DIALECTS)
    if not (isinstance(sigma_scale, numbers.Real) and 0 < sigma_scale < math.inf):
        raise ValueError(f"sigma_scale must be a positive number, got {sigma_scale!r}")
    profile = _monai_profile if dialect == "monai" else _nnunet_profile
    weights = np.ones((), np.float64)
    for side in sides:
        weights = weights[..., None] * profile(side, float(sigma_scale) * side)
    if dialect == "monai":
        return np.maximum(weights, max(weights.min(), MONAI_MIN)).astype(np.float32)
    weights = (weights * (NNUNET_MAX / weights.max())).astype(np.float32)
    return np.where(weights == 0, weights[weights > 0].min(), weights)


def _monai_profile(side: int, sigma: float) -> Float64Array:
    """Return the Gaussian of the distances to the center of an axis."""
    return np.exp(-(((np.arange(side) - (side - 1) / 2) / sigma) ** 2) / 2)


def _nnunet_profile(side: int, sigma: float) -> Float64Array:
    """Return what SciPy's filter makes of a one at the middle pixel."""
    distance = abs(np.arange(side) - side // 2)
    radius = int(NNUNET_TRUNCATE * sigma + 0.5)
    return np.where(distance <= radius, np.exp(-0.5 * (distance / sigma) ** 2), 0.0)


def as_weights(weight: Any, size: tuple[int, ...]) -> Array:
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


def format_pixels(mask: Array, origin: tuple[int, ...] | None = None) -> str:
    """Say how many pixels a mask has, and where the first is, from the `origin` of the mask on."""
    place = np.unravel_index(int(mask.argmax()), mask.shape)
    origin = (0,) * mask.ndim if origin is None else origin
    first = format_position([int(i) + o for i, o in zip(place, origin, strict=True)])
    unit = "pixels" if mask.ndim == 2 else "voxels"
    return f"{int(mask.sum())} of {mask.size} {unit} (first {first})"
