"""Kernels of argmax after bilinear resampling, cell by cell of the low-resolution grid.

A cell whose four corners have the same first maximum is filled with it. In the other cells only
classes whose largest corner is at least the largest of all minimum corners can win. They are
compared in float32; if the difference is too small, or if the logits are float64, the definition
decides. The proofs are in csrc/ops/labels.hpp. Where most cells are undecided, all classes are
computed by the definition, for many pixels together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.threads import kernel

RELATIVE_TOLERANCE = np.float32(3e-6)  # times the largest corner: float32 decides beyond
ABSOLUTE_TOLERANCE = np.float32(1e-36)
MAX_VALUE = np.float32(1e37)  # differences of larger values could overflow
UNDECIDED = -1  # label of a pixel whose cells are not filled
SPECIAL = -1  # number of candidates if all classes are compared
BLOCK = 32  # cells that use the same method: candidates or all classes
COLUMNS = 256  # pixels in a row of `label_by_all_classes`
ROWS = 16  # rows of `label_by_all_classes`


@kernel
def weigh(weight: Any, value: Any) -> Any:
    """Return a product that is 0 for a weight of 0, also of an infinity or a NaN."""
    return 0.0 if weight == 0.0 else weight * np.float64(value)


@kernel
def rank(plane: Any, limit: Any, margin: Any, label: Any, scratch: Any) -> Any:
    """Write the first maximum of every pixel of a row, or UNDECIDED; return the NaN, the first.

    UNDECIDED are NaN, maxima of at least `limit`, and those that an earlier class nearly equals.
    """
    count = label.size
    best, below, not_finite = scratch[0], scratch[1], scratch[2]
    values = plane[0]
    for x in range(count):
        best[x] = values[x]
        below[x] = -np.inf
        not_finite[x] = values[x] - values[x]  # NaN for values that are not finite
        label[x] = 0
    for c in range(1, plane.shape[0]):
        values = plane[c]
        for x in range(count):
            value = values[x]
            not_finite[x] += value - value
            wins = value > best[x]
            below[x] = best[x] if wins else below[x]
            label[x] = c if wins else label[x]
            best[x] = value if wins else best[x]
    nan_count = 0
    nan_first = -1
    for x in range(count):
        size = max(abs(best[x]), abs(below[x]))
        is_near = below[x] > -np.inf and best[x] - below[x] <= margin * size
        if is_near or not abs(best[x]) < limit:
            label[x] = UNDECIDED
        if not_finite[x] != not_finite[x]:
            for c in range(plane.shape[0]):
                if np.isnan(plane[c, x]):
                    label[x] = UNDECIDED
                    nan_count += 1
                    if nan_first < 0:
                        nan_first = x
    return nan_count, nan_first


@kernel
def define(
    upper: Any, lower: Any, i: Any, yt: Any, xt: Any, y: Any, x: Any, candidates: Any
) -> Any:
    """Return the label of a pixel by the definition; -1 - label if it is undefined."""
    w00, w01 = yt.w0[y] * xt.w0[x], yt.w0[y] * xt.w1[x]
    w10, w11 = yt.w1[y] * xt.w0[x], yt.w1[y] * xt.w1[x]
    best = -np.inf
    label = candidates[0]
    for c in candidates:
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
    upper: Any, lower: Any, i: Any, yt: Any, xt: Any, y0: Any, y1: Any, candidates: Any, labels: Any
) -> Any:
    """Label a cell by the definition; return the number of undefined pixels, and the first."""
    count = 0
    first = -1
    for y in range(y0, y1):
        for x in range(xt.start[i], xt.start[i + 1]):
            label = define(upper, lower, i, yt, xt, y, x, candidates)
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
    candidates: Any,
    labels: Any,
    left: Any,
    slope: Any,
) -> Any:
    """Label a cell in float32; return False, without labels, if its values are too large."""
    maximum = np.float32(0)
    for c in candidates:
        maximum = max(maximum, abs(np.float32(upper[c, i])), abs(np.float32(upper[c, i + 1])))
        maximum = max(maximum, abs(np.float32(lower[c, i])), abs(np.float32(lower[c, i + 1])))
    if not maximum < MAX_VALUE:
        return False
    margin = maximum * RELATIVE_TOLERANCE + ABSOLUTE_TOLERANCE
    x0, x1 = xt.start[i], xt.start[i + 1]
    t = xt.t
    zero = np.float32(0)
    if candidates.size == 2:  # the sign of one bilinear function
        p, q = candidates[0], candidates[1]
        a = np.float32(upper[p, i]) - np.float32(upper[q, i])
        b = np.float32(upper[p, i + 1]) - np.float32(upper[q, i + 1])
        down_a = np.float32(lower[p, i]) - np.float32(lower[q, i]) - a
        down_b = np.float32(lower[p, i + 1]) - np.float32(lower[q, i + 1]) - b
        for y in range(y0, y1):
            start = a + yt.t[y] * down_a
            step = b + yt.t[y] * down_b - start
            out = labels[y - y0]
            has_ties = False
            for x in range(x0, x1):
                lead = start + t[x] * step
                has_ties |= abs(lead) <= margin
                out[x] = p if lead > zero else q
            if has_ties:
                for x in range(x0, x1):
                    if abs(start + t[x] * step) <= margin:
                        out[x] = define(upper, lower, i, yt, xt, y, x, candidates)
        return True
    for y in range(y0, y1):
        ty = yt.t[y]
        for k in range(candidates.size):
            c = candidates[k]
            a, b = np.float32(upper[c, i]), np.float32(upper[c, i + 1])
            a += ty * (np.float32(lower[c, i]) - a)
            b += ty * (np.float32(lower[c, i + 1]) - b)
            left[k] = a
            slope[k] = b - a
        for x in range(x0, x1):
            best = left[0] + t[x] * slope[0]
            second = np.float32(-np.inf)
            label = candidates[0]
            for k in range(1, candidates.size):
                value = left[k] + t[x] * slope[k]
                wins = value > best  # no branches: they are mispredicted on noise
                loser = best if wins else value
                second = loser if loser > second else second
                label = candidates[k] if wins else label
                best = value if wins else best
            if not best - second > margin:
                label = define(upper, lower, i, yt, xt, y, x, candidates)
            labels[y - y0, x] = label
    return True


@kernel
def label_by_all_classes(
    upper: Any, lower: Any, yt: Any, xt: Any, y0: Any, y1: Any, x0: Any, x1: Any, labels: Any
) -> None:
    """Label a rectangle of pixels by the definition, over all classes.

    The labels are wrong where a value is NaN or all are -inf.
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
    candidates: Any,
) -> Any:
    """Write the classes that can win in the mixed cells of a block; return their number."""
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
                candidates[k, count[k]] = c
                count[k] += 1
        total += count[k]
    return total


