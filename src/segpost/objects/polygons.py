"""Polygons of regions: rings of corners of pixels, simplified arc by arc."""

from __future__ import annotations

import numpy as np

from segpost._core.contract import Array
from segpost.objects.borders import Arcs, Rings, trace_borders
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
    component, counts = number_components(table, 4)
    region = np.zeros(len(counts), np.int64)
    region[component] = table.region
    if table.is_disjoint:
        arcs, rings = _trace_map(table, component)
    else:
        arcs, rings = _trace_alone(table, component, region)
    is_kept = np.ones(len(arcs.points), bool)
    if tolerance > 0:
        _simplify(arcs, rings, tolerance, is_kept)
    points, offsets, areas = _ring_points(arcs, rings, is_kept)
    parts: list[Polygon] = [[] for _ in counts]
    for ring in np.argsort(areas > 0, kind="stable"):  # exteriors first
        parts[rings.owner[ring]].append(points[offsets[ring] : offsets[ring + 1]].astype(float))
    polygons: list[list[Polygon]] = [[] for _ in table.labels]
    for number, part in zip(region.tolist(), parts, strict=True):
        polygons[number].append(part)
    return polygons


def _trace_map(table: RunTable, component: Array) -> tuple[Arcs, Rings]:
    """Trace the borders of a map, whose regions have them in common."""
    height, width = table.size
    order = np.argsort(table.top.astype(_narrow(height)), kind="stable")
    order = order[np.argsort(table.column[order].astype(_narrow(width)), kind="stable")]
    arrays = (values[order] for values in (table.column, table.top, table.bottom, component))
    return trace_borders(width, height, *arrays, keeps_corners=True)


def _narrow(stop: int) -> type[np.uint16 | np.int64]:
    """Return an integer type for 0..stop - 1; those of 16 bits are sorted in linear time."""
    return np.uint16 if stop <= 1 << 16 else np.int64


def _trace_alone(table: RunTable, component: Array, region: Array) -> tuple[Arcs, Rings]:
    """Trace the border of every region, beside each other with a column between."""
    x, width = table.box[:, 0], table.box[:, 2]
    begins = np.concatenate([[0], np.cumsum(width + 1)])
    shift = begins[:-1] - x
    column = table.column + shift[table.region]
    arcs, rings = trace_borders(
        int(begins[-1]),
        table.size[0],
        column,
        table.top,
        table.bottom,
        component,
        keeps_corners=False,
    )
    owner = region[arcs.owner.max(axis=1)]
    arcs.points[:, 0] -= np.repeat(shift[owner], np.diff(arcs.offsets)).astype(np.int32)
    return arcs, rings


def _simplify(arcs: Arcs, rings: Rings, tolerance: float, is_kept: Array) -> None:
    """Leave points of arcs out; arcs whose rings would collapse or turn over keep theirs."""
    from segpost._backends.numba.objects.rings import leave_out  # Numba takes long to import

    areas = _ring_points(arcs, rings, is_kept)[2]
    leave_out(arcs.points, arcs.offsets, tolerance, is_kept)
    is_free = np.ones(len(arcs.owner), bool)
    ring = np.repeat(np.arange(len(rings.owner)), np.diff(rings.offsets))
    while True:
        collapsed = np.sign(_ring_points(arcs, rings, is_kept)[2]) != np.sign(areas)
        arc = rings.halves[collapsed[ring]] // 2
        arc = arc[is_free[arc]]
        if not arc.size:
            return
        is_free[arc] = False
        is_kept[np.repeat(~is_free, np.diff(arcs.offsets))] = True


def _ring_points(arcs: Arcs, rings: Rings, is_kept: Array) -> tuple[Array, Array, Array]:
    """Return the points of all rings, where each begins, and areas, negative of exteriors."""
    from segpost._backends.numba.objects.rings import write_rings

    kept_before = np.concatenate([[0], np.cumsum(is_kept)])
    lengths = np.diff(kept_before[arcs.offsets]) - 1
    counts = np.concatenate([[0], np.cumsum(lengths[rings.halves // 2])])
    points = np.empty((counts[-1], 2), np.int32)
    offsets = counts[rings.offsets]
    areas = np.zeros(len(rings.owner), np.float64)
    write_rings(
        arcs.points, arcs.offsets, is_kept, rings.halves, rings.offsets, offsets, points, areas
    )
    return points, offsets, areas
