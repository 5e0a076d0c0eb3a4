"""The operation argmax_volume on Numba: trilinear upsampling, slab by slab.

The method is that of `resize` with eight corners; the proofs are in csrc/ops/volumes.hpp.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba import tiles
from segpost._backends.numba.labels.operations import ErrorCount, sum_errors
from segpost._backends.numba.labels.resize import (
    ABSOLUTE_TOLERANCE,
    MAX_VALUE,
    RELATIVE_TOLERANCE,
    UNDECIDED,
    rank,
    weigh,
)
from segpost._backends.numba.threads import kernel, run
from segpost._core.arrays import widen
from segpost._core.contract import Array, LogitErrors, Logits
from segpost._core.sampling import VolumeAxes

SLAB = 1 << 18  # logits of two slices, so that they fit the L2 cache


def argmax_volume(logits: Logits, axes: VolumeAxes, labels: Array) -> LogitErrors:
    """Write the first index of the largest interpolated logit."""
    images, classes, depth, height, width = logits.values.shape
    number = tiles.number(logits.kind)
    exact = number is np.float64
    limit, margin = number(1e280 if exact else np.inf), number(2.0**-46 if exact else 0.0)
    tables = tiles.table(axes.z), tiles.table(axes.y), tiles.table(axes.x)
    z_cells, y_cells = (len(axis.start) - 1 for axis in (axes.z, axes.y))
    rows = max(SLAB // (2 * classes * width), 2) - 1
    voxels = axes.z.n_out * axes.y.n_out * axes.x.n_out

    def work(part: tuple[int, int, int, int]) -> tuple[ErrorCount, ErrorCount]:
        n, z, first, last = part
        y0, y1 = int(axes.y.start[first]), int(axes.y.start[last])
        z0, z1 = int(axes.z.start[z]), int(axes.z.start[z + 1])
        slices = slice(z, min(z + 2, depth)), slice(first, min(last + 1, height))
        values = widen(logits.values[n, :, slices[0], slices[1]], logits.kind)
        values = np.ascontiguousarray(values.transpose(1, 2, 0, 3))
        out = np.empty((z1 - z0, y1 - y0, axes.x.n_out), labels.dtype)
        # Slabs share their first and last slices and rows, whose NaN are counted once.
        nan_size = (
            len(values) if z + 1 == z_cells else 1,
            values.shape[1] if last == y_cells else last - first,
        )
        errors = _label_slab(
            tiles.frozen(values), nan_size, *tables, (z0, first, y0), limit, margin, exact, out
        )
        labels[n, z0:z1, y0:y1] = out
        grid = (n, z, first), (depth, height, width)
        full = (n, z0, y0), (axes.z.n_out, axes.y.n_out, axes.x.n_out)
        return _index_in_volumes(errors[:2], values.shape[1], *grid), _index_in_volumes(
            errors[2:], y1 - y0, *full
        )

    parts = [
        (n, z, *rows_of)
        for n in range(images)
        for z in range(z_cells)
        for rows_of in tiles.pieces(y_cells, rows)
    ]
    return sum_errors(run(work, parts, logits.values.size + images * voxels))


def _index_in_volumes(
    error: tuple[int, int], rows: int, corner: tuple[int, int, int], size: tuple[int, int, int]
) -> ErrorCount:
    """Return an error count of a slab with its index in all volumes."""
    count, first = error
    if not count:
        return 0, -1
    row, x = divmod(int(first), size[2])
    z, y = divmod(row, rows)
    n, z0, y0 = corner
    return int(count), ((n * size[0] + z0 + z) * size[1] + y0 + y) * size[2] + x


@kernel
def define(
    four: Any, i: Any, zt: Any, yt: Any, xt: Any, z: Any, y: Any, x: Any, candidates: Any
) -> Any:
    """Return the label of a voxel by the definition; -1 - label if it is undefined."""
    best = -np.inf
    label = candidates[0]
    for c in candidates:
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
    candidates: Any,
    scratch: Any,
    out: Any,
) -> Any:
    """Label a cell in float32; return False, without labels, if its values are too large."""
    z_from, z_to, y_from, y_to, z_out, y_out = span
    maximum = np.float32(0)
    for c in candidates:
        for k in range(8):
            maximum = max(maximum, abs(np.float32(four[k >> 1][c, i + (k & 1)])))
    if not maximum < MAX_VALUE:
        return False
    margin = maximum * RELATIVE_TOLERANCE + ABSOLUTE_TOLERANCE
    corner, left, slope = scratch
    t = xt.t
    for z in range(z_from, z_to):
        tz = zt.t[z]
        for k in range(candidates.size):
            for side in range(4):
                front = np.float32(four[side >> 1][candidates[k], i + (side & 1)])
                back = np.float32(four[2 + (side >> 1)][candidates[k], i + (side & 1)])
                corner[k, side] = front + tz * (back - front)
        for y in range(y_from, y_to):
            ty = yt.t[y]
            for k in range(candidates.size):
                left[k] = corner[k, 0] + ty * (corner[k, 2] - corner[k, 0])
                slope[k] = corner[k, 1] + ty * (corner[k, 3] - corner[k, 1]) - left[k]
            row = out[z - z_out, y - y_out]
            for x in range(xt.start[i], xt.start[i + 1]):
                best = left[0] + t[x] * slope[0]
                second = np.float32(-np.inf)
                label = candidates[0]
                for k in range(1, candidates.size):
                    value = left[k] + t[x] * slope[k]
                    wins = value > best
                    loser = best if wins else value
                    second = loser if loser > second else second
                    label = candidates[k] if wins else label
                    best = value if wins else best
                if candidates.size > 1 and not best - second > margin:
                    label = define(four, i, zt, yt, xt, z, y, x, candidates)
                    label = -1 - label if label < 0 else label  # finite corners are defined
                row[x] = label
    return True


@kernel
def list_candidates(four: Any, i: Any, exact: Any, candidates: Any) -> Any:
    """Write the classes that can win in a cell, and return their number."""
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
        is_near = exact and level - high <= 2.0**-46 * max(abs(high), abs(level))
        if high >= level or is_near:
            candidates[count] = c
            count += 1
    return count


@kernel
def _label_slab(
    values: Any,
    nan_size: Any,
    zt: Any,
    yt: Any,
    xt: Any,
    origin: Any,
    limit: Any,
    margin: Any,
    exact: Any,
    out: Any,
) -> Any:
    """Write the labels of a slab, and return the fields of `LogitErrors` with indices in the slab.

    `values` is [2, rows, C, w] of the grid, or smaller where an axis has one sample.
    """
    slices, rows, classes, width = values.shape
    z0, first, y0 = origin
    count = max(width, 2)
    corners = np.empty(
        (2, 2, classes, count), values.dtype
    )  # by slice and row; the last pixel is repeated
    label = np.empty((2, 2, count), np.int32)
    scratch = np.empty((3, count), values.dtype)
    floats = (
        np.empty((classes, 4), np.float32),
        np.empty(classes, np.float32),
        np.empty(classes, np.float32),
    )
    candidates = np.empty(classes, np.int32)
    all_candidates = np.arange(classes).astype(np.int32)
    fill = np.empty(out.shape[2], out.dtype)
    nan_count, nan_first, undefined, undefined_first = 0, -1, 0, -1
    cells = len(xt.start) - 1
    for j in range(max(rows - 1, 1)):
        for s in range(2):
            for r in range(2):
                at_z, at_y = min(s, slices - 1), min(j + r, rows - 1)
                for c in range(classes):
                    for x in range(count):
                        corners[s, r, c, x] = values[at_z, at_y, c, min(x, width - 1)]
                rank(corners[s, r], limit, margin, label[s, r], scratch)
                is_new_row = r == 0 or j + 2 == rows
                if is_new_row and s < nan_size[0] and j + r < nan_size[1]:
                    for x in range(width):
                        for c in range(classes):
                            if np.isnan(corners[s, r, c, x]):
                                index = (at_z * rows + at_y) * width + x
                                nan_first = index if nan_count == 0 else min(nan_first, index)
                                nan_count += 1
        ya, yb = yt.start[first + j], yt.start[first + j + 1]
        if ya == yb or out.shape[0] == 0:
            continue
        four = (corners[0, 0], corners[0, 1], corners[1, 0], corners[1, 1])
        for i in range(cells):
            first_label = label[0, 0, i]
            same = first_label != UNDECIDED
            for k in range(8):
                same &= label[k >> 2, (k >> 1) & 1, i + (k & 1)] == first_label
            if same:
                fill[xt.start[i] : xt.start[i + 1]] = first_label
        for z in range(out.shape[0]):
            for y in range(ya - y0, yb - y0):
                out[z, y] = fill
        span = (z0, z0 + out.shape[0], ya, yb, z0, y0)
        for i in range(cells):
            first_label = label[0, 0, i]
            same, is_undecided = first_label != UNDECIDED, False
            for k in range(8):
                corner_label = label[k >> 2, (k >> 1) & 1, i + (k & 1)]
                same &= corner_label == first_label
                is_undecided |= corner_label == UNDECIDED
            if same or xt.start[i] == xt.start[i + 1]:
                continue
            cell_candidates = all_candidates
            if not is_undecided:
                cell_candidates = candidates[: list_candidates(four, i, exact, candidates)]
                if not exact and compare_cell(
                    four, i, zt, yt, xt, span, cell_candidates, floats, out
                ):
                    continue
            for z in range(z0, z0 + out.shape[0]):
                for y in range(ya, yb):
                    for x in range(xt.start[i], xt.start[i + 1]):
                        voxel_label = define(four, i, zt, yt, xt, z, y, x, cell_candidates)
                        if voxel_label < 0:
                            voxel_label = -1 - voxel_label
                            index = ((z - z0) * out.shape[1] + y - y0) * out.shape[2] + x
                            undefined_first = (
                                index if undefined == 0 else min(undefined_first, index)
                            )
                            undefined += 1
                        out[z - z0, y - y0, x] = voxel_label
    return nan_count, nan_first, undefined, undefined_first
