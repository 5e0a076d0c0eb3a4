"""Where an output pixel lies on the input grid: the one place that knows the sampling grids."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

Grid = Literal["half_pixel", "align_corners", "asymmetric"]
GRIDS: tuple[str, ...] = get_args(Grid)


@dataclass(frozen=True)
class Axis:
    """One axis of a bilinear resampling, as exact rationals.

    Output ``o`` reads inputs ``cell[o]`` and ``cell[o] + 1`` with the integer weights ``w0[o]`` and
    ``w1[o]``, which add up to ``den``. Outputs ``start[i]:start[i + 1]`` lie in cell ``i``.
    """

    n_in: int
    n_out: int
    den: float
    cell: npt.NDArray[np.int32]  # [n_out]
    w0: npt.NDArray[np.float64]  # [n_out]
    w1: npt.NDArray[np.float64]  # [n_out]
    t: npt.NDArray[np.float32]  # [n_out], w1 / den
    start: npt.NDArray[np.int32]  # [max(n_in - 1, 1) + 1]
    widest: int  # the most outputs in one cell


@dataclass(frozen=True)
class Axes:
    """The vertical and the horizontal axis of one resampling."""

    y: Axis
    x: Axis


@dataclass(frozen=True)
class VolumeAxes:
    """The three axes of the resampling of a volume."""

    z: Axis
    y: Axis
    x: Axis

    @property
    def size(self) -> tuple[int, int, int]:
        """(D, H, W) of what comes out."""
        return self.z.n_out, self.y.n_out, self.x.n_out


def source_rational(n_in: int, n_out: int, grid: str) -> tuple[npt.NDArray[np.int64], int]:
    """Numerators and the common denominator of the source coordinate of every output, unclamped.

    The names and the formulas are those of the ONNX Resize operator
    (``coordinate_transformation_mode``); common factors are cancelled.
    """
    if grid == "half_pixel":  # (o + 1/2) n_in / n_out - 1/2
        step, offset, den = 2 * n_in, n_in - n_out, 2 * n_out
    elif grid == "align_corners":  # o (n_in - 1) / (n_out - 1); a single output reads input 0
        step, offset, den = n_in - 1, 0, max(n_out - 1, 1)
    else:  # asymmetric: o n_in / n_out
        step, offset, den = n_in, 0, n_out
    common = gcd(gcd(step, offset), den)
    outputs = np.arange(n_out, dtype=np.int64)
    return outputs * (step // common) + offset // common, den // common


@lru_cache(maxsize=256)
def axis(n_in: int, n_out: int, grid: str) -> Axis:
    """The resampling of ``n_in`` samples to ``n_out``; coordinates are clamped to the grid."""
    numerator, den = source_rational(n_in, n_out, grid)
    numerator = np.clip(numerator, 0, (n_in - 1) * den)
    cells = max(n_in - 1, 1)
    cell = np.minimum(numerator // den, cells - 1)
    w1 = numerator - cell * den
    start = np.searchsorted(cell, np.arange(cells + 1)).astype(np.int32)
    tables = (
        cell.astype(np.int32),
        (den - w1).astype(np.float64),
        w1.astype(np.float64),
        (w1 / den).astype(np.float32),
        start,
    )
    for table in tables:
        table.flags.writeable = False
    return Axis(n_in, n_out, float(den), *tables, int(np.diff(start).max()))


@lru_cache(maxsize=256)
def axes(shape: tuple[int, int], size: tuple[int, int], grid: str) -> Axes:
    """Both axes of the resampling of an ``(h, w)`` map to ``size``."""
    return Axes(axis(shape[0], size[0], grid), axis(shape[1], size[1], grid))


@lru_cache(maxsize=256)
def volume_axes(shape: tuple[int, int, int], size: tuple[int, int, int], grid: str) -> VolumeAxes:
    """The axes of the resampling of a ``(d, h, w)`` volume to ``size``."""
    return VolumeAxes(*(axis(a, b, grid) for a, b in zip(shape, size, strict=True)))
