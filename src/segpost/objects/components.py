"""Connected components of runs, and how long the borders of regions are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

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
    from segpost._backends.numba.objects.connect import connect_runs  # Numba takes long to import

    parent = np.arange(len(table.column), dtype=np.int64)
    reach = 1 if connectivity == 8 else 0
    connect_runs(table.offsets, table.column, table.top, table.bottom, reach, parent)
    _, component, counts = rank_labels(parent)
    return component, counts


def measure_perimeters(table: RunTable) -> Array:
    """Return how many sides of pixels are between every region and the rest, int64."""
    from segpost._backends.numba.objects.connect import count_contacts

    contacts = np.zeros(len(table.labels), np.int64)
    count_contacts(table.offsets, table.column, table.top, table.bottom, contacts)
    return 2 * np.diff(table.offsets) + 2 * (table.area - contacts)
