"""Entropy, margin and the largest probabilities on Numba, strip by strip."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba import tiles
from segpost._backends.numba.labels.operations import STRIP_IN, STRIP_OUT, sum_errors
from segpost._backends.numba.labels.probabilities import (
    COLUMNS,
    dequantize,
    normalize,
    sum_row,
)
from segpost._backends.numba.threads import kernel, run
from segpost._backends.numba.tiles import Strip, table
from segpost._core.contract import Array, LogitErrors, Logits
from segpost._core.logits import with_both_classes
from segpost._core.sampling import Axes, same_size_axes


def rank_classes(
    logits: Logits,
    axes: Axes | None,
    labels: Array | None,
    confidence: Array | None,
    entropy: Array | None,
    margin: Array | None,
    top_labels: Array | None,
    top_probabilities: Array | None,
) -> LogitErrors:
    """Write what is known of the probabilities of the classes, in order of their logits."""
    logits = with_both_classes(logits)
    images, classes, height, width = logits.values.shape
    plain = axes is None
    grid = axes or same_size_axes((height, width))
    yt, xt = table(grid.y), table(grid.x)
    real = (grid.den, 0.0, logits.scale, logits.zero_point)
    count = 0 if top_labels is None else top_labels.shape[1]
    ranks = min(max(count, 2), classes)

    def work(strip: Strip) -> tuple[tuple[int, int], tuple[int, int]]:
        n, cell0, _, y0, y1, _ = strip
        values = tiles.grid_rows(logits, strip)
        rows = slice(y0, y1)
        size = (y1 - y0, grid.x.n_out)
        maps = np.empty((3, *size), np.float32)
        order = np.empty((ranks, *size), np.int32)
        probabilities = np.empty((ranks, *size), np.float32)
        undefined = rank_rows(
            values, plain, yt, xt, cell0, y0, y1, real, maps, order, probabilities
        )
        if labels is not None:
            move_first(labels[n, rows].astype(np.int32), order)
        if confidence is not None:
            floats, copy_back = tiles.float_target(confidence[n, rows])
            floats[...] = maps[0]
            copy_back()
        for out, result in ((entropy, maps[1]), (margin, maps[2])):
            if out is not None:
                out[n, rows] = result
        if top_labels is not None and top_probabilities is not None:
            top_labels[n, :, rows] = order[:count]
            for rank in range(count):
                floats, copy_back = tiles.float_target(top_probabilities[n, rank, rows])
                floats[...] = probabilities[rank]
                copy_back()
        offset = n * grid.y.n_out * grid.x.n_out
        return (0, -1), (undefined[0], undefined[1] + offset)

    parts = tiles.strips(logits, grid, STRIP_IN, STRIP_OUT // min(classes, 16))
    values_out = images * classes * grid.y.n_out * grid.x.n_out
    return sum_errors(run(work, parts, logits.values.size + values_out))


@kernel
def rank_rows(
    values: Any,
    plain: Any,
    yt: Any,
    xt: Any,
    cell: Any,
    y0: Any,
    y1: Any,
    real: Any,
    maps: Any,
    order: Any,
    probabilities: Any,
) -> Any:
    """Write confidence, entropy and margin, [3, rows, W], and the largest probabilities of rows.

    `order` and `probabilities` are [ranks, rows, W]. Returns the number of undefined pixels and
    the first.
    """
    classes, width = values.shape[1], xt.cell.size
    ranks = order.shape[0]
    corners = np.empty((classes, 4, COLUMNS))
    sums = np.empty((classes, COLUMNS))
    maximum, total = np.empty(COLUMNS), np.empty(COLUMNS)
    power = np.empty((classes, COLUMNS), np.float32)
    undefined, first = 0, -1
    for xa in range(0, width, COLUMNS):
        n = min(COLUMNS, width - xa)
        gathered_row = -1
        for y in range(y0, y1):
            gathered_row = sum_row(
                values, cell, y, yt, xt, (xa, xa + n), plain, gathered_row, corners, sums
            )
            row = y - y0
            for x in range(n):
                for j in range(ranks):
                    order[j, row, xa + x] = -1
                for c in range(classes):
                    here = c
                    for j in range(ranks):
                        there = order[j, row, xa + x]
                        # A NaN is above all numbers; of equal classes the first stays first.
                        if (
                            there < 0
                            or sums[c, x] > sums[there, x]
                            or (sums[c, x] != sums[c, x] and sums[there, x] == sums[there, x])
                        ):
                            order[j, row, xa + x] = here
                            here = there
                            if here < 0:
                                break
            dequantize(sums, n, real)
            normalize(sums, n, maximum, total, power)
            for x in range(n):
                if total[x] != total[x]:
                    index = y * width + xa + x
                    if undefined == 0 or index < first:
                        first = index
                    undefined += 1
                weighted = 0.0
                for c in range(classes):
                    if power[c, x] > 0.0:
                        weighted += np.float64(power[c, x]) * (sums[c, x] - maximum[x])
                maps[0, row, xa + x] = total[x]
                maps[1, row, xa + x] = max(-np.log(total[x]) - weighted * total[x], 0.0)
                for j in range(ranks):
                    best = np.float64(power[order[j, row, xa + x], x])
                    probabilities[j, row, xa + x] = best * total[x]
                second = probabilities[1, row, xa + x] if ranks > 1 else np.float32(0.0)
                maps[2, row, xa + x] = probabilities[0, row, xa + x] - second
    return undefined, first


@kernel
def move_first(labels: Any, order: Any) -> None:
    """Move the label of every pixel to the front of the order of its classes."""
    ranks, height, width = order.shape
    for y in range(height):
        for x in range(width):
            moved = order[0, y, x]
            order[0, y, x] = labels[y, x]
            for j in range(1, ranks):
                if moved == labels[y, x]:
                    break
                here = order[j, y, x]
                order[j, y, x] = moved
                moved = here
