"""Positions of output pixels on the input grid, for every sampling grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from math import gcd
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

Grid = Literal["half_pixel", "align_corners", "asymmetric"]
GRIDS: tuple[str, ...] = get_args(Grid)
Ratio = tuple[int, int]  # outputs and inputs of a scale
Scale = tuple[Ratio, ...]  # one for each axis
MAX_DENOMINATOR = 2**30  # of coordinates that are floats


@dataclass(frozen=True, eq=False)
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
    widest: int  # the largest number of outputs in a cell
    step: float  # the largest number of inputs between neighboring outputs

    @property
    def is_identity(self) -> bool:
        """Whether every output is the input of its place."""
        return self.n_in == self.n_out and bool(
            (self.cell * self.den + self.w1 == np.arange(self.n_out) * self.den).all()
        )


@dataclass(frozen=True, eq=False)
class Axes:
    """The vertical and the horizontal axis of one resampling."""

    y: Axis
    x: Axis

    @property
    def den(self) -> float:
        """The sum of the weights of the corners of an output."""
        return self.y.den * self.x.den


@dataclass(frozen=True, eq=False)
class VolumeAxes:
    """The three axes of the resampling of a volume."""

    z: Axis
    y: Axis
    x: Axis
    nearest: int | None = None  # the one of them that takes the nearest sample

    @property
    def size(self) -> tuple[int, int, int]:
        """The output size (D, H, W)."""
        return self.z.n_out, self.y.n_out, self.x.n_out

    @property
    def den(self) -> float:
        """The sum of the weights of the corners of an output."""
        return self.z.den * self.y.den * self.x.den


@dataclass(frozen=True)
class Interval:
    """The interval that a resized and padded image covers on one padded axis."""

    start: int  # in pixels of the padded axis
    length: int
    total: int  # of the padded axis


@dataclass(frozen=True, eq=False)
class FilterTaps:
    """One axis of a resize, as a filter for every output.

    Output ``o`` is the sum of ``weights[o]``, which add up to 1, times inputs from ``first[o]`` on.
    """

    n_out: int
    first: npt.NDArray[np.int32]  # [n_out]
    weights: npt.NDArray[np.float64]  # [n_out, largest number of taps]


def affine(n_in: int, n_out: int, grid: str, scale: Ratio | None = None) -> tuple[int, int, int]:
    """Return step, offset and denominator of the source coordinate (step o + offset) / den.

    The coordinate of output ``o`` is not clamped. The names and the formulas are those of
    the ONNX Resize operator (``coordinate_transformation_mode``); common factors are cancelled.
    Without a `scale` it is n_out / n_in.
    """
    up, down = (n_out, n_in) if scale is None else scale
    if grid == "half_pixel":  # (o + 1/2) / scale - 1/2
        step, offset, den = 2 * down, down - up, 2 * up
    elif grid == "align_corners":  # o (n_in - 1) / (n_out - 1); a single output reads input 0
        step, offset, den = n_in - 1, 0, max(n_out - 1, 1)
    else:  # asymmetric: o / scale
        step, offset, den = down, 0, up
    return _without_common_factor(step, offset, den)


@lru_cache(maxsize=256)
def axis(n_in: int, n_out: int, grid: str, scale: Ratio | None = None) -> Axis:
    """Return the resampling of ``n_in`` samples to ``n_out``, with coordinates clamped."""
    return _axis_of(n_in, n_out, affine(n_in, n_out, grid, scale))


def axis_at(n_in: int, n_out: int, step: float, offset: float) -> Axis:
    """Return the axis whose output ``o`` lies at the coordinate step o + offset, clamped.

    Both are rounded to rationals, the step by less than 2**-30 and not at all where it is a ratio
    of small integers.
    """
    from fractions import Fraction  # few calls need it

    exact = Fraction(step).limit_denominator(MAX_DENOMINATOR)
    den = exact.denominator * (MAX_DENOMINATOR // exact.denominator)
    return _axis_of(n_in, n_out, (int(exact * den), round(offset * den), den))


@lru_cache(maxsize=256)
def nearest_axis(n_in: int, n_out: int, grid: str, scale: Ratio | None = None) -> Axis:
    """Return the axis that takes the nearest of ``n_in`` samples: floor(coordinate + 1/2).

    That is torch's "nearest-exact", and SciPy's ``map_coordinates`` of order 0.
    """
    step, offset, den = affine(n_in, n_out, grid, scale)
    doubled = 2 * (np.arange(n_out, dtype=np.int64) * step + offset) + den
    return _tables(np.clip(doubled // (2 * den), 0, n_in - 1), 1, n_in)


@lru_cache(maxsize=256)
def cropped_axis(n_in: int, n_out: int, grid: str, span: Interval) -> tuple[slice, Axis | None]:
    """Return the resampling of the samples of a padded axis to the image without its padding.

    Output ``o`` lies at ``p`` = start + (o + 1/2) length / n_out - 1/2 pixels of the padded axis,
    clamped to the centers of the first and the last pixel of the image; the grid defines which
    samples are read there. A sample in the padding has a weight only where pixels of the image lie
    between it and the last sample inside.

    Returns
    -------
    used : slice
        The range of samples that are read.
    axis : Axis or None
        Their resampling; None if the samples are the outputs.
    """
    step, offset, den = affine(n_in, span.total, grid)
    across, shift, parts = affine(span.length, n_out, "half_pixel")
    shift += span.start * parts
    ends = [step * p + offset for p in (span.start, span.start + span.length - 1)]
    across, shift, whole = step * across, step * shift + offset * parts, den * parts
    divisor = gcd(across, shift, whole, *(end * parts for end in ends))
    across, shift, whole = across // divisor, shift // divisor, whole // divisor
    lowest, highest = (end * parts // divisor for end in ends)
    numerator = np.arange(n_out, dtype=np.int64) * across + shift
    numerator = np.clip(np.clip(numerator, lowest, highest), 0, (n_in - 1) * whole)
    first, last = int(numerator[0] // whole), int(-(-numerator[-1] // whole))
    numerator -= first * whole
    used = slice(first, last + 1)
    if n_out == last - first + 1 and (numerator == np.arange(n_out) * whole).all():
        return used, None
    return used, _tables(numerator, whole, last - first + 1)


def _axis_of(n_in: int, n_out: int, coordinates: tuple[int, int, int]) -> Axis:
    """Return the axis of coordinates (step o + offset) / den, clamped."""
    step, offset, den = _without_common_factor(*coordinates)
    numerator = np.arange(n_out, dtype=np.int64) * step + offset
    return _tables(np.clip(numerator, 0, (n_in - 1) * den), den, n_in)


def _tables(numerator: npt.NDArray[np.int64], den: int, n_in: int) -> Axis:
    """Return the axis of coordinates ``numerator / den``, which increase and lie in the grid."""
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


def _without_common_factor(step: int, offset: int, den: int) -> tuple[int, int, int]:
    """Return the three numbers without their common factor."""
    divisor = gcd(step, offset, den)
    return step // divisor, offset // divisor, den // divisor


@lru_cache(maxsize=256)
def axes(
    shape: tuple[int, int], size: tuple[int, int], grid: str, scale: Scale | None = None
) -> Axes:
    """Return both axes of the resampling of an ``(h, w)`` map to ``size``."""
    return Axes(*_axis_each(shape, size, grid, scale))


@lru_cache(maxsize=256)
def volume_axes(
    shape: tuple[int, int, int],
    size: tuple[int, int, int],
    grid: str,
    scale: Scale | None = None,
    nearest: int | None = None,
) -> VolumeAxes:
    """Return the axes of the resampling of a ``(d, h, w)`` volume to ``size``.

    The axis `nearest` takes the nearest sample, the others interpolate.
    """
    axes = [*_axis_each(shape, size, grid, scale)]
    if nearest is not None:
        factor = None if scale is None else scale[nearest]
        axes[nearest] = nearest_axis(shape[nearest], size[nearest], grid, factor)
    z, y, x = axes
    return VolumeAxes(z, y, x, nearest)


def _axis_each(
    shape: tuple[int, ...], size: tuple[int, ...], grid: str, scale: Scale | None
) -> Iterator[Axis]:
    """Yield the resampling of every axis."""
    scales = (None,) * len(shape) if scale is None else scale
    for n_in, n_out, factor in zip(shape, size, scales, strict=True):
        yield axis(n_in, n_out, grid, factor)


def same_size_axes(size: tuple[int, int]) -> Axes:
    """Return the resampling in which every output pixel is the sample of its place."""
    height, width = size
    return Axes(axis(height, height, "asymmetric"), axis(width, width, "asymmetric"))


@lru_cache(maxsize=256)
def cropped_axes(
    shape: tuple[int, int], size: tuple[int, int], grid: str, spans: tuple[Interval, Interval]
) -> tuple[tuple[slice, slice], Axes | None]:
    """Return the `cropped_axis` of both axes; None where neither resamples."""
    (rows, y), (columns, x) = (
        cropped_axis(n_in, n_out, grid, span)
        for n_in, n_out, span in zip(shape, size, spans, strict=True)
    )
    if y is None and x is None:
        return (rows, columns), None
    same = same_size_axes(size)
    return (rows, columns), Axes(y or same.y, x or same.x)


def part_of_axis(whole: Axis, outputs: slice) -> tuple[slice, Axis]:
    """Return the resampling of a range of an axis's outputs; weights and cells are the same.

    Returns
    -------
    used : slice
        The range of samples that are read.
    axis : Axis
        The resampling of these samples to the outputs.
    """
    first, last = int(whole.cell[outputs.start]), int(whole.cell[outputs.stop - 1])
    used = slice(first, min(last + 2, whole.n_in))
    start = np.clip(whole.start[first : last + 2], outputs.start, outputs.stop) - outputs.start
    part = replace(
        whole,
        n_in=used.stop - first,
        n_out=outputs.stop - outputs.start,
        cell=whole.cell[outputs] - np.int32(first),
        w0=whole.w0[outputs],
        w1=whole.w1[outputs],
        t=whole.t[outputs],
        start=start.astype(np.int32),
    )
    return used, part


@lru_cache(maxsize=256)
def taps(n_in: int, n_out: int, antialias: bool) -> FilterTaps:
    """Return the bilinear filter of a resize on the half_pixel grid, computed in integers.

    Input ``i`` is |i + 1/2 - (o + 1/2) n_in / n_out| pixels from output ``o``. Its weight falls
    from the center to 0 at a distance of one input, or with `antialias` of one output if that is
    larger. The weights of existing inputs are scaled to add up to 1.
    """
    unit = 2 * n_out  # distances are integers in units of 1 / unit inputs
    reach = max(unit, 2 * n_in) if antialias else unit
    middle = (2 * np.arange(n_out, dtype=np.int64) + 1) * n_in
    first = np.maximum((middle - reach + n_out) // unit, 0)  # the first input with a weight
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
