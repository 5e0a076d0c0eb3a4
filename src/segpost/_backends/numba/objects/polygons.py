"""Rings around regions on Numba: borders as a graph of arcs, which are simplified one by one.

Vertices are corners of pixels. An arc is the border between two regions, from one junction, where
three or more regions or two pairs of pixels meet, to the next. A half arc is an arc in one
direction; 2 * arc is forward. Directions are 0 right, 1 down, 2 left, 3 up, and a half arc belongs
to the region on its left.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segpost._backends.numba.objects import borders, rings
from segpost._core.contract import Array
from segpost._core.object_contract import Rings


class Arcs(NamedTuple):
    """The arcs of an image; their points are corners, without those on straight lines."""

    points: Array  # [P, 2] int32: x, y
    offsets: Array  # [A + 1] int64: the points of an arc
    owner: Array  # [A, 2] int32: the region on the left, and on the right; -1: none


class ArcRings(NamedTuple):
    """Closed rings of half arcs; none passes a junction twice."""

    halves: Array  # [S] int32
    offsets: Array  # [G + 1] int64: the half arcs of a ring
    owner: Array  # [G] int32: the region on its left


def trace_rings(
    columns: int,
    height: int,
    column: Array,
    top: Array,
    bottom: Array,
    owner: Array,
    keeps_corners: bool,
    tolerance: float,
) -> Rings:
    """Return the rings around regions."""
    arcs, of_arcs = _trace_arcs(columns, height, column, top, bottom, owner, keeps_corners)
    is_kept = np.ones(len(arcs.points), bool)
    if tolerance > 0:
        _simplify(arcs, of_arcs, tolerance, is_kept)
    return _ring_points(arcs, of_arcs, is_kept)


def _trace_arcs(
    columns: int,
    height: int,
    column: Array,
    top: Array,
    bottom: Array,
    owner: Array,
    keeps_corners: bool,
) -> tuple[Arcs, ArcRings]:
    """Trace the borders of runs, and join arcs to rings."""
    first = np.searchsorted(column, np.arange(columns + 1)).astype(np.int64)
    size = 2 * len(column)
    places = np.empty(size, np.int32)
    sides = np.empty((size, 2), np.int32)
    starts = np.zeros(columns + 1, np.int64)
    borders.list_changes(first, top, bottom, owner, places, sides, starts)
    count = int(starts[-1])
    position = np.empty((2 * count, 2), np.int32)
    neighbor = np.full((2 * count, 4), -1, np.int32)
    quadrant = np.empty((2 * count, 4), np.int32)
    vertices = borders.link_vertices(
        starts, places, sides, np.empty(count, np.int32), position, neighbor, quadrant
    )
    position, neighbor = position[:vertices], neighbor[:vertices]
    is_node = np.count_nonzero(neighbor >= 0, axis=1) > 2
    if keeps_corners:
        on_frame = (position == 0) | (position == [columns, height])
        is_node |= on_frame.all(axis=1)
    ends = int(np.count_nonzero(neighbor[is_node] >= 0))
    points = np.empty((2 * vertices + ends, 2), np.int32)
    most = ends // 2 + vertices // 4
    offsets, owners = np.zeros(most + 1, np.int64), np.empty((most, 2), np.int32)
    leaves = np.full((vertices, 4), -1, np.int32)
    goes_to = np.full((2 * most, 2), -1, np.int32)
    arcs = borders.follow_arcs(
        position, neighbor, quadrant, is_node, points, offsets, owners, leaves, goes_to
    )
    halves = np.empty(2 * arcs, np.int32)
    ring_offsets, ring_owner = np.zeros(2 * arcs + 1, np.int64), np.empty(2 * arcs, np.int32)
    count = borders.close_rings(owners[:arcs], leaves, goes_to, halves, ring_offsets, ring_owner)
    offsets, ring_offsets = offsets[: arcs + 1], ring_offsets[: count + 1]
    return (
        Arcs(points[: offsets[-1]], offsets, owners[:arcs]),
        ArcRings(halves[: ring_offsets[-1]], ring_offsets, ring_owner[:count]),
    )


def _simplify(arcs: Arcs, of_arcs: ArcRings, tolerance: float, is_kept: Array) -> None:
    """Leave points of arcs out; arcs whose rings would collapse or turn over keep theirs."""
    area = _ring_points(arcs, of_arcs, is_kept).area
    rings.leave_out(arcs.points, arcs.offsets, tolerance, is_kept)
    is_free = np.ones(len(arcs.owner), bool)
    ring = np.repeat(np.arange(len(of_arcs.owner)), np.diff(of_arcs.offsets))
    while True:
        collapsed = np.sign(_ring_points(arcs, of_arcs, is_kept).area) != np.sign(area)
        arc = of_arcs.halves[collapsed[ring]] // 2
        arc = arc[is_free[arc]]
        if not arc.size:
            return
        is_free[arc] = False
        is_kept[np.repeat(~is_free, np.diff(arcs.offsets))] = True


def _ring_points(arcs: Arcs, of_arcs: ArcRings, is_kept: Array) -> Rings:
    """Return the points of all rings."""
    kept_before = np.concatenate([[0], np.cumsum(is_kept)])
    lengths = np.diff(kept_before[arcs.offsets]) - 1
    counts = np.concatenate([[0], np.cumsum(lengths[of_arcs.halves // 2])])
    points = np.empty((counts[-1], 2), np.int32)
    offsets = counts[of_arcs.offsets]
    area = np.zeros(len(of_arcs.owner), np.float64)
    rings.write_rings(
        arcs.points, arcs.offsets, is_kept, of_arcs.halves, of_arcs.offsets, offsets, points, area
    )
    return Rings(points, offsets, of_arcs.owner, area)
