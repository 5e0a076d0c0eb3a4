"""argmax after trilinear upsampling on Numba: a slab of the grid in, a slab of labels out.

The rules are those of `resize` with eight corners: csrc/ops/volumes.hpp.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba import tiles
from segpost._backends.numba.labels.operations import Found, report
from segpost._backends.numba.labels.resize import (
    ABSOLUTE,
    LARGEST,
    RELATIVE,
    UNDECIDED,
    rank,
    weigh,
)
from segpost._backends.numba.threads import kernel, run
from segpost._core.arrays import widen
from segpost._core.contract import Array, LogitErrors, Logits
from segpost._core.sampling import VolumeAxes

SLAB = 1 << 18  # logits of two slices, so that they stay in the second cache


def argmax_volume(logits: Logits, axes: VolumeAxes, labels: Array) -> LogitErrors:
    """First index of the largest interpolated logit."""
    images, classes, depth, height, width = logits.values.shape
    number = tiles.number(logits.kind)
    exact = number is np.float64
    limit, margin = number(1e280 if exact else np.inf), number(2.0**-46 if exact else 0.0)
    tables = tiles.table(axes.z), tiles.table(axes.y), tiles.table(axes.x)
    z_cells, y_cells = (len(axis.start) - 1 for axis in (axes.z, axes.y))
    rows = max(SLAB // (2 * classes * width), 2) - 1
    voxels = axes.z.n_out * axes.y.n_out * axes.x.n_out

    def work(part: tuple[int, int, int, int]) -> tuple[Found, Found]:
        n, z, first, last = part
        y0, y1 = int(axes.y.start[first]), int(axes.y.start[last])
        z0, z1 = int(axes.z.start[z]), int(axes.z.start[z + 1])
        slices = slice(z, min(z + 2, depth)), slice(first, min(last + 1, height))
        values = widen(logits.values[n, :, slices[0], slices[1]], logits.kind)
        values = np.ascontiguousarray(values.transpose(1, 2, 0, 3))
        out = np.empty((z1 - z0, y1 - y0, axes.x.n_out), labels.dtype)
        # The last slice of a slab is the first of the next, and so are rows.
        counted = (
            len(values) if z + 1 == z_cells else 1,
            values.shape[1] if last == y_cells else last - first,
        )
        found = _label_slab(
            tiles.frozen(values), counted, *tables, (z0, first, y0), limit, margin, exact, out
        )
        labels[n, z0:z1, y0:y1] = out
        grid = (n, z, first), (depth, height, width)
        full = (n, z0, y0), (axes.z.n_out, axes.y.n_out, axes.x.n_out)
        return _place(found[:2], values.shape[1], *grid), _place(found[2:], y1 - y0, *full)

    parts = [
        (n, z, *rows_of)
        for n in range(images)
        for z in range(z_cells)
        for rows_of in tiles.pieces(y_cells, rows)
    ]
    return report(run(work, parts, logits.values.size + images * voxels))


def _place(
    found: tuple[int, int], rows: int, corner: tuple[int, int, int], size: tuple[int, int, int]
) -> Found:
    """A place in a slab of so many rows as one in all volumes."""
    count, first = found
    if not count:
        return 0, -1
    row, x = divmod(int(first), size[2])
    z, y = divmod(row, rows)
    n, z0, y0 = corner
    return int(count), ((n * size[0] + z0 + z) * size[1] + y0 + y) * size[2] + x


@kernel
def define(
    four: Any, i: Any, zt: Any, yt: Any, xt: Any, z: Any, y: Any, x: Any, listed: Any
) -> Any:
    """The label of a voxel by the definition, over the listed classes; -1 - label if undefined."""
    best = -np.inf
    label = listed[0]
    for c in listed:
        value = 0.0
        for k in range(8):
            weight = zt.w1[z] if k & 4 else zt.w0[z]
            weight *= yt.w1[y] if k & 2 else yt.w0[y]
            weight *= xt.w1[x] if k & 1 else xt.w0[x]
            value += weigh(weight, four[k >> 1][c, i + (k & 1)])
        if value != value:  # the first NaN wins
            return -1 - c
        if value > best:
            best = value
            label = c
    return -1 - label if best == -np.inf else label


@kernel
def compare_cell(
    four: Any,
    i: Any,
    zt: Any,
    yt: Any,
    xt: Any,
    span: Any,
    listed: Any,
    scratch: Any,
    out: Any,
) -> Any:
    """Every voxel of a cell in float32; False, with nothing done, if its values are too large."""
    z_from, z_to, y_from, y_to, z_out, y_out = span
    most = np.float32(0)
    for c in listed:
        for k in range(8):
            most = max(most, abs(np.float32(four[k >> 1][c, i + (k & 1)])))
    if not most < LARGEST:
        return False
    margin = most * RELATIVE + ABSOLUTE
    corner, left, slope = scratch
    t = xt.t
    for z in range(z_from, z_to):
        tz = zt.t[z]
        for k in range(listed.size):
            for side in range(4):
                front = np.float32(four[side >> 1][listed[k], i + (side & 1)])
                back = np.float32(four[2 + (side >> 1)][listed[k], i + (side & 1)])
                corner[k, side] = front + tz * (back - front)
        for y in range(y_from, y_to):
            ty = yt.t[y]
            for k in range(listed.size):
                left[k] = corner[k, 0] + ty * (corner[k, 2] - corner[k, 0])
                slope[k] = corner[k, 1] + ty * (corner[k, 3] - corner[k, 1]) - left[k]
            row = out[z - z_out, y - y_out]
            for x in range(xt.start[i], xt.start[i + 1]):
                best = left[0] + t[x] * slope[0]
                second = np.float32(-np.inf)
                label = listed[0]
                for k in range(1, listed.size):
                    value = left[k] + t[x] * slope[k]
                    wins = value > best
                    loser = best if wins else value
                    second = loser if loser > second else second
                    label = listed[k] if wins else label
                    best = value if wins else best
                if listed.size > 1 and not best - second > margin:
                    label = define(four, i, zt, yt, xt, z, y, x, listed)
                    label = -1 - label if label < 0 else label  # finite corners are defined
                row[x] = label
    return True


@kernel
def list_candidates(four: Any, i: Any, exact: Any, listed: Any) -> Any:
    """Classes that can win somewhere in a cell; how many."""
    classes = four[0].shape[0]
    level = -np.inf
    for c in range(classes):
        low = np.float64(four[0][c, i])
        for k in range(8):
            low = min(low, np.float64(four[k >> 1][c, i + (k & 1)]))
        level = max(level, low)
    if exact and level < -1e280:
        level = -np.inf
    count = 0
    for c in range(classes):
        high = np.float64(four[0][c, i])
        for k in range(8):
            high = max(high, np.float64(four[k >> 1][c, i + (k & 1)]))
        near = exact and level - high <= 2.0**-46 * max(abs(high), abs(level))
        if high >= level or near:
            listed[count] = c
            count += 1
    return count


@kernel
def _label_slab(
    values: Any,
    counted: Any,
    zt: Any,
    yt: Any,
    xt: Any,
    origin: Any,
    limit: Any,
    margin: Any,
    exact: Any,
    out: Any,
) -> Any:
    """Labels of a slab, and its NaN and undefined voxels: counts, and places within the slab.

    `values` are [2, rows, C, w] of the grid, or fewer where an axis has one sample.
    """
    slices, rows, classes, width = values.shape
    z0, first, y0 = origin
    count = max(width, 2)
    wide = np.empty((2, 2, classes, count), values.dtype)  # slice, row: the last pixel again
    label = np.empty((2, 2, count), np.int32)
    scratch = np.empty((3, count), values.dtype)
    floats = (
        np.empty((classes, 4), np.float32),
        np.empty(classes, np.float32),
        np.empty(classes, np.float32),
    )
    listed = np.empty(classes, np.int32)
    everything = np.arange(classes).astype(np.int32)
    fill = np.empty(out.shape[2], out.dtype)
    nan_count, nan_first, undefined, undefined_first = 0, -1, 0, -1
    cells = len(xt.start) - 1
    for j in range(max(rows - 1, 1)):
        for s in range(2):
            for r in range(2):
                at_z, at_y = min(s, slices - 1), min(j + r, rows - 1)
                for c in range(classes):
                    for x in range(count):
                        wide[s, r, c, x] = values[at_z, at_y, c, min(x, width - 1)]
                rank(wide[s, r], limit, margin, label[s, r], scratch)
                once = r == 0 or j + 2 == rows
                if once and s < counted[0] and j + r < counted[1]:
                    for x in range(width):
                        for c in range(classes):
                            if np.isnan(wide[s, r, c, x]):
                                place = (at_z * rows + at_y) * width + x
                                nan_first = place if nan_count == 0 else min(nan_first, place)
                                nan_count += 1
        ya, yb = yt.start[first + j], yt.start[first + j + 1]
        if ya == yb or out.shape[0] == 0:
            continue
        four = (wide[0, 0], wide[0, 1], wide[1, 0], wide[1, 1])
        for i in range(cells):
            one = label[0, 0, i]
            same = one != UNDECIDED
            for k in range(8):
                same &= label[k >> 2, (k >> 1) & 1, i + (k & 1)] == one
            if same:
                fill[xt.start[i] : xt.start[i + 1]] = one
        for z in range(out.shape[0]):
            for y in range(ya - y0, yb - y0):
                out[z, y] = fill
        span = (z0, z0 + out.shape[0], ya, yb, z0, y0)
        for i in range(cells):
            one = label[0, 0, i]
            same, special = one != UNDECIDED, False
            for k in range(8):
                here = label[k >> 2, (k >> 1) & 1, i + (k & 1)]
                same &= here == one
                special |= here == UNDECIDED
            if same or xt.start[i] == xt.start[i + 1]:
                continue
            some = everything
            if not special:
                some = listed[: list_candidates(four, i, exact, listed)]
                if not exact and compare_cell(four, i, zt, yt, xt, span, some, floats, out):
                    continue
            for z in range(z0, z0 + out.shape[0]):
                for y in range(ya, yb):
                    for x in range(xt.start[i], xt.start[i + 1]):
                        found = define(four, i, zt, yt, xt, z, y, x, some)
                        if found < 0:
                            found = -1 - found
                            place = ((z - z0) * out.shape[1] + y - y0) * out.shape[2] + x
                            undefined_first = (
                                place if undefined == 0 else min(undefined_first, place)
                            )
                            undefined += 1
                        out[z - z0, y - y0, x] = found
    return nan_count, nan_first, undefined, undefined_first
