"""Kernels of argmax after bilinear resampling, cell by cell of the low-resolution grid.

A cell whose four corners have the same first maximum is filled with it. In the others only classes
whose largest corner reaches the best of the smallest corners can win; float32 compares them, and
where it is too close, or the logits are float64, the definition decides. The proofs are in
csrc/ops/labels.hpp. Where most cells are undecided, every class is computed by the definition, for
many pixels at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.threads import kernel

RELATIVE = np.float32(3e-6)  # float32 decides beyond RELATIVE * largest corner + ABSOLUTE
ABSOLUTE = np.float32(1e-36)
LARGEST = np.float32(1e37)  # differences of larger values could overflow
UNDECIDED = -1  # label of a pixel whose cells cannot be filled
SPECIAL = -1  # number of candidates where all classes have to be looked at
BLOCK = 32  # cells that choose together between candidates and all classes
COLUMNS = 256  # pixels in a row of `every_class`
ROWS = 16  # rows of it


@kernel
def weigh(weight: Any, value: Any) -> Any:
    """A product in which a weight of zero wins over an infinity or a NaN."""
    return 0.0 if weight == 0.0 else weight * np.float64(value)


@kernel
def rank(plane: Any, limit: Any, margin: Any, label: Any, scratch: Any) -> Any:
    """The first maximum of every pixel of a row, or UNDECIDED; how many NaN, and the first place.

    Undecided are NaN, maxima as large as `limit`, and those that a class before them comes near.
    """
    count = label.size
    best, below, odd = scratch[0], scratch[1], scratch[2]
    values = plane[0]
    for x in range(count):
        best[x] = values[x]
        below[x] = -np.inf
        odd[x] = values[x] - values[x]  # NaN for all that is not finite
        label[x] = 0
    for c in range(1, plane.shape[0]):
        values = plane[c]
        for x in range(count):
            value = values[x]
            odd[x] += value - value
            wins = value > best[x]
            below[x] = best[x] if wins else below[x]
            label[x] = c if wins else label[x]
            best[x] = value if wins else best[x]
    nan_count = 0
    nan_first = -1
    for x in range(count):
        size = max(abs(best[x]), abs(below[x]))
        near = below[x] > -np.inf and best[x] - below[x] <= margin * size
        if near or not abs(best[x]) < limit:
            label[x] = UNDECIDED
        if odd[x] != odd[x]:
            for c in range(plane.shape[0]):
                if np.isnan(plane[c, x]):
                    label[x] = UNDECIDED
                    nan_count += 1
                    if nan_first < 0:
                        nan_first = x
    return nan_count, nan_first


@kernel
def define(upper: Any, lower: Any, i: Any, yt: Any, xt: Any, y: Any, x: Any, listed: Any) -> Any:
    """The label of a pixel by the definition, over the listed classes; -1 - label if undefined."""
    w00, w01 = yt.w0[y] * xt.w0[x], yt.w0[y] * xt.w1[x]
    w10, w11 = yt.w1[y] * xt.w0[x], yt.w1[y] * xt.w1[x]
    best = -np.inf
    label = listed[0]
    for c in listed:
        value = weigh(w00, upper[c, i]) + weigh(w01, upper[c, i + 1])
        value = (value + weigh(w10, lower[c, i])) + weigh(w11, lower[c, i + 1])
        if value != value:  # the first NaN wins
            return -1 - c
        if value > best:
            best = value
            label = c
    return -1 - label if best == -np.inf else label


@kernel
def define_cell(
    upper: Any, lower: Any, i: Any, yt: Any, xt: Any, y0: Any, y1: Any, listed: Any, labels: Any
) -> Any:
    """Every pixel of a cell by the definition; how many are undefined, and the first place."""
    count = 0
    first = -1
    for y in range(y0, y1):
        for x in range(xt.start[i], xt.start[i + 1]):
            label = define(upper, lower, i, yt, xt, y, x, listed)
            if label < 0:
                label = -1 - label
                if count == 0:
                    first = y * labels.shape[1] + x
                count += 1
            labels[y - y0, x] = label
    return count, first


@kernel
def compare_cell(
    upper: Any,
    lower: Any,
    i: Any,
    yt: Any,
    xt: Any,
    y0: Any,
    y1: Any,
    listed: Any,
    labels: Any,
    left: Any,
    slope: Any,
) -> Any:
    """Every pixel of a cell in float32; False, with nothing done, if its values are too large."""
    most = np.float32(0)
    for c in listed:
        most = max(most, abs(np.float32(upper[c, i])), abs(np.float32(upper[c, i + 1])))
        most = max(most, abs(np.float32(lower[c, i])), abs(np.float32(lower[c, i + 1])))
    if not most < LARGEST:
        return False
    margin = most * RELATIVE + ABSOLUTE
    x0, x1 = xt.start[i], xt.start[i + 1]
    t = xt.t
    zero = np.float32(0)
    if listed.size == 2:  # the sign of one bilinear function
        p, q = listed[0], listed[1]
        a = np.float32(upper[p, i]) - np.float32(upper[q, i])
        b = np.float32(upper[p, i + 1]) - np.float32(upper[q, i + 1])
        down_a = np.float32(lower[p, i]) - np.float32(lower[q, i]) - a
        down_b = np.float32(lower[p, i + 1]) - np.float32(lower[q, i + 1]) - b
        for y in range(y0, y1):
            start = a + yt.t[y] * down_a
            step = b + yt.t[y] * down_b - start
            out = labels[y - y0]
            close = False
            for x in range(x0, x1):
                lead = start + t[x] * step
                close |= abs(lead) <= margin
                out[x] = p if lead > zero else q
            if close:
                for x in range(x0, x1):
                    if abs(start + t[x] * step) <= margin:
                        out[x] = define(upper, lower, i, yt, xt, y, x, listed)
        return True
    for y in range(y0, y1):
        ty = yt.t[y]
        for k in range(listed.size):
            c = listed[k]
            a, b = np.float32(upper[c, i]), np.float32(upper[c, i + 1])
            a += ty * (np.float32(lower[c, i]) - a)
            b += ty * (np.float32(lower[c, i + 1]) - b)
            left[k] = a
            slope[k] = b - a
        for x in range(x0, x1):
            best = left[0] + t[x] * slope[0]
            second = np.float32(-np.inf)
            label = listed[0]
            for k in range(1, listed.size):
                value = left[k] + t[x] * slope[k]
                wins = value > best  # no branches: on noise they could not be predicted
                loser = best if wins else value
                second = loser if loser > second else second
                label = listed[k] if wins else label
                best = value if wins else best
            if not best - second > margin:
                label = define(upper, lower, i, yt, xt, y, x, listed)
            labels[y - y0, x] = label
    return True


@kernel
def every_class(
    upper: Any, lower: Any, yt: Any, xt: Any, y0: Any, y1: Any, x0: Any, x1: Any, labels: Any
) -> None:
    """A rectangle of pixels by the definition, over all classes.

    Wrong where a NaN meets or nothing is above -inf.
    """
    a00, a01 = np.empty(COLUMNS), np.empty(COLUMNS)
    a10, a11 = np.empty(COLUMNS), np.empty(COLUMNS)
    best = np.empty((ROWS, COLUMNS))
    label = np.empty((ROWS, COLUMNS), np.int64)
    for ya in range(y0, y1, ROWS):
        rows = min(ROWS, y1 - ya)
        for xa in range(x0, x1, COLUMNS):
            columns = min(COLUMNS, x1 - xa)
            w0, w1, cell = xt.w0[xa:], xt.w1[xa:], xt.cell[xa:]
            best[:] = -np.inf
            label[:] = 0
            for c in range(upper.shape[0]):
                u, v = upper[c], lower[c]
                for x in range(columns):
                    i = cell[x]
                    a00[x] = u[i]
                    a01[x] = u[i + 1]
                    a10[x] = v[i]
                    a11[x] = v[i + 1]
                for r in range(rows):
                    down0, down1 = yt.w0[ya + r], yt.w1[ya + r]
                    b, k = best[r], label[r]
                    for x in range(columns):
                        value = weigh(down0 * w0[x], a00[x]) + weigh(down0 * w1[x], a01[x])
                        value += weigh(down1 * w0[x], a10[x])
                        value += weigh(down1 * w1[x], a11[x])
                        wins = value > b[x]
                        b[x] = value if wins else b[x]
                        k[x] = c if wins else k[x]
            for r in range(rows):
                out = labels[ya - y0 + r]
                for x in range(columns):
                    out[xa + x] = label[r, x]


@kernel
def find_candidates(
    upper: Any,
    lower: Any,
    first: Any,
    last: Any,
    uniform: Any,
    corners: Any,
    limit: Any,
    margin: Any,
    level: Any,
    count: Any,
    listed: Any,
) -> Any:
    """The classes that can win in the mixed cells of a block: their number, or SPECIAL."""
    up, down = corners
    for k in range(last - first):
        level[k] = -np.inf
    for c in range(upper.shape[0]):
        u, v = upper[c], lower[c]
        for k in range(last - first):
            i = first + k
            a = u[i] if u[i] < u[i + 1] else u[i + 1]
            b = v[i] if v[i] < v[i + 1] else v[i + 1]
            a = a if a < b else b
            level[k] = a if a > level[k] else level[k]
    total = 0
    for k in range(last - first):
        i = first + k
        count[k] = 0
        if uniform[i] != UNDECIDED:
            continue
        decided = min(min(up[i], up[i + 1]), min(down[i], down[i + 1])) != UNDECIDED
        if not (decided and level[k] > -limit):
            count[k] = SPECIAL
            continue
        for c in range(upper.shape[0]):
            top = max(max(upper[c, i], upper[c, i + 1]), max(lower[c, i], lower[c, i + 1]))
            if top >= level[k] or level[k] - top <= margin * max(abs(top), abs(level[k])):
                listed[k, count[k]] = c
                count[k] += 1
        total += count[k]
    return total


@kernel
def label_cells(
    values: Any,
    counted: Any,
    yt: Any,
    xt: Any,
    cell: Any,
    y0: Any,
    y1: Any,
    limit: Any,
    margin: Any,
    exact: Any,
    labels: Any,
) -> Any:
    """Labels of output rows ``y0:y1``, which lie in the rows of cells that begin with `cell`.

    `values` is [rows + 1, C, w + 1]; `counted` says in how many rows and columns of it NaN are
    counted. Returns the fields of `LogitErrors`; places are flat indices into the rows of `values`
    and into the image's output.
    """
    classes, columns = values.shape[1], labels.shape[1]
    cells = xt.start.size - 1
    pixels = cells + 1
    labels_up, labels_down = np.empty(pixels, np.int32), np.empty(pixels, np.int32)
    scratch = np.empty((3, pixels), values.dtype)
    uniform = np.empty(cells, np.int32)
    filled = np.empty(columns, labels.dtype)
    level = np.empty(BLOCK, values.dtype)
    count = np.empty(BLOCK, np.int64)
    listed = np.empty((BLOCK, classes), np.int32)
    left, slope = np.empty(classes, np.float32), np.empty(classes, np.float32)
    everything = np.arange(classes).astype(np.int32)
    nan_count, nan_first, undefined, undefined_first = 0, -1, 0, -1
    for r in range(values.shape[0]):
        labels_up, labels_down = labels_down, labels_up
        found, place = rank(values[r], limit, margin, labels_down, scratch)
        if found and r < counted[0]:
            if counted[1] < pixels:  # the last column is there twice
                found //= 2
            if nan_count == 0:
                nan_first = r * counted[1] + place
            nan_count += found
        if r == 0:
            continue
        ya, yb = max(yt.start[cell + r - 1], y0), min(yt.start[cell + r], y1)
        if ya >= yb:
            continue
        upper, lower, out = values[r - 1], values[r], labels[ya - y0 : yb - y0]
        for i in range(cells):
            a, b = labels_up[i], labels_up[i + 1]
            same = a == b and a == labels_down[i] and a == labels_down[i + 1]
            uniform[i] = a if same else UNDECIDED
        for i in range(cells):
            for x in range(xt.start[i], xt.start[i + 1]):
                filled[x] = uniform[i]
        for y in range(yb - ya):
            row = out[y]
            for x in range(columns):  # row[:] = filled would take two seconds to compile
                row[x] = filled[x]
        for first in range(0, cells, BLOCK):
            last = min(first + BLOCK, cells)
            mixed = 0
            for i in range(first, last):
                mixed += uniform[i] == UNDECIDED
            if mixed == 0:
                continue
            total = find_candidates(
                upper,
                lower,
                first,
                last,
                uniform,
                (labels_up, labels_down),
                limit,
                margin,
                level,
                count,
                listed,
            )
            xa, xb = xt.start[first], xt.start[last]
            all_classes = total * 5 > classes * (last - first)
            if all_classes:
                every_class(upper, lower, yt, xt, ya, yb, xa, xb, out)
            for i in range(first, last):
                n = count[i - first]
                if n == 0 or (all_classes and n != SPECIAL) or xt.start[i] == xt.start[i + 1]:
                    continue
                some = everything if n == SPECIAL else listed[i - first, :n]
                compared = False
                if n != SPECIAL and not exact:
                    compared = compare_cell(upper, lower, i, yt, xt, ya, yb, some, out, left, slope)
                bad, place = 0, -1
                if not compared:
                    bad, place = define_cell(upper, lower, i, yt, xt, ya, yb, some, out)
                if bad:
                    if undefined == 0 or place < undefined_first:
                        undefined_first = place
                    undefined += bad
    return nan_count, nan_first, undefined, undefined_first
