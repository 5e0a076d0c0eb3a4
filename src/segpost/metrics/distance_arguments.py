"""Checks of the arguments of `SurfaceDistance`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from segpost._core.arguments import as_real
from segpost._core.distance_contract import Steps

MIN_STEP, MAX_STEP = 1e-60, 1e60
Spacing = float | tuple[float, ...] | None


def as_spacing(spacing: object) -> Spacing:
    """Return the distance between neighbors: of all axes, along (y, x) or along (z, y, x).

    Raises
    ------
    ValueError, TypeError
        If it is no positive number, and not two or three of them.
    """
    if spacing is None:
        return None
    if isinstance(spacing, np.ndarray):
        spacing = spacing.tolist()
    if isinstance(spacing, str | bytes) or not isinstance(spacing, Sequence):
        return _as_step(spacing, spacing)
    steps = list(spacing)
    if len(steps) not in (2, 3):
        raise ValueError(
            f"spacing must be a number, (y, x) of images or (z, y, x) of volumes, got {spacing!r}"
        )
    return tuple(_as_step(step, spacing) for step in steps)


def _as_step(step: object, spacing: object) -> float:
    value = as_real(step, "spacing")
    if value <= 0:
        raise ValueError(f"spacing must be positive, got {spacing!r}")
    if not MIN_STEP <= value <= MAX_STEP:  # squares of distances must be numbers
        raise ValueError(
            f"spacing must be in {MIN_STEP:g}..{MAX_STEP:g}, got {spacing!r}; take another unit"
        )
    return value


def is_volume_of(spacing: Spacing, volume: bool | None, axis: int | None) -> bool | None:
    """Return whether maps are volumes, by the argument or by the axes of the spacing.

    Raises
    ------
    ValueError
        If the two contradict each other.
    """
    if not isinstance(spacing, tuple):
        return volume
    is_volume = len(spacing) == 3
    if isinstance(volume, bool) and volume != is_volume:
        axes = "(z, y, x) of volumes" if is_volume else "(y, x) of images"
        raise ValueError(f"spacing={spacing!r} is {axes}, and volume is {volume}")
    return is_volume if volume is None and axis is None else volume


def steps_of(spacing: Spacing, volume: bool) -> Steps:
    """Return the spacing along z, y and x."""
    if not isinstance(spacing, tuple):
        step = 1.0 if spacing is None else spacing
        return step, step, step
    if len(spacing) != (3 if volume else 2):
        kind = "volumes have (z, y, x)" if volume else "images have (y, x)"
        raise ValueError(f"spacing is {spacing!r}, and {kind}")
    z, y, x = spacing if volume else (1.0, *spacing)
    return z, y, x


def as_percentiles(percentiles: object) -> tuple[float, ...]:
    """Return percentiles in 0..100, each once.

    Raises
    ------
    ValueError, TypeError
    """
    if isinstance(percentiles, str) or not isinstance(percentiles, Iterable):
        raise TypeError(f"percentiles must be a sequence of numbers, got {percentiles!r}")
    values = [as_real(value, "percentiles", 0.0, 100.0) for value in percentiles]
    if len(set(values)) < len(values):
        raise ValueError(f"percentiles has a number twice: {percentiles!r}")
    return tuple(values)


def as_tolerances(tolerance: object, classes: int) -> float | tuple[float, ...] | None:
    """Return the tolerance of all classes, or one a class.

    Raises
    ------
    ValueError, TypeError
        If one is negative or no number, or their number is not that of the classes.
    """
    if tolerance is None:
        return None
    if isinstance(tolerance, np.ndarray) and tolerance.ndim == 0:
        tolerance = tolerance.item()
    if isinstance(tolerance, str) or not isinstance(tolerance, Sequence | np.ndarray):
        return as_real(tolerance, "tolerance", 0.0)
    values = tuple(as_real(value, "tolerance", 0.0) for value in tolerance)
    if len(values) != classes:
        raise ValueError(f"tolerance has {len(values)} numbers for {classes} classes")
    return values
