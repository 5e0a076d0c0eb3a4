"""Connected components of runs, and how long the borders of regions are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from segpost._backends.numba.threads import kernel
from segpost._core.contract import Array
from segpost.objects.run_table import RunTable, rank_labels


def split_components(table: RunTable, connectivity: int) -> RunTable:
    """Return a table with a region for every connected component.

    Components are in order of their label, then of their first pixel, row by row.

    Parameters
    ----------
    table : RunTable
    connectivity : {4, 8}
        Whether pixels that only share a corner are connected.
    """
    component, counts = number_components(table, connectivity)
    order = np.argsort(component, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(counts)])
    region = table.region[order[offsets[:-1]]]
    split = replace(
        table,
        labels=table.labels[region],
        offsets=offsets,
        column=table.column[order],
        top=table.top[order],
        bottom=table.bottom[order],
        total=None if table.total is None else table.total[order],
        scores=None if table.scores is None else table.scores[region],
    )
    return split.select(np.lexsort([split.first_pixel, region]))


def number_components(table: RunTable, connectivity: int) -> tuple[Array, Array]:
    """Return the number of the component of every run, and how many runs each has."""
    parent = np.arange(len(table.column), dtype=np.int64)
    reach = 1 if connectivity == 8 else 0
    connect_runs(table.offsets, table.column, table.top, table.bottom, reach, parent)
    _, component, counts = rank_labels(parent)
    return component, counts


@kernel
def connect_runs(offsets: Any, column: Any, top: Any, bottom: Any, reach: int, parent: Any) -> None:
    """Write the first run of the component of every run to `parent`, which holds its own index.

    `reach` is 0 where runs must share a side, 1 where a corner is enough.
    """
    for region in range(offsets.size - 1):
        before, before_end = 0, 0  # the runs of the column before
        begin = offsets[region]
        while begin < offsets[region + 1]:
            end = begin + 1
            while end < offsets[region + 1] and column[end] == column[begin]:
                end += 1
            if before_end == begin and before < begin and column[before] + 1 == column[begin]:
                a, b = before, begin
                while a < before_end and b < end:
                    if top[a] < bottom[b] + reach and top[b] < bottom[a] + reach:
                        join(parent, a, b)
                    if (  # they may share a corner
                        bottom[a] == bottom[b]
                        and a + 1 < before_end
                        and top[a + 1] < bottom[b] + reach
                    ):
                        join(parent, a + 1, b)
                    if bottom[a] < bottom[b]:
                        a += 1
                    else:
                        b += 1
            before, before_end = begin, end
            begin = end
    for run in range(parent.size):  # the first run of a component is its smallest
        parent[run] = parent[parent[run]]


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


def measure_perimeters(table: RunTable) -> Array:
    """Return how many sides of pixels are between every region and the rest, int64."""
    contacts = np.zeros(len(table.labels), np.int64)
    count_contacts(table.offsets, table.column, table.top, table.bottom, contacts)
    return 2 * np.diff(table.offsets) + 2 * (table.area - contacts)


@kernel
def count_contacts(offsets: Any, column: Any, top: Any, bottom: Any, contacts: Any) -> None:
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
