"""Connected components of runs, and how long the borders of regions are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from segpost._backends import registry
from segpost._core.contract import Array
from segpost.objects.run_table import RunTable, index_pixels


def split_components(table: RunTable, connectivity: int) -> RunTable:
    """Return a table with a region for every connected component.

    Components are in order of their label, then of their first pixel, row by row.

    Parameters
    ----------
    table : RunTable
    connectivity : {4, 8, 6, 18, 26}
        The number of neighbors that a pixel, or a voxel, is connected to.
    """
    if not len(table.labels):
        return table
    component, count = number_components(table, connectivity)
    order, begins = registry.host_backend().sort_groups(component, count)
    pixel = index_pixels(table.size, table.column, table.top)
    first_pixel = np.minimum.reduceat(pixel[order], begins[:-1])
    region = table.region[order[begins[:-1]]]
    sequence = np.lexsort([first_pixel, region])
    counts = np.diff(begins)[sequence]
    offsets = np.append(0, np.cumsum(counts))
    order = order[np.repeat(begins[sequence] - offsets[:-1], counts) + np.arange(len(order))]
    region = region[sequence]
    return replace(
        table,
        labels=table.labels[region],
        offsets=offsets,
        column=table.column[order],
        top=table.top[order],
        bottom=table.bottom[order],
        total=None if table.total is None else table.total[order],
        scores=None if table.scores is None else table.scores[region],
    )


def number_components(table: RunTable, connectivity: int) -> tuple[Array, int]:
    """Return the number of the component of every run, and how many components there are."""
    component = registry.host_backend().label_components(
        table.offsets, table.column, table.top, table.bottom, max(table.size[1], 1), connectivity
    )
    return component, int(component.max(initial=-1)) + 1


def measure_perimeters(table: RunTable) -> Array:
    """Return how many sides of pixels are between every region and the rest, int64."""
    contacts = registry.host_backend().count_contacts(
        table.offsets, table.column, table.top, table.bottom
    )
    perimeters: Array = 2 * np.diff(table.offsets) + 2 * (table.area - contacts)
    return perimeters
