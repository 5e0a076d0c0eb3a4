"""Decoding for an expected score on Numba: the passes, strip by strip."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from segpost._backends import decoding
from segpost._backends.decoding import BLOCK, OPEN, UNDECIDED
from segpost._backends.numba import tiles
from segpost._backends.numba.labels.operations import STRIP_IN, STRIP_OUT, sum_errors
from segpost._backends.numba.labels.probabilities import exp_negative, sum_row
from segpost._backends.numba.threads import kernel, run
from segpost._backends.numba.tiles import Strip, table
from segpost._core.contract import Array, LogitErrors, Logits
from segpost._core.expected_scores import LOWEST, UNIT
from segpost._core.sampling import Axes

LEVELS = float(UNIT)
INVERSE = 1.0 / LEVELS
MAGIC = np.float32(1 << 23)  # adding it rounds a float32 below it to an integer


def decode_labels(logits: Logits, axes: Axes | None, score: str, labels: Array) -> LogitErrors:
    """Write the labels that maximise the expected score of every image."""
    return decoding.decode_labels(sys.modules[__name__], logits, axes, score, labels)


def count_levels(
    logits: Logits,
    axes: Axes,
    blocks: Array,
    first: Array,
    shift: int,
    counts: Array,
    sums: Array,
    mass: Array,
) -> LogitErrors:
    """Count the levels of undecided blocks in bins."""

    def work(strip: Strip, grid: Any) -> Any:
        n, rows = strip.n, slice(strip.y0, strip.y1)
        tables = [np.zeros_like(total[n]) for total in (counts, sums, mass)]
        return n, tables, count_rows(grid, blocks[n, rows], first[n], shift, *tables)

    errors = []
    for n, tables, undefined in _run(work, logits, axes):
        for total, part in zip((counts, sums, mass), tables, strict=True):
            total[n] += part
        errors.append(((0, -1), (undefined[0], undefined[1] + n * axes.y.n_out * axes.x.n_out)))
    return sum_errors(errors)


def settle_labels(
    logits: Logits,
    axes: Axes,
    blocks: Array,
    lower: Array,
    upper: Array,
    counts: Array,
    sums: Array,
    labels: Array,
) -> None:
    """Write the labels of undecided blocks where one class selects a pixel, and their marks."""

    def work(strip: Strip, grid: Any) -> Any:
        n, rows = strip.n, slice(strip.y0, strip.y1)
        pixels, total = np.zeros_like(counts[n]), np.zeros_like(sums[n])
        settle_rows(grid, blocks[n, rows], lower[n], upper[n], pixels, total, labels[n, rows])
        return n, pixels, total

    for n, pixels, total in _run(work, logits, axes):
        counts[n] += pixels
        sums[n] += total


def resolve_labels(
    logits: Logits,
    axes: Axes,
    blocks: Array,
    lower: Array,
    candidates: Array,
    gains: Array,
    is_iou: bool,
    labels: Array,
) -> None:
    """Write the labels of open blocks where several classes select a pixel, or none."""

    def work(strip: Strip, grid: Any) -> None:
        n, rows = strip.n, slice(strip.y0, strip.y1)
        rule = (lower[n], candidates[n], gains[n], is_iou)
        resolve_rows(grid, blocks[n, rows], rule, labels[n, rows])

    _run(work, logits, axes)


def _run(work: Callable[[Strip, Any], Any], logits: Logits, axes: Axes) -> list[Any]:
    """Return the results of the strips; `work` gets a strip, and what kernels read of it."""
    images, classes = logits.values.shape[:2]
    yt, xt = table(axes.y), table(axes.x)
    unit = logits.scale / axes.den

    def operate(strip: Strip) -> Any:
        values = tiles.grid_rows(logits, strip)
        return work(strip, (values, yt, xt, (strip.cell0, strip.y0, strip.y1), unit))

    parts = tiles.strips(logits, axes, STRIP_IN, STRIP_OUT // min(classes, 16))
    return run(operate, parts, images * classes * axes.y.n_out * axes.x.n_out)


@kernel
def make_memory(grid: Any) -> Any:
    """Return the row whose corners are gathered, corners, sums, maximum, total and levels."""
    classes = grid[0].shape[1]
    corners, sums = np.empty((classes, 4, BLOCK)), np.empty((classes, BLOCK))
    row, maximum, total = np.full(1, -1), np.empty(BLOCK), np.empty(BLOCK)
    return row, corners, sums, maximum, total, np.empty((classes, BLOCK), np.float32)


@kernel
def compute_levels(grid: Any, y: Any, xa: Any, columns: Any, memory: Any) -> Any:
    """Return the levels [C, BLOCK] of a block of row `y`; -1 where a pixel is undefined."""
    values, yt, xt, rows, unit = grid
    gathered, corners, sums, maximum, total, levels = memory
    span = (xa, xa + columns)
    gathered[0] = sum_row(values, rows[0], y, yt, xt, span, False, gathered[0], corners, sums)
    for x in range(columns):
        maximum[x] = sums[0, x]
        total[x] = 0.0
    for c in range(1, sums.shape[0]):
        row = sums[c]
        for x in range(columns):
            maximum[x] = row[x] if row[x] > maximum[x] else maximum[x]
    for c in range(sums.shape[0]):
        row, power = sums[c], levels[c]
        for x in range(columns):
            power[x] = (row[x] - maximum[x]) * unit
        for x in range(columns):
            power[x] = np.float32(0.0) if power[x] < LOWEST else exp_negative(power[x])
        for x in range(columns):
            total[x] += np.float64(power[x])
    for c in range(sums.shape[0]):
        row = levels[c]
        for x in range(columns):
            level = row[x] * np.float32(LEVELS / total[x])
            level = (level + MAGIC) - MAGIC if level < MAGIC else level
            row[x] = level if total[x] == total[x] else np.float32(-1.0)
    return levels


@kernel
def count_rows(
    grid: Any, blocks: Any, first: Any, shift: Any, counts: Any, sums: Any, mass: Any
) -> Any:
    """Count the levels of some rows; return the number of undefined pixels, and the first."""
    y0, y1 = grid[3][1], grid[3][2]
    width, bins = grid[2].cell.size, counts.shape[1]
    memory = make_memory(grid)
    undefined, place = 0, -1
    for block in range(blocks.shape[1]):
        xa = block * BLOCK
        columns = min(BLOCK, width - xa)
        memory[0][0] = -1
        for y in range(y0, y1):
            if blocks[y - y0, block] != UNDECIDED:
                continue
            levels = compute_levels(grid, y, xa, columns, memory)
            for c in range(levels.shape[0]):
                total = np.int64(0)
                for x in range(columns):
                    level = levels[c, x]
                    if level <= 0:
                        continue
                    total += np.int64(level)
                    k = ((np.float32(level).view(np.int32) - 1) >> shift) - first[c]
                    if 0 <= k < bins:
                        counts[c, k] += 1
                        sums[c, k] += np.int64(level)
                mass[c] += total
            for x in range(columns):
                if levels[0, x] < 0:
                    index = y * width + xa + x
                    place = index if undefined == 0 or index < place else place
                    undefined += 1
    return undefined, place


@kernel
def settle_rows(
    grid: Any, blocks: Any, lower: Any, upper: Any, counts: Any, sums: Any, labels: Any
) -> None:
    """Write the labels of pixels of some rows that one class selects, and add these pixels."""
    y0, y1 = grid[3][1], grid[3][2]
    width = grid[2].cell.size
    memory = make_memory(grid)
    selections, selected = np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32)
    for block in range(blocks.shape[1]):
        xa = block * BLOCK
        columns = min(BLOCK, width - xa)
        memory[0][0] = -1
        for y in range(y0, y1):
            if blocks[y - y0, block] != UNDECIDED:
                continue
            levels = compute_levels(grid, y, xa, columns, memory)
            selections[:] = 0
            mark = 0
            for c in range(levels.shape[0]):
                for x in range(columns):
                    if levels[c, x] > lower[c]:
                        selections[x] += 1
                        selected[x] = c
                        if levels[c, x] <= upper[c]:
                            mark = UNDECIDED
            for x in range(columns):
                if mark == UNDECIDED:
                    break
                if selections[x] == 1:
                    c = selected[x]
                    counts[c] += 1
                    sums[c] += np.int64(levels[c, x])
                    labels[y - y0, xa + x] = c
                elif levels[0, x] >= 0:
                    mark = OPEN
            blocks[y - y0, block] = mark


@kernel
def resolve_rows(grid: Any, blocks: Any, rule: Any, labels: Any) -> None:
    """Write the labels of the other pixels: the eligible classes with the largest gains."""
    lower, candidates, gains, is_iou = rule
    y0, y1 = grid[3][1], grid[3][2]
    width = grid[2].cell.size
    memory = make_memory(grid)
    for block in range(blocks.shape[1]):
        xa = block * BLOCK
        columns = min(BLOCK, width - xa)
        memory[0][0] = -1
        for y in range(y0, y1):
            if blocks[y - y0, block] != OPEN:
                continue
            levels = compute_levels(grid, y, xa, columns, memory)
            for x in range(columns):
                selections = 0
                for c in range(levels.shape[0]):
                    selections += levels[c, x] > lower[c]
                if selections == 1 or levels[0, x] < 0:
                    continue
                best = -np.inf
                for c in range(levels.shape[0]):
                    if levels[c, x] > lower[c] or (selections == 0 and candidates[c]):
                        p = np.float64(levels[c, x]) * INVERSE
                        rest = 1.0 - p if is_iou else 1.0
                        gain = (p - gains[c, 0] * rest) / (gains[c, 1] + rest)
                        if gain > best:
                            best = gain
                            labels[y - y0, xa + x] = c
