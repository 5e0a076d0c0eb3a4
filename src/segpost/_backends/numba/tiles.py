"""The strips of a call: their ranges of rows, and their logits in C order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from segpost._core.arrays import WIDE_KINDS, widen
from segpost._core.contract import Array, Logits
from segpost._core.sampling import Axes, Axis


class Table(NamedTuple):
    """The tables of a `segpost._core.sampling.Axis` as a tuple for kernels."""

    w0: Array
    w1: Array
    t: Array
    cell: Array
    start: Array


class Strip(NamedTuple):
    """Rows of cells ``cell0:cell1`` of image `n`, and the output rows ``y0:y1`` in them."""

    n: int
    cell0: int
    cell1: int
    y0: int
    y1: int
    nan_rows: int  # rows of the grid whose NaN this strip counts


def table(axis: Axis) -> Table:
    """Return the tables of an axis for kernels."""
    return Table(axis.w0, axis.w1, axis.t, axis.cell, axis.start)


def pieces(count: int, size: int) -> list[tuple[int, int]]:
    """Return the ranges that cover ``range(count)``, each of at most `size`."""
    size = max(size, 1)
    return [(start, min(start + size, count)) for start in range(0, count, size)]


def strips(logits: Logits, axes: Axes, max_in: int, max_out: int) -> list[Strip]:
    """Return strips of at most `max_in` logits and `max_out` output pixels, at least one row."""
    images, classes, height, width = logits.values.shape
    start = axes.y.start
    cells = len(start) - 1
    rows = max(max_out // axes.x.n_out, 1)
    size = min(max_in // (classes * width), rows * cells // axes.y.n_out)
    one_image = []
    for cell0, cell1 in pieces(cells, size):
        y0, y1 = int(start[cell0]), int(start[cell1])
        # The last row of a strip is the first of the next.
        nan_rows = (height if cell1 == cells else cell1) - cell0
        parts = [(y0, y1)]
        if cell1 == cell0 + 1 and y1 > y0:
            parts = [(y0 + a, y0 + b) for a, b in pieces(y1 - y0, rows)]
        for part in parts:
            one_image.append((cell0, cell1, *part, nan_rows))
            nan_rows = 0
    return [Strip(n, *strip) for n in range(images) for strip in one_image]


def number(kind: str) -> type[np.float32 | np.float64]:
    """Return the type to which `widen` converts logits of this kind."""
    return np.float64 if kind in WIDE_KINDS else np.float32


def planes(logits: Logits, n: int, rows: slice) -> Array:
    """Return [C, rows, w] of an image as floats; a threshold becomes class 0, a constant."""
    image = widen(logits.values[n][:, rows], logits.kind)
    if logits.threshold is None:
        return image
    with np.errstate(over="ignore"):
        constant = np.full_like(image, logits.threshold)
    return np.concatenate([constant, image])


def grid_rows(logits: Logits, strip: Strip) -> Array:
    """Return the rows of the grid that a strip reads, as [rows, C, w + 1].

    The last column and the last row of the image are repeated, for the cells at the end.
    """
    image = planes(logits, strip.n, slice(strip.cell0, strip.cell1 + 1))
    classes, height, width = image.shape
    rows = np.empty((strip.cell1 + 1 - strip.cell0, classes, width + 1), image.dtype)
    rows[:height, :, :width] = image.transpose(1, 0, 2)
    rows[height:, :, :width] = rows[height - 1, :, :width]
    rows[:, :, width] = rows[:, :, width - 1]
    return rows


def target(output: Array) -> tuple[Array, Callable[[], None]]:
    """Return memory in C order for an output, and a function that copies it to the output."""
    if output.flags.c_contiguous:
        return output, lambda: None
    buffer = np.empty(output.shape, output.dtype)

    def copy_back() -> None:
        output[...] = buffer

    return buffer, copy_back


def float_target(output: Array) -> tuple[Array, Callable[[], None]]:
    """Return float32 memory for confidence, and a function that converts it to the output."""
    if output.dtype != np.uint8:
        return target(output)
    buffer = np.empty(output.shape, np.float32)

    def copy_back() -> None:
        np.nan_to_num(buffer, copy=False)
        output[...] = np.rint(np.multiply(buffer, np.float32(255), out=buffer), out=buffer)

    return buffer, copy_back


def frozen(array: Array) -> Array:
    """Return a read-only view, so that Numba compiles once for writable and read-only inputs."""
    view = array.view()
    view.flags.writeable = False
    return view


def pack(array: Array) -> Any:
    """Return a read-only view in C order; a copy if the array is not in C order."""
    return frozen(np.ascontiguousarray(array))
