"""Kernels of confidence after bilinear resampling, in float32 and cell by cell of the grid.

Exponents are differences to the largest logits, interpolated as the logits are. So the powers of
a class in evenly spaced rows of a cell are a geometric sequence: two powers, then one product a
row. Classes that cannot change the result are left out. Where all exponents are low, or where a
largest logit is not finite, a cell is computed in float64 by the definition.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from segpost._backends.numba.labels.probabilities import COLUMNS, exp_negative
from segpost._backends.numba.labels.resize import weigh
from segpost._backends.numba.threads import kernel

ROWS = 8  # of a geometric sequence at most: the errors of its products add up
FOUR = 4  # rows that are added at once
NEGLIGIBLE = 4e-8  # all classes that are left out together, relative to the largest
LOWEST = np.float32(-12.0)  # exponent that the largest class has everywhere in a cell
VANISHING = np.float32(-50.0)  # powers of less are 0: products stay normal numbers
STEEP = np.float32(4.0)  # difference of exponents from row to row
NOWHERE = np.float32(-1e30)  # a logit of -inf, seen from the largest
ZERO = np.float32(0.0)


@kernel
def subtract_largest(plane: Any, scale: Any, below: Any, best: Any) -> None:
    """Write the real differences of a row of the grid to its largest logits.

    `best` becomes NaN where a logit is, or where the largest is infinite.
    """
    nodes = best.size
    for i in range(nodes):
        best[i] = plane[0, i]
    for c in range(1, plane.shape[0]):
        for i in range(nodes):
            best[i] = plane[c, i] if plane[c, i] > best[i] else best[i]
    for c in range(plane.shape[0]):
        for i in range(nodes):
            difference = np.float32((plane[c, i] - best[i]) * scale)
            below[c, i] = NOWHERE if difference < NOWHERE else difference
    for c in range(plane.shape[0]):
        for i in range(nodes):
            best[i] = below[c, i] if below[c, i] != below[c, i] else best[i]


@kernel
def find_levels(upper: Any, lower: Any, cells: Any, level: Any) -> None:
    """Write the exponent that the largest class of a cell has everywhere, at least."""
    first, last = cells
    for i in range(first, last):
        level[i] = NOWHERE
    for c in range(upper.shape[0]):
        u, v = upper[c], lower[c]
        for i in range(first, last):
            a = u[i] if u[i] < u[i + 1] else u[i + 1]
            b = v[i] if v[i] < v[i + 1] else v[i + 1]
            a = a if a < b else b
            level[i] = a if a > level[i] else level[i]


@kernel
def list_classes(upper: Any, lower: Any, level: Any, cells: Any, lowest: Any, classes: Any) -> Any:
    """Write the classes that count in a range of cells; return their number.

    Those that can be the largest come first; their number is returned too.
    """
    first, last = cells
    largest, others = 0, upper.shape[0]
    for c in range(upper.shape[0]):
        u, v = upper[c], lower[c]
        count, above = 0, 0
        for i in range(first, last):
            a = u[i] if u[i] > u[i + 1] else u[i + 1]
            b = v[i] if v[i] > v[i + 1] else v[i + 1]
            a = (a if a > b else b) - level[i]
            count += a >= lowest
            above += a >= ZERO
        if above:
            classes[largest] = c
            largest += 1
        elif count:
            others -= 1
            classes[others] = c
    for k in range(others, upper.shape[0]):
        classes[largest + k - others] = classes[k]
    return largest + upper.shape[0] - others, largest


@kernel
def spread(below: Any, pixels: Any, out: Any) -> None:
    """Write a row of the grid interpolated at pixels, by their cells and weights."""
    cell, w0, w1 = pixels
    for c in range(below.shape[0]):
        row, to = below[c], out[c]
        for x in range(cell.size):
            i = cell[x]
            to[x] = w0[x] * row[i] + w1[x] * row[i + 1]


@kernel
def add_four(power: Any, ratio: Any, columns: Any, total: Any) -> None:
    """Add four rows of a geometric sequence to their sums."""
    for x in range(columns):
        p, r = power[x], ratio[x]
        total[x] += p
        p *= r
        total[x + COLUMNS] += p
        p *= r
        total[x + 2 * COLUMNS] += p
        p *= r
        total[x + 3 * COLUMNS] += p
        power[x] = p * r


@kernel
def compare_four(power: Any, ratio: Any, columns: Any, total: Any, most: Any) -> None:
    """Keep the largest of four rows of a geometric sequence, and add the others to the sums."""
    for x in range(columns):
        p, r = power[x], ratio[x]
        m = most[x]
        total[x] += p if p < m else m
        most[x] = p if p > m else m
        p *= r
        m = most[x + COLUMNS]
        total[x + COLUMNS] += p if p < m else m
        most[x + COLUMNS] = p if p > m else m
        p *= r
        m = most[x + 2 * COLUMNS]
        total[x + 2 * COLUMNS] += p if p < m else m
        most[x + 2 * COLUMNS] = p if p > m else m
        p *= r
        m = most[x + 3 * COLUMNS]
        total[x + 3 * COLUMNS] += p if p < m else m
        most[x + 3 * COLUMNS] = p if p > m else m
        power[x] = p * r


@kernel
def count_even(yt: Any, y: Any, end: Any) -> Any:
    """Return how many rows from `y` on are evenly spaced, and their distance in cells."""
    count = 1
    step = 0.0
    if y + 1 < end:
        step = yt.w1[y + 1] - yt.w1[y]
        while count < ROWS and y + count < end and yt.w1[y + count] - yt.w1[y + count - 1] == step:
            count += 1
    return count, np.float32(step / (yt.w0[y] + yt.w1[y]))


@kernel
def sum_rows(
    upper: Any,
    lower: Any,
    weights: Any,
    step: Any,
    columns: Any,
    classes: Any,
    largest: Any,
    sums: Any,
) -> None:
    """Write the sums of powers of a few rows of pixels, and the largest power.

    `upper` and `lower` are interpolated at the columns; `weights` are theirs, [rows] each. Of
    `classes`, those that count, the first `largest` can be the largest. `sums` are of these
    classes, of the others, and the largest: COLUMNS for every row.
    """
    rows = weights[0].size
    slope, power = np.empty(COLUMNS, np.float32), np.empty(COLUMNS, np.float32)
    ratio = np.empty(COLUMNS, np.float32)
    for x in range(sums[0].size):
        sums[0][x] = ZERO
        sums[1][x] = ZERO
        sums[2][x] = ZERO
    for j in range(classes.size):
        u, v = upper[classes[j]], lower[classes[j]]
        steep = 0
        for x in range(columns):
            slope[x] = step * (v[x] - u[x])
            steep += abs(slope[x]) > STEEP
        for x in range(columns):
            ratio[x] = ZERO if steep else exp_negative(slope[x])
        for k in range(0, rows, 1 if steep else FOUR):
            if steep or k == 0:
                up, down = weights[0][k], weights[1][k]
                for x in range(columns):
                    power[x] = up * u[x] + down * v[x]
                for x in range(columns):
                    p = exp_negative(power[x])
                    power[x] = ZERO if power[x] < VANISHING else p
            if j < largest:
                start = k * COLUMNS
                compare_four(power, ratio, columns, sums[0][start:], sums[2][start:])
            else:
                add_four(power, ratio, columns, sums[1][k * COLUMNS :])


@kernel
def is_finite(best: Any, i: Any) -> Any:
    """Return whether the largest logits of a cell are finite, and no logit is NaN."""
    total = (best[0, i] + best[0, i + 1]) + (best[1, i] + best[1, i + 1])
    return total == total


@kernel
def list_of_cell(upper: Any, lower: Any, i: Any, lowest: Any, classes: Any) -> Any:
    """Write the classes with an exponent of at least `lowest`; return their number."""
    count = 0
    for c in range(upper.shape[0]):
        top = max(max(upper[c, i], upper[c, i + 1]), max(lower[c, i], lower[c, i + 1]))
        if top >= lowest or top != top:
            classes[count] = c
            count += 1
    return count


@kernel
def define(
    upper: Any, lower: Any, i: Any, weights: Any, real: Any, classes: Any, values: Any
) -> Any:
    """Return the confidence of a pixel by the definition; NaN if it is undefined."""
    w00, w01, w10, w11 = weights
    den, _, scale, zero_point = real
    best = -np.inf
    for k in range(classes.size):
        c = classes[k]
        value = weigh(w00, upper[c, i]) + weigh(w01, upper[c, i + 1])
        value = (value + weigh(w10, lower[c, i])) + weigh(w11, lower[c, i + 1])
        values[k] = scale * (value / den - zero_point)
        best = max(best, values[k])
    total = 0.0
    for k in range(classes.size):
        total += math.exp(values[k] - best)
    return 1.0 / total


@kernel
def rate_cell(
    upper: Any,
    lower: Any,
    i: Any,
    yt: Any,
    xt: Any,
    rows: Any,
    columns: Any,
    real: Any,
    classes: Any,
    values: Any,
    confidence: Any,
) -> Any:
    """Write the confidence of pixels of a cell by the definition.

    `confidence` begins at the first row. Returns the number of undefined pixels, and the first.
    """
    undefined, first = 0, -1
    for y in range(rows[0], rows[1]):
        for x in range(columns[0], columns[1]):
            weights = (
                yt.w0[y] * xt.w0[x],
                yt.w0[y] * xt.w1[x],
                yt.w1[y] * xt.w0[x],
                yt.w1[y] * xt.w1[x],
            )
            value = define(upper, lower, i, weights, real, classes, values)
            confidence[y - rows[0], x] = value
            if value != value:
                if undefined == 0:
                    first = y * xt.cell.size + x
                undefined += 1
    return undefined, first


@kernel
def rate_rows(
    values: Any, yt: Any, xt: Any, cell: Any, y0: Any, y1: Any, real: Any, confidence: Any
) -> Any:
    """Write the confidence of rows ``y0:y1``; return the number of undefined pixels, and the first.

    `values` is [rows, C, w + 1] from row `cell` of the grid on, `confidence` is [rows, W].
    """
    rows, classes, nodes = values.shape
    width = xt.cell.size
    below = np.empty(values.shape, np.float32)
    best = np.empty((rows, nodes), values.dtype)
    for r in range(rows):
        subtract_largest(values[r], real[2], below[r], best[r])
    level = np.empty(nodes - 1, np.float32)
    order = np.empty(classes, np.int64)
    scratch = np.empty(classes)
    size = (ROWS + FOUR) * COLUMNS
    sums = (np.empty(size, np.float32), np.empty(size, np.float32), np.empty(size, np.float32))
    upper, lower = (
        np.empty((classes, COLUMNS), np.float32),
        np.empty((classes, COLUMNS), np.float32),
    )
    x0, x1 = np.empty(COLUMNS, np.float32), np.empty(COLUMNS, np.float32)
    y_up, y_down = np.empty(ROWS, np.float32), np.empty(ROWS, np.float32)
    least = np.float32(math.log(NEGLIGIBLE / classes))
    undefined, first = 0, -1
    for xa in range(0, width, COLUMNS):
        n = min(COLUMNS, width - xa)
        for x in range(n):
            x0[x] = xt.w0[xa + x] / (xt.w0[xa + x] + xt.w1[xa + x])
            x1[x] = xt.w1[xa + x] / (xt.w0[xa + x] + xt.w1[xa + x])
        pixels = (xt.cell[xa : xa + n], x0[:n], x1[:n])
        i0, i1 = xt.cell[xa], xt.cell[xa + n - 1] + 1
        spread_row = -1
        for r in range(rows - 1):
            ya, yb = max(yt.start[cell + r], y0), min(yt.start[cell + r + 1], y1)
            if ya >= yb:
                continue
            find_levels(below[r], below[r + 1], (i0, i1), level)
            count, largest = list_classes(below[r], below[r + 1], level, (i0, i1), least, order)
            upper, lower = lower, upper
            if spread_row != r:
                spread(below[r], pixels, upper)
            spread(below[r + 1], pixels, lower)
            spread_row = r + 1
            y = ya
            while y < yb:
                even, step = count_even(yt, y, yb)
                for k in range(even):
                    y_up[k] = yt.w0[y + k] / (yt.w0[y + k] + yt.w1[y + k])
                    y_down[k] = yt.w1[y + k] / (yt.w0[y + k] + yt.w1[y + k])
                weights = (y_up[:even], y_down[:even])
                sum_rows(upper, lower, weights, step, n, order[:count], largest, sums)
                for k in range(even):
                    out = confidence[y + k - y0]
                    for x in range(n):
                        at = k * COLUMNS + x
                        out[xa + x] = sums[2][at] / (sums[2][at] + (sums[0][at] + sums[1][at]))
                y += even
            for i in range(i0, i1):
                columns = (max(xt.start[i], xa), min(xt.start[i + 1], xa + n))
                finite = is_finite(best[r : r + 2], i)
                if columns[0] >= columns[1] or (finite and level[i] >= LOWEST):
                    continue
                bound = level[i] + least if finite else np.float32(-np.inf)
                count = list_of_cell(below[r], below[r + 1], i, bound, order)
                bad, index = rate_cell(
                    values[r],
                    values[r + 1],
                    i,
                    yt,
                    xt,
                    (ya, yb),
                    columns,
                    real,
                    order[:count],
                    scratch,
                    confidence[ya - y0 :],
                )
                if bad and (undefined == 0 or index < first):
                    first = index
                undefined += bad
    return undefined, first
