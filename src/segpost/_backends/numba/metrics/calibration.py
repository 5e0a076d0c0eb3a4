"""The sums that calibration is measured by on Numba, strip by strip."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba import tiles
from segpost._backends.numba.labels.operations import STRIP_IN, STRIP_OUT, sum_errors
from segpost._backends.numba.labels.probabilities import (
    COLUMNS,
    dequantize,
    exp_negative,
    normalize,
    sum_row,
)
from segpost._backends.numba.threads import kernel, run
from segpost._backends.numba.tiles import Strip, table
from segpost._backends.reference.confusion import target_rows
from segpost._backends.reference.labels import count_nan
from segpost._core.calibration_contract import MAX_NLL, TEMPERATURES, CalibrationSums
from segpost._core.contract import Array, LogitErrors, Logits
from segpost._core.fixed_point import as_fixed_point
from segpost._core.sampling import Axes, same_size_axes

NODES = len(TEMPERATURES)
LARGEST_TEMPERATURE = TEMPERATURES[0]
INVERSES = np.array([1 / temperature for temperature in TEMPERATURES])
LOWEST = -1e6  # of a logit below the largest; its power is 0


def calibration_logits(
    logits: Logits, axes: Axes | None, target: Array, ignored: Array, sums: CalibrationSums
) -> LogitErrors:
    """Add what every pixel with a target says of the probabilities."""
    height, width = logits.values.shape[2:]
    classes = logits.values.shape[1]
    plain = axes is None
    grid = axes or same_size_axes((height, width))
    yt, xt = table(grid.y), table(grid.x)
    real = (grid.den, 0.0, logits.scale, logits.zero_point)
    intervals = len(sums.counts)
    bins = 0 if sums.class_counts is None else sums.class_counts.shape[1]
    nodes = 0 if sums.curve is None else NODES

    def work(strip: Strip) -> tuple[Any, ...]:
        n, cell0, _, y0, y1, _ = strip
        values = tiles.grid_rows(logits, strip)
        codes = target_rows(target[n, y0:y1], classes, ignored).astype(np.int32)
        counts, confidence = np.zeros((intervals, 2), np.int64), np.zeros(intervals)
        class_counts = np.zeros((classes, bins, 2), np.int64)
        class_confidence = np.zeros((classes, bins))
        loss, curve, pixels = np.zeros(2), np.zeros((nodes, 3)), np.zeros(4, np.int64)
        undefined = measure_rows(
            values,
            plain,
            yt,
            xt,
            (cell0, y0, y1),
            real,
            codes,
            (counts, confidence),
            (class_counts, class_confidence),
            (loss, curve, pixels),
        )
        offset = n * grid.y.n_out * grid.x.n_out
        errors = (0, -1), (undefined[0], undefined[1] + offset)
        return errors, counts, confidence, class_counts, class_confidence, loss, curve, pixels

    parts = tiles.strips(logits, grid, STRIP_IN, STRIP_OUT // min(classes, 16))
    errors = []
    for part in run(work, parts, logits.values.size + classes * target.size):
        of_strip, counts, confidence, class_counts, class_confidence, loss, curve, pixels = part
        errors.append(of_strip)
        sums.counts[...] += counts
        sums.confidence[...] += as_fixed_point(confidence)
        if sums.class_counts is not None and sums.class_confidence is not None:
            sums.class_counts[...] += class_counts
            sums.class_confidence[...] += as_fixed_point(class_confidence)
        sums.loss[...] += as_fixed_point(loss)
        if sums.curve is not None:
            sums.curve[...] += as_fixed_point(curve)
        sums.pixels[...] += pixels
    return count_nan(logits).undefined_as(sum_errors(errors))


@kernel
def measure_rows(
    values: Any,
    plain: Any,
    yt: Any,
    xt: Any,
    rows: Any,
    real: Any,
    codes: Any,
    intervals: Any,
    class_intervals: Any,
    totals: Any,
) -> Any:
    """Add the pixels of some rows; return the number of undefined ones, and the first.

    `codes` is [rows, W]: classes, and above them targets that are ignored or invalid.
    """
    cell, y0, y1 = rows
    counts, confidence = intervals
    class_counts, class_confidence = class_intervals
    loss, curve, pixels = totals
    classes, width = values.shape[1], xt.cell.size
    corners = np.empty((classes, 4, COLUMNS))
    sums = np.empty((classes, COLUMNS))
    maximum, total = np.empty(COLUMNS), np.empty(COLUMNS)
    power = np.empty((classes, COLUMNS), np.float32)
    nodes = curve.shape[0]
    moments = np.empty((nodes, 3, COLUMNS))
    label = np.empty(COLUMNS, np.int32)
    code = np.empty(COLUMNS, np.int32)
    undefined, first = 0, -1
    for xa in range(0, width, COLUMNS):
        n = min(COLUMNS, width - xa)
        gathered_row = -1
        for y in range(y0, y1):
            gathered_row = sum_row(
                values, cell, y, yt, xt, (xa, xa + n), plain, gathered_row, corners, sums
            )
            for x in range(n):
                label[x] = 0
                maximum[x] = sums[0, x]
            for c in range(1, classes):
                for x in range(n):
                    if sums[c, x] > maximum[x]:
                        maximum[x] = sums[c, x]
                        label[x] = c
            dequantize(sums, n, real)
            normalize(sums, n, maximum, total, power)
            for x in range(n):
                code[x] = codes[y - y0, xa + x]
                if total[x] != total[x]:
                    index = y * width + xa + x
                    if undefined == 0 or index < first:
                        first = index
                    undefined += 1
                    code[x] = -1
                elif code[x] >= classes:
                    pixels[1 + code[x] - classes] += 1
                    code[x] = -1
            add_confidence(power, total, label, code, n, counts, confidence)
            if class_counts.shape[1]:
                add_classes(power, total, code, n, class_counts, class_confidence)
            add_loss(sums, maximum, power, total, code, n, loss, pixels)
            if nodes:
                add_curve(sums, maximum, code, n, moments, curve)
    return undefined, first


@kernel
def add_confidence(
    power: Any, total: Any, label: Any, code: Any, columns: Any, counts: Any, sums: Any
) -> None:
    """Add the confidence of every pixel that is measured."""
    count = counts.shape[0]
    for x in range(columns):
        if code[x] >= 0:
            confidence = power[label[x], x] * total[x]
            index = min(int(confidence * count), count - 1)
            counts[index, 0] += 1
            counts[index, 1] += label[x] == code[x]
            sums[index] += confidence


@kernel
def add_classes(power: Any, total: Any, code: Any, columns: Any, counts: Any, sums: Any) -> None:
    """Add the probability of every class."""
    bins = counts.shape[1]
    for c in range(power.shape[0]):
        for x in range(columns):
            if code[x] >= 0:
                probability = power[c, x] * total[x]
                index = min(int(probability * bins), bins - 1)
                counts[c, index, 0] += 1
                counts[c, index, 1] += code[x] == c
                sums[c, index] += probability


@kernel
def add_loss(
    values: Any,
    maximum: Any,
    power: Any,
    total: Any,
    code: Any,
    columns: Any,
    loss: Any,
    pixels: Any,
) -> None:
    """Add Brier scores and the NLL; a pixel whose target is impossible is no longer measured."""
    for x in range(columns):
        if code[x] < 0:
            continue
        squares = 0.0
        for c in range(power.shape[0]):
            squares += np.float64(power[c, x]) * power[c, x]
        of_target = power[code[x], x] * total[x]
        loss[0] += squares * total[x] * total[x] - 2.0 * of_target + 1.0
        nll = maximum[x] - values[code[x], x] - np.log(total[x])
        pixels[0] += 1
        if nll < MAX_NLL:
            loss[1] += nll
        else:
            pixels[3] += 1
            code[x] = -1


@kernel
def add_curve(values: Any, maximum: Any, code: Any, columns: Any, moments: Any, curve: Any) -> None:
    """Add the NLL at every temperature and its derivatives; a power is the square of the last."""
    moments[...] = 0.0
    for c in range(values.shape[0]):
        row = values[c]
        for x in range(columns):
            below = max(row[x] - maximum[x], LOWEST)
            power = exp_negative(np.float32(below / LARGEST_TEMPERATURE))
            for k in range(moments.shape[0]):
                weight = np.float64(power)
                moments[k, 0, x] += weight
                moments[k, 1, x] += weight * below
                moments[k, 2, x] += weight * below * below
                power = power * power
    for x in range(columns):
        if code[x] >= 0:
            target = values[code[x], x] - maximum[x]
            for k in range(moments.shape[0]):
                total = moments[k, 0, x]
                mean = moments[k, 1, x] / total
                curve[k, 0] += np.log(total) - target * INVERSES[k]
                curve[k, 1] += mean - target
                curve[k, 2] += moments[k, 2, x] / total - mean * mean