@kernel
def label_cells(
    values: Any,
    nan_size: Any,
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
    """Write the labels of output rows ``y0:y1``, which lie in rows of cells from `cell` on.

    `values` is [rows + 1, C, w + 1]; NaN are counted in the first `nan_size` rows and columns.
    Returns the fields of `LogitErrors`, with flat indices into the rows of `values` and into the
    output of the image.
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
    candidates = np.empty((BLOCK, classes), np.int32)
    left, slope = np.empty(classes, np.float32), np.empty(classes, np.float32)
    all_candidates = np.arange(classes).astype(np.int32)
    nan_count, nan_first, undefined, undefined_first = 0, -1, 0, -1
    for r in range(values.shape[0]):
        labels_up, labels_down = labels_down, labels_up
        nan, index = rank(values[r], limit, margin, labels_down, scratch)
        if nan and r < nan_size[0]:
            if nan_size[1] < pixels:  # the last column is repeated
                nan //= 2
            if nan_count == 0:
                nan_first = r * nan_size[1] + index
            nan_count += nan
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
            for x in range(columns):  # row[:] = filled takes two seconds to compile
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
                candidates,
            )
            xa, xb = xt.start[first], xt.start[last]
            all_classes = total * 5 > classes * (last - first)
            if all_classes:
                label_by_all_classes(upper, lower, yt, xt, ya, yb, xa, xb, out)
            for i in range(first, last):
                n = count[i - first]
                if n == 0 or (all_classes and n != SPECIAL) or xt.start[i] == xt.start[i + 1]:
                    continue
                cell_candidates = all_candidates if n == SPECIAL else candidates[i - first, :n]
                is_labeled = False
                if n != SPECIAL and not exact:
                    is_labeled = compare_cell(
                        upper, lower, i, yt, xt, ya, yb, cell_candidates, out, left, slope
                    )
                bad_pixels, index = 0, -1
                if not is_labeled:
                    bad_pixels, index = define_cell(
                        upper, lower, i, yt, xt, ya, yb, cell_candidates, out
                    )
                if bad_pixels:
                    if undefined == 0 or index < undefined_first:
                        undefined_first = index
                    undefined += bad_pixels
    return nan_count, nan_first, undefined, undefined_first
