"""Connections of runs in neighboring columns, and the runs between those of a region."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.threads import kernel
from segpost._core.contract import Array
from segpost._core.object_contract import DIRECTIONS


def label_components(
    offsets: Array, column: Array, top: Array, bottom: Array, width: int, connectivity: int
) -> Array:
    """Return the component of every run, numbered in the order of their first runs."""
    parent = np.arange(len(column), dtype=np.int32)
    for planes, columns, reach in DIRECTIONS[connectivity]:
        connect_runs(offsets, column, top, bottom, width, planes, columns, reach, parent)
    number_trees(parent)
    return parent


def sort_groups(numbers: Array, groups: int) -> tuple[Array, Array]:
    """Return the order of numbers below `groups`, and where each group begins in it."""
    offsets = np.zeros(groups + 1, np.int64)
    order = np.empty(len(numbers), np.int64)
    place_numbers(numbers, offsets, order)
    return order, offsets


def count_contacts(offsets: Array, column: Array, top: Array, bottom: Array) -> Array:
    """Return how many pixels of every region have a neighbor in the next column."""
    contacts = np.zeros(len(offsets) - 1, np.int64)
    add_contacts(offsets, column, top, bottom, contacts)
    return contacts


def complement_runs(
    offsets: Array, column: Array, top: Array, bottom: Array, box: Array
) -> tuple[Array, Array, Array, Array]:
    """Return the runs between those of every region in its box."""
    size = len(column) + int((box[:, 2] + np.diff(offsets)).sum())
    runs = np.empty((3, size), np.int32)
    ends = np.zeros(len(offsets), np.int64)
    write_complement(offsets, column, top, bottom, box, ends, runs)
    out_column, out_top, out_bottom = runs[:, : ends[-1]]
    return ends, out_column, out_top, out_bottom


@kernel
def place_numbers(numbers: Any, offsets: Any, order: Any) -> None:
    """Write the order of numbers, and where each group begins."""
    for number in numbers:
        offsets[number + 1] += 1
    for group in range(len(offsets) - 1):
        offsets[group + 1] += offsets[group]
    place = offsets.copy()
    for i in range(len(numbers)):
        order[place[numbers[i]]] = i
        place[numbers[i]] += 1


@kernel
def connect_runs(
    offsets: Any,
    column: Any,
    top: Any,
    bottom: Any,
    width: int,
    planes: int,
    columns: int,
    reach: int,
    parent: Any,
) -> None:
    """Join runs with those of the column that is so many planes and columns before theirs.

    `parent` has a run of the same component, its first in the end. `reach` is 0 where runs must
    share a side, 1 where a corner is enough.
    """
    step = planes * width + columns
    for region in range(offsets.size - 1):
        first, last = offsets[region], offsets[region + 1]
        before = first
        begin = first
        while begin < last:
            here = column[begin]
            end = begin + 1
            while end < last and column[end] == here:
                end += 1
            while before < begin and column[before] < here - step:
                before += 1
            x = here % width
            if (columns <= 0 or x > 0) and (columns >= 0 or x + 1 < width):
                a, b = before, begin
                while a < begin and column[a] == here - step and b < end:
                    if top[a] < bottom[b] + reach and top[b] < bottom[a] + reach:
                        join(parent, a, b)
                    if (  # they may share a corner
                        bottom[a] == bottom[b]
                        and column[a + 1] == here - step
                        and top[a + 1] < bottom[b] + reach
                    ):
                        join(parent, a + 1, b)
                    if bottom[a] < bottom[b]:
                        a += 1
                    else:
                        b += 1
            begin = end


@kernel
def root_of(parent: Any, run: int) -> int:
    """Return the first run of a component, and shorten the way to it."""
    while parent[run] != run:
        parent[run] = parent[parent[run]]
        run = parent[run]
    return run


@kernel
def join(parent: Any, a: int, b: int) -> None:
    """Make one component of those of two runs."""
    a, b = root_of(parent, a), root_of(parent, b)
    if a < b:
        parent[b] = a
    else:
        parent[a] = b


@kernel
def number_trees(parent: Any) -> None:
    """Replace the parent of every run, which is none that follows it, by the number of its tree."""
    count = 0
    for run in range(parent.size):
        if parent[run] == run:
            parent[run] = count
            count += 1
        else:
            parent[run] = parent[parent[run]]


@kernel
def add_contacts(offsets: Any, column: Any, top: Any, bottom: Any, contacts: Any) -> None:
    """Count the pixels of every region whose neighbor in the next column belongs to it."""
    for region in range(offsets.size - 1):
        last = offsets[region + 1]
        a = offsets[region]
        b = a
        while a < last and b < last:
            if column[b] <= column[a]:
                b += 1
            elif column[b] > column[a] + 1:
                a += 1
            else:
                shared = min(bottom[a], bottom[b]) - max(top[a], top[b])
                if shared > 0:
                    contacts[region] += shared
                if bottom[a] < bottom[b]:
                    a += 1
                else:
                    b += 1


@kernel
def write_complement(
    offsets: Any, column: Any, top: Any, bottom: Any, box: Any, ends: Any, out: Any
) -> None:
    """Write the runs between those of every region in its box, column by column."""
    count = 0
    for region in range(offsets.size - 1):
        run = offsets[region]
        y0, y1 = box[region, 1], box[region, 1] + box[region, 3]
        for x in range(box[region, 0], box[region, 0] + box[region, 2]):
            y = y0
            while True:
                has_run = run < offsets[region + 1] and column[run] == x
                end = top[run] if has_run else y1
                if end > y:
                    out[0, count], out[1, count], out[2, count] = x, y, end
                    count += 1
                if not has_run:
                    break
                y = bottom[run]
                run += 1
        ends[region + 1] = count
