"""Definition of the connected components of runs, and of what is beside them."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from segpost._core.contract import Array
from segpost._core.object_contract import DIRECTIONS


def label_components(
    offsets: Array, column: Array, top: Array, bottom: Array, width: int, connectivity: int
) -> Array:
    """Return the component of every run, numbered in the order of their first runs."""
    component = list(range(len(column)))
    members = {run: [run] for run in component}
    for first, last in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        runs_of = defaultdict(list)
        for run in range(first, last):
            runs_of[divmod(int(column[run]), width)].append(run)
        for (z, x), runs in runs_of.items():
            for planes, columns, reach in DIRECTIONS[connectivity]:
                for before in runs_of.get((z - planes, x - columns), ()):
                    for run in runs:
                        touches = (
                            top[before] < bottom[run] + reach and top[run] < bottom[before] + reach
                        )
                        low, high = sorted((component[before], component[run]))
                        if touches and low < high:
                            for member in members[high]:
                                component[member] = low
                            members[low] += members.pop(high)
    return np.unique(component, return_inverse=True)[1].astype(np.int32)


def sort_groups(numbers: Array, groups: int) -> tuple[Array, Array]:
    """Return the order of numbers below `groups`, and where each group begins in it."""
    return np.argsort(numbers, kind="stable"), np.append(
        0, np.cumsum(np.bincount(numbers, minlength=groups))
    )


def count_contacts(offsets: Array, column: Array, top: Array, bottom: Array) -> Array:
    """Return how many pixels of every region have a neighbor in the next column."""
    pixels = [
        {(x, y) for x, y0, y1 in runs for y in range(y0, y1)}
        for runs in _runs_of_regions(offsets, column, top, bottom)
    ]
    counts = [sum((x + 1, y) in region for x, y in region) for region in pixels]
    return np.array(counts, np.int64)


def complement_runs(
    offsets: Array, column: Array, top: Array, bottom: Array, box: Array
) -> tuple[Array, Array, Array, Array]:
    """Return the runs between those of every region in its box."""
    ends, between = [0], []
    for runs, (x, y, width, height) in zip(
        _runs_of_regions(offsets, column, top, bottom), box.tolist(), strict=True
    ):
        is_outside = np.ones((width, height + 2), bool)
        is_outside[:, [0, -1]] = False
        for run_x, y0, y1 in runs:
            is_outside[run_x - x, y0 - y + 1 : y1 - y + 1] = False
        steps = np.diff(is_outside.astype(np.int8), axis=1)
        columns, begins = np.nonzero(steps == 1)
        between.append(np.stack([columns + x, begins + y, np.nonzero(steps == -1)[1] + y]))
        ends.append(ends[-1] + len(columns))
    out_column, out_top, out_bottom = np.concatenate(
        [np.zeros((3, 0), np.int64), *between], axis=1
    ).astype(np.int32)
    return np.array(ends, np.int64), out_column, out_top, out_bottom


def _runs_of_regions(
    offsets: Array, column: Array, top: Array, bottom: Array
) -> list[list[list[int]]]:
    """Return column, top and bottom of the runs of every region."""
    runs = np.stack([column, top, bottom], axis=1).tolist()
    return [runs[i:j] for i, j in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)]
