"""Kernels of softmax: interpolation in float64 by the definition, exp in float32."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from segpost._backends.numba.labels.resize import weigh
from segpost._backends.numba.threads import kernel
from segpost._core.exponential import (
    HALF,
    LN2_HIGH,
    LN2_LOW,
    LOG2_E,
    ONE,
    P0,
    P1,
    P2,
    P3,
    ROUND,
)

COLUMNS = 128  # pixels of a row that are computed together
MIN_EXPONENT = np.float32(-87.0)  # exp of smaller values is 0
BIAS = np.int32(127)
MANTISSA = np.int32(23)


@kernel
def exp_negative(x: Any) -> Any:
    """Return exp of a float32 that is not positive, within 1.2e-7 relative; NaN stays NaN."""
    clamped = MIN_EXPONENT if x < MIN_EXPONENT else x
    shifted = clamped * LOG2_E + ROUND
    n = shifted - ROUND
    r = (clamped - n * LN2_HIGH) - n * LN2_LOW
    p = (((P0 * r + P1) * r + P2) * r + P3) * r + HALF
    p = (p * r * r + r) + ONE
    bits = np.int32((np.float32(shifted).view(np.int32) + BIAS) << MANTISSA)
    power = np.int32(bits).view(np.float32)
    return np.float32(0.0) if x < MIN_EXPONENT else p * power


@kernel
def gather_corners(upper: Any, lower: Any, cell: Any, corners: Any) -> None:
    """Write the four corner values of every pixel, class by class."""
    for c in range(upper.shape[0]):
        u, v = upper[c], lower[c]
        a00, a01, a10, a11 = corners[c, 0], corners[c, 1], corners[c, 2], corners[c, 3]
        for x in range(cell.size):
            i = cell[x]
            a00[x] = u[i]
            a01[x] = u[i + 1]
            a10[x] = v[i]
            a11[x] = v[i + 1]


@kernel
def interpolate(corners: Any, down: Any, w0: Any, w1: Any, values: Any) -> None:
    """Write the interpolated values of a row of pixels, by the definition."""
    for c in range(values.shape[0]):
        a00, a01, a10, a11 = corners[c, 0], corners[c, 1], corners[c, 2], corners[c, 3]
        out = values[c]
        for x in range(w0.size):
            value = weigh(down[0] * w0[x], a00[x]) + weigh(down[0] * w1[x], a01[x])
            value += weigh(down[1] * w0[x], a10[x])
            out[x] = value + weigh(down[1] * w1[x], a11[x])


@kernel
def sum_row(
    values: Any,
    cell: Any,
    y: Any,
    yt: Any,
    xt: Any,
    columns: Any,
    plain: Any,
    gathered_row: Any,
    corners: Any,
    sums: Any,
) -> Any:
    """Write the sums of a range of columns of row `y`; return the row whose corners are gathered.

    `values` is [rows, C, w + 1] from row `cell` of the grid on. If `plain`, nothing is resampled.
    """
    first, end = columns
    i = yt.cell[y] - cell
    if plain:
        i += yt.w0[y] == 0.0
        for c in range(values.shape[1]):
            for x in range(end - first):
                sums[c, x] = values[i, c, first + x]
        return gathered_row
    if i != gathered_row:
        gather_corners(values[i], values[i + 1], xt.cell[first:end], corners)
    weights = (yt.w0[y], yt.w1[y])
    interpolate(corners, weights, xt.w0[first:end], xt.w1[first:end], sums)
    return i


@kernel
def dequantize(values: Any, columns: Any, real: Any) -> None:
    """Convert sums of weighted corners to real logits, in place."""
    den, inverse, scale, zero_point = real
    for c in range(values.shape[0]):
        row = values[c]
        if inverse != 0.0:
            for x in range(columns):
                row[x] = row[x] * inverse
        else:
            for x in range(columns):
                row[x] = row[x] / den
        if scale != 1.0 or zero_point != 0.0:
            for x in range(columns):
                row[x] = scale * (row[x] - zero_point)


@kernel
def normalize(values: Any, columns: Any, maximum: Any, total: Any, power: Any) -> None:
    """Write powers of e relative to the maximum, and the inverse of their sum."""
    for x in range(columns):
        maximum[x] = values[0, x]
        total[x] = 0.0
    for c in range(1, values.shape[0]):
        row = values[c]
        for x in range(columns):
            maximum[x] = row[x] if row[x] > maximum[x] else maximum[x]
    for c in range(values.shape[0]):
        row, out = values[c], power[c]
        for x in range(columns):
            out[x] = row[x] - maximum[x]
        for x in range(columns):  # float32 vectors have twice as many lanes
            out[x] = exp_negative(out[x])
        for x in range(columns):
            total[x] += np.float64(out[x])
    for x in range(columns):
        total[x] = 1.0 / total[x]


@kernel
def fill_rows(
    values: Any,
    plain: Any,
    sigmoid: Any,
    yt: Any,
    xt: Any,
    cell: Any,
    y0: Any,
    y1: Any,
    real: Any,
    probabilities: Any,
    row: Any,
    confidence: Any,
) -> Any:
    """Write probabilities and confidence of rows ``y0:y1``; count undefined pixels.

    `values` is [rows, C, w + 1] from row `cell` of the grid on. `probabilities`, [C, rows, W],
    is written from `row` on; it and `confidence`, [rows, W], may be empty. If `plain`, nothing is
    resampled. The first of the two classes of a `sigmoid` head is its threshold.
    """
    classes, width = values.shape[1], xt.cell.size
    corners = np.empty((classes, 4, COLUMNS))
    sums = np.empty((classes, COLUMNS))
    scratch, total = np.empty(COLUMNS), np.empty(COLUMNS)
    power = np.empty((classes, COLUMNS), np.float32)
    undefined, first = 0, -1
    for xa in range(0, width, COLUMNS):
        n = min(COLUMNS, width - xa)
        gathered_row = -1
        for y in range(y0, y1):
            gathered_row = sum_row(
                values, cell, y, yt, xt, (xa, xa + n), plain, gathered_row, corners, sums
            )
            if sigmoid:
                for x in range(n):  # read before dequantize changes it
                    scratch[x] = sums[1, x] > sums[0, x]
            dequantize(sums, n, real)
            if sigmoid:
                for x in range(n):
                    probability = 1.0 / (1.0 + math.exp(-sums[1, x]))
                    power[0, x] = probability
                    total[x] = probability if scratch[x] else 1.0 - probability
            else:
                normalize(sums, n, scratch, total, power)
            for x in range(n):
                if total[x] != total[x]:
                    index = y * width + xa + x
                    if undefined == 0 or index < first:
                        first = index
                    undefined += 1
            if confidence.size:
                for x in range(n):
                    confidence[y - y0, xa + x] = total[x]
            for c in range(probabilities.shape[0]):
                out = probabilities[c, row + y - y0]
                if sigmoid:
                    for x in range(n):
                        out[xa + x] = power[0, x]
                else:
                    for x in range(n):
                        out[xa + x] = np.float64(power[c, x]) * total[x]
    return undefined, first
