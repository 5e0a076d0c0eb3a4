"""Holes of regions: the pixels that a region keeps from the rest of the image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from segpost._backends import registry
from segpost.objects.components import number_components
from segpost.objects.run_table import RunTable


def fill_holes(table: RunTable, max_area: int | None = None) -> RunTable:
    """Return a table whose regions have the pixels of their holes.

    A hole is a component, of pixels that share sides, that does not reach the box of the region.
    """
    if not len(table.labels):
        return table
    outside = _complement(table)
    component, count = number_components(outside, 4)
    box = table.box[outside.region]
    reaches = (
        (outside.column == box[:, 0])
        | (outside.column == box[:, 0] + box[:, 2] - 1)
        | (outside.top == box[:, 1])
        | (outside.bottom == box[:, 1] + box[:, 3])
    )
    is_hole = np.ones(count, bool)
    is_hole[component[reaches]] = False
    if max_area is not None:
        area = np.bincount(component, outside.length, count)
        is_hole &= area <= max_area
    added = is_hole[component]
    region = np.concatenate([table.region, outside.region[added]])
    column, top, bottom = (
        np.concatenate([own, other[added]])
        for own, other in (
            (table.column, outside.column),
            (table.top, outside.top),
            (table.bottom, outside.bottom),
        )
    )
    order = np.lexsort([top, column, region])
    region, column, top, bottom = (values[order] for values in (region, column, top, bottom))
    continues = np.zeros(len(top), bool)
    continues[1:] = (
        (region[1:] == region[:-1]) & (column[1:] == column[:-1]) & (top[1:] == bottom[:-1])
    )
    begins, ends = ~continues, ~np.append(continues[1:], False)
    filled = replace(
        table,
        offsets=np.searchsorted(region[begins], np.arange(len(table.labels) + 1)),
        column=column[begins],
        top=top[begins],
        bottom=bottom[ends],
        total=None,
        scores=table.mean_value,
    )
    return replace(filled, is_disjoint=_is_disjoint(filled))


def _is_disjoint(table: RunTable) -> bool:
    """Return whether no pixel belongs to two runs."""
    order = np.lexsort([table.top, table.column])
    column, top, bottom = table.column[order], table.top[order], table.bottom[order]
    return not ((column[1:] == column[:-1]) & (top[1:] < bottom[:-1])).any()


def _complement(table: RunTable) -> RunTable:
    """Return the runs of the pixels in the box of every region that are not of the region."""
    offsets, column, top, bottom = registry.host_backend().complement_runs(
        table.offsets, table.column, table.top, table.bottom, table.box
    )
    return RunTable(table.size, table.labels, offsets, column, top, bottom)
