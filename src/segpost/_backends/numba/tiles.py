"""The strips that a call is cut into: which rows they have, and their logits in C order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from segpost._core.arrays import WIDE_KINDS, widen
from segpost._core.contract import Array, Logits
from segpost._core.sampling import Axes, Axis


class Table(NamedTuple):
    """The tables of a `segpost._core.sampling.Axis`, as kernels get them."""

    w0: Array
    w1: Array
    t: Array
    cell: Array
    start: Array


class Strip(NamedTuple):
    """Rows of cells ``cell0:cell1`` of image `n`, and the output rows in them to be made."""

    n: int
    cell0: int
    cell1: int
    y0: int
    y1: int
    counted: int  # rows of the grid whose NaN are counted here


def table(axis: Axis) -> Table:
    """An axis for the kernels."""
    return Table(axis.w0, axis.w1, axis.t, axis.cell, axis.start)


def pieces(count: int, size: int) -> list[tuple[int, int]]:
    """The ranges that cover ``range(count)``, each up to `size` long."""
    size = max(size, 1)
    return [(start, min(start + size, count)) for start in range(0, count, size)]


def strips(logits: Logits, axes: Axes, most_in: int, most_out: int) -> list[Strip]:
    """Strips of up to `most_in` logits and `most_out` output pixels, at least of one row."""
    images, classes, height, width = logits.values.shape
    start = axes.y.start
    cells = len(start) - 1
    rows = max(most_out // axes.x.n_out, 1)
    size = min(most_in // (classes * width), rows * cells // axes.y.n_out)
    one_image = []
    for cell0, cell1 in pieces(cells, size):
        y0, y1 = int(start[cell0]), int(start[cell1])
        # The last row of a strip is the first of the next.
        counted = (height if cell1 == cells else cell1) - cell0
        parts = [(y0, y1)]
        if cell1 == cell0 + 1 and y1 > y0:
            parts = [(y0 + a, y0 + b) for a, b in pieces(y1 - y0, rows)]
        for part in parts:
            one_image.append((cell0, cell1, *part, counted))
            counted = 0
    return [Strip(n, *strip) for n in range(images) for strip in one_image]


def number(kind: str) -> type[np.float32 | np.float64]:
    """What `widen` makes of logits of this kind."""
    return np.float64 if kind in WIDE_KINDS else np.float32


def planes(logits: Logits, n: int, rows: slice) -> Array:
    """[C, rows, w] of an image in float32 or float64; a threshold is class 0, a constant."""
    image = widen(logits.values[n][:, rows], logits.kind)
    if logits.threshold is None:
        return image
    with np.errstate(over="ignore"):
        constant = np.full_like(image, logits.threshold)
    return np.concatenate([constant, image])


def grid_rows(logits: Logits, strip: Strip) -> Array:
    """The strip's rows of the grid as [rows, C, w + 1].

    The last column and the last row of the image are there twice, for cells that need another.
    """
    image = planes(logits, strip.n, slice(strip.cell0, strip.cell1 + 1))
    classes, height, width = image.shape
    rows = np.empty((strip.cell1 + 1 - strip.cell0, classes, width + 1), image.dtype)
    rows[:height, :, :width] = image.transpose(1, 0, 2)
    rows[height:, :, :width] = rows[height - 1, :, :width]
    rows[:, :, width] = rows[:, :, width - 1]
    return rows


def target(wanted: Array) -> tuple[Array, Callable[[], None]]:
    """Memory in C order to write to, and what then brings it to where it is wanted."""
    if wanted.flags.c_contiguous:
        return wanted, lambda: None
    buffer = np.empty(wanted.shape, wanted.dtype)

    def keep() -> None:
        wanted[...] = buffer

    return buffer, keep


def float_target(wanted: Array) -> tuple[Array, Callable[[], None]]:
    """The same for a confidence, which kernels write in float32."""
    if wanted.dtype != np.uint8:
        return target(wanted)
    buffer = np.empty(wanted.shape, np.float32)

    def keep() -> None:
        np.nan_to_num(buffer, copy=False)
        wanted[...] = np.rint(np.multiply(buffer, np.float32(255), out=buffer), out=buffer)

    return buffer, keep


def frozen(array: Array) -> Array:
    """A read-only view: Numba compiles once for inputs that can be written and that cannot."""
    view = array.view()
    view.flags.writeable = False
    return view


def packed(array: Array) -> Any:
    """The array in C order and read-only; a copy where it is not in C order."""
    return frozen(np.ascontiguousarray(array))
