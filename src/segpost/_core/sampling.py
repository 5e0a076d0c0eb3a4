"""Where an output pixel lies on the input grid: the one place that knows the sampling grids."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from typing import Any, Literal, get_args

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
    step: float  # the most inputs between neighboring outputs


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


@dataclass(frozen=True)
class Interval:
    """One axis of a picture that was resized and padded: where it lies on the padded axis."""

    start: int  # in pixels of the padded axis
    length: int
    total: int  # of the padded axis


@dataclass(frozen=True)
class FilterTaps:
    """One axis of a resize, as a filter for every output.

    Output ``o`` is the sum of ``weights[o]``, which add up to 1, times inputs from ``first[o]`` on.
    """

    n_out: int
    first: npt.NDArray[np.int32]  # [n_out]
    weights: npt.NDArray[np.float64]  # [n_out, most taps of an output]


def affine(n_in: int, n_out: int, grid: str) -> tuple[int, int, int]:
    """Step, offset and denominator: the source coordinate of ``o`` is (step o + offset) / den.

    It is not clamped. The names and the formulas are those of the ONNX Resize operator
    (``coordinate_transformation_mode``); common factors are cancelled.
    """
    if grid == "half_pixel":  # (o + 1/2) n_in / n_out - 1/2
        step, offset, den = 2 * n_in, n_in - n_out, 2 * n_out
    elif grid == "align_corners":  # o (n_in - 1) / (n_out - 1); a single output reads input 0
        step, offset, den = n_in - 1, 0, max(n_out - 1, 1)
    else:  # asymmetric: o n_in / n_out
        step, offset, den = n_in, 0, n_out
    return _cancelled(step, offset, den)


@lru_cache(maxsize=256)
def axis(n_in: int, n_out: int, grid: str) -> Axis:
    """The resampling of ``n_in`` samples to ``n_out``; coordinates are clamped to the grid."""
    step, offset, den = affine(n_in, n_out, grid)
    numerator = np.arange(n_out, dtype=np.int64) * step + offset
    return _tables(np.clip(numerator, 0, (n_in - 1) * den), den, n_in)


@lru_cache(maxsize=256)
def cropped_axis(n_in: int, n_out: int, grid: str, span: Interval) -> tuple[slice, Axis | None]:
    """The resampling of what ``n_in`` samples of a padded axis say of the picture on it.

    Output ``o`` lies at ``p`` = start + (o + 1/2) length / n_out - 1/2 pixels of the padded axis,
    clamped to the middle of the picture's first and last pixel; there the grid says which samples
    are read. So one in the padding counts only where the picture's own pixels lie between it and
    the last sample inside.

    Returns
    -------
    used : slice
        The samples that are read.
    axis : Axis or None
        Their resampling; None where they are the outputs, one for one.
    """
    step, offset, den = affine(n_in, span.total, grid)
    across, shift, parts = affine(span.length, n_out, "half_pixel")
    shift += span.start * parts
    ends = [step * p + offset for p in (span.start, span.start + span.length - 1)]
    across, shift, whole = step * across, step * shift + offset * parts, den * parts
    common = gcd(across, shift, whole, *(end * parts for end in ends))
    across, shift, whole = across // common, shift // common, whole // common
    least, most = (end * parts // common for end in ends)
    numerator = np.arange(n_out, dtype=np.int64) * across + shift
    numerator = np.clip(np.clip(numerator, least, most), 0, (n_in - 1) * whole)
    first, last = int(numerator[0] // whole), int(-(-numerator[-1] // whole))
    numerator -= first * whole
    used = slice(first, last + 1)
    if n_out == last - first + 1 and (numerator == np.arange(n_out) * whole).all():
        return used, None
    return used, _tables(numerator, whole, last - first + 1)


def _tables(numerator: npt.NDArray[np.int64], den: int, n_in: int) -> Axis:
    """The axis of coordinates ``numerator / den``, which rise and lie in the grid."""
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
    widest = int(np.diff(start).max())
    step = int(np.diff(numerator).max(initial=0)) / den
    return Axis(n_in, len(numerator), float(den), *tables, widest, step)


def _cancelled(step: int, offset: int, den: int) -> tuple[int, int, int]:
    common = gcd(step, offset, den)
    return step // common, offset // common, den // common


@lru_cache(maxsize=256)
def axes(shape: tuple[int, int], size: tuple[int, int], grid: str) -> Axes:
    """Both axes of the resampling of an ``(h, w)`` map to ``size``."""
    return Axes(axis(shape[0], size[0], grid), axis(shape[1], size[1], grid))


@lru_cache(maxsize=256)
def volume_axes(shape: tuple[int, int, int], size: tuple[int, int, int], grid: str) -> VolumeAxes:
    """The axes of the resampling of a ``(d, h, w)`` volume to ``size``."""
    return VolumeAxes(*(axis(a, b, grid) for a, b in zip(shape, size, strict=True)))


@lru_cache(maxsize=256)
def cropped_axes(
    shape: tuple[int, int], size: tuple[int, int], grid: str, spans: tuple[Interval, Interval]
) -> tuple[tuple[slice, slice], Axes | None]:
    """`cropped_axis` of both axes; None where neither resamples."""
    cut = [cropped_axis(*one, grid, span) for *one, span in zip(shape, size, spans, strict=True)]
    (rows, y), (columns, x) = cut
    if y is None and x is None:
        return (rows, columns), None
    whole = (axis(n, n, "asymmetric") for n in size)
    y, x = (found or one for found, one in zip((y, x), whole, strict=True))
    return (rows, columns), Axes(y, x)


@lru_cache(maxsize=256)
def taps(n_in: int, n_out: int, antialias: bool) -> FilterTaps:
    """The bilinear filter of a resize on the half_pixel grid, by exact integers.

    Input ``i`` is |i + 1/2 - (o + 1/2) n_in / n_out| pixels from output ``o``. Its weight falls
    from the middle to 0 at a distance of one input, of one output where that is larger and
    `antialias` says so; weights of inputs that exist are scaled to add up to 1.
    """
    unit = 2 * n_out  # parts of an input's side in which distances are counted
    reach = max(unit, 2 * n_in) if antialias else unit
    middle = (2 * np.arange(n_out, dtype=np.int64) + 1) * n_in
    first = np.maximum((middle - reach + n_out) // unit, 0)  # the first with a weight, if not more
    last = np.minimum(-((n_out - middle - reach) // unit), n_in) - 1
    width = int((last - first).max()) + 1
    first = np.minimum(first, n_in - width)
    inputs = first[:, None] + np.arange(width)
    weight = np.maximum(reach - abs(unit * inputs + n_out - middle[:, None]), 0)
    tables = first.astype(np.int32), weight / weight.sum(axis=1, keepdims=True)
    for table in tables:
        table.flags.writeable = False
    return FilterTaps(n_out, *tables)


def corners(axis: Axis, outputs: slice) -> list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    """Return the two input indices of every output, and their integer weights."""
    first = axis.cell[outputs]
    second = np.minimum(first + 1, axis.n_in - 1)
    return [(first, axis.w0[outputs]), (second, axis.w1[outputs])]
