"""A point inside of every region, far from its border: the middle of a text."""

from __future__ import annotations

import numpy as np

from segpost._core.contract import Array
from segpost.objects.run_table import RunTable

SIDE = 48  # samples of the longer side of a box


def find_inner_points(table: RunTable) -> Array:
    """Return a point x, y of every region, float64 (K, 2), about as far inside as possible.

    Every region is sampled on a grid of up to 48 x 48 points of its box, and eroded until nothing
    is left.
    """
    points = table.centroid.copy()
    for region in range(len(table.labels)):
        x, y, width, height = table.box[region].tolist()
        step = -(-max(width, height) // SIDE)
        if step * SIDE < 2:
            continue
        samples = _sample(table, region, step)
        if samples.any():
            row, column = _deepest(samples)
            points[region] = x + column * step + step // 2, y + row * step + step // 2
    return points


def _sample(table: RunTable, region: int, step: int) -> Array:
    """Return whether every sample of the box of a region belongs to it, bool (h, w)."""
    x, y, width, height = table.box[region].tolist()
    part = slice(table.offsets[region], table.offsets[region + 1])
    column, top, bottom = (v[part] for v in (table.column, table.top, table.bottom))
    is_sampled = (column - x) % step == step // 2
    columns = (column[is_sampled] - x) // step
    first, last = (-((y + step // 2 - v[is_sampled]) // step) for v in (top, bottom))
    changes = np.zeros((height // step + 2, width // step + 1), np.int32)
    np.add.at(changes, (first, columns), 1)
    np.add.at(changes, (last, columns), -1)
    samples: Array = changes.cumsum(axis=0)[:-1] > 0
    return samples


def _deepest(samples: Array) -> tuple[int, int]:
    """Return row and column of a sample that is among the last to be eroded, near their middle."""
    inside = np.pad(samples, 1)
    while True:
        smaller = np.zeros_like(inside)
        middle = smaller[1:-1, 1:-1]
        np.logical_and(inside[:-2, 1:-1], inside[2:, 1:-1], out=middle)
        middle &= inside[1:-1, :-2] & inside[1:-1, 2:] & inside[1:-1, 1:-1]
        if not middle.any():
            break
        inside = smaller
    rows, columns = np.nonzero(inside)
    away = np.hypot(rows - rows.mean(), columns - columns.mean())
    nearest = int(away.argmin())
    return int(rows[nearest]) - 1, int(columns[nearest]) - 1
