"""Polygons of regions: rings of corners of pixels, simplified arc by arc."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.threads import kernel
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
    areas = _ring_points(arcs, rings, is_kept)[2]
    _leave_out(arcs.points, arcs.offsets, tolerance, is_kept)
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


@kernel
def _leave_out(points: Any, offsets: Any, tolerance: float, is_kept: Any) -> None:
    """Mark the points that remain of every arc: Douglas and Peucker, 1973."""
    stack = np.empty((points.shape[0] + 2, 2), np.int64)
    for arc in range(offsets.size - 1):
        first, last = offsets[arc], offsets[arc + 1] - 1
        is_kept[first + 1 : last] = False
        stack[0, 0], stack[0, 1] = first, last
        depth = 1
        while depth > 0:
            depth -= 1
            a, b = stack[depth, 0], stack[depth, 1]
            x, y = float(points[a, 0]), float(points[a, 1])
            dx, dy = points[b, 0] - x, points[b, 1] - y
            squared = dx * dx + dy * dy
            farthest, at = -1.0, a
            for i in range(a + 1, b):
                px, py = points[i, 0] - x, points[i, 1] - y
                along = 0.0
                if squared > 0.0:
                    along = min(max((px * dx + py * dy) / squared, 0.0), 1.0)
                px -= along * dx
                py -= along * dy
                distance = px * px + py * py
                if distance > farthest:
                    farthest, at = distance, i
            if farthest > tolerance * tolerance or (squared == 0.0 and at > a):
                is_kept[at] = True
                stack[depth, 0], stack[depth, 1] = a, at
                stack[depth + 1, 0], stack[depth + 1, 1] = at, b
                depth += 2


def _ring_points(arcs: Arcs, rings: Rings, is_kept: Array) -> tuple[Array, Array, Array]:
    """Return the points of all rings, where each begins, and areas, negative of exteriors."""
    kept_before = np.concatenate([[0], np.cumsum(is_kept)])
    lengths = np.diff(kept_before[arcs.offsets]) - 1
    counts = np.concatenate([[0], np.cumsum(lengths[rings.halves // 2])])
    points = np.empty((counts[-1], 2), np.int32)
    offsets = counts[rings.offsets]
    areas = np.zeros(len(rings.owner), np.float64)
    _write_rings(
        arcs.points, arcs.offsets, is_kept, rings.halves, rings.offsets, offsets, points, areas
    )
    return points, offsets, areas


@kernel
def _write_rings(
    points: Any,
    arcs: Any,
    is_kept: Any,
    halves: Any,
    rings: Any,
    offsets: Any,
    out: Any,
    areas: Any,
) -> None:
    """Write the points of every ring, and its area by the shoelace formula."""
    for ring in range(rings.size - 1):
        count = offsets[ring]
        for i in range(rings[ring], rings[ring + 1]):
            arc = halves[i] // 2
            first, last = arcs[arc], arcs[arc + 1] - 1
            for k in range(last - first):
                point = first + k if halves[i] % 2 == 0 else last - k
                if is_kept[point]:
                    out[count, 0], out[count, 1] = points[point, 0], points[point, 1]
                    count += 1
        twice = np.int64(0)
        for i in range(offsets[ring], offsets[ring + 1]):
            k = i + 1 if i + 1 < offsets[ring + 1] else offsets[ring]
            twice += np.int64(out[i, 0]) * out[k, 1] - np.int64(out[k, 0]) * out[i, 1]
        areas[ring] = twice / 2
