"""Polygons of regions: rings of corners of pixels, simplified arc by arc."""

from __future__ import annotations

import numpy as np

from segpost._backends import registry
from segpost._core.contract import Array
from segpost._core.object_contract import Rings
from segpost.objects.components import number_components
from segpost.objects.run_table import RunTable

Polygon = list[Array]  # the exterior ring, then holes: float64 (P, 2) of x and y, not closed


def build_polygons(table: RunTable, tolerance: float) -> list[list[Polygon]]:
    """Return the polygons of every region: one for each part whose pixels share sides.

    Parameters
    ----------
    table : RunTable
    tolerance : float
        The distance, in pixels, that a corner may be left out by.
    """
    if not len(table.labels):
        return []
    component, count = number_components(table, 4)
    region = np.zeros(count, np.int64)
    region[component] = table.region
    trace = _trace_map if table.is_disjoint else _trace_alone
    rings = trace(table, component, tolerance)
    points, offsets = rings.points.astype(float), rings.offsets
    parts: list[Polygon] = [[] for _ in range(count)]
    for ring in np.argsort(rings.area > 0, kind="stable"):  # exteriors first
        parts[rings.owner[ring]].append(points[offsets[ring] : offsets[ring + 1]].copy())
    polygons: list[list[Polygon]] = [[] for _ in table.labels]
    for number, part in zip(region.tolist(), parts, strict=True):
        polygons[number].append(part)
    return polygons


def _trace_map(table: RunTable, component: Array, tolerance: float) -> Rings:
    """Trace the borders of a map, whose regions have them in common."""
    height, width = table.size
    backend = registry.host_backend()
    order, _ = backend.sort_groups(table.top, height)
    order = order[backend.sort_groups(table.column[order], width)[0]]
    column, top, bottom, owner = (
        values[order] for values in (table.column, table.top, table.bottom, component)
    )
    return backend.trace_rings(width, height, column, top, bottom, owner, True, tolerance)


def _trace_alone(table: RunTable, component: Array, tolerance: float) -> Rings:
    """Trace the border of every region, beside each other with a column between."""
    x, width = table.box[:, 0], table.box[:, 2]
    begins = np.concatenate([[0], np.cumsum(width + 1)])
    shift = begins[:-1] - x
    column = (table.column + shift[table.region]).astype(np.int32)
    rings = registry.host_backend().trace_rings(
        int(begins[-1]), table.size[0], column, table.top, table.bottom, component, False, tolerance
    )
    shift_of = np.zeros(int(component.max()) + 1, np.int32)
    shift_of[component] = shift[table.region]
    rings.points[:, 0] -= np.repeat(shift_of[rings.owner], np.diff(rings.offsets))
    return rings
