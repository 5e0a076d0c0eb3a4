"""Borders between regions as a graph: arcs that two regions share, and rings of arcs.

Vertices are corners of pixels. An arc is the border between two regions, from one junction, where
three or more regions or two pairs of pixels meet, to the next. A half arc is an arc in one
direction; 2 * arc is forward. Directions are 0 right, 1 down, 2 left, 3 up, and a half arc belongs
to the region on its left.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segpost._core.contract import Array


class Arcs(NamedTuple):
    """The arcs of an image; their points are corners, without those on straight lines."""

    points: Array  # [P, 2] int32: x, y
    offsets: Array  # [A + 1] int64: the points of an arc
    owner: Array  # [A, 2] int32: the region on the left, and on the right; -1: none


class Rings(NamedTuple):
    """Closed rings of half arcs; none passes a junction twice."""

    halves: Array  # [S] int32
    offsets: Array  # [G + 1] int64: the half arcs of a ring
    owner: Array  # [G] int32: the region on its left


def trace_borders(
    columns: int,
    height: int,
    column: Array,
    top: Array,
    bottom: Array,
    owner: Array,
    *,
    keeps_corners: bool,
) -> tuple[Arcs, Rings]:
    """Trace the borders of runs that do not overlap, sorted by column, then by row.

    Parameters
    ----------
    columns, height : int
        The size of the image.
    column, top, bottom, owner : arrays of shape (R,)
        The runs and the region of each.
    keeps_corners : bool
        Whether arcs end at the corners of the image.
    """
    from segpost._backends.numba.objects import borders as kernels  # Numba takes long to import

    first = np.searchsorted(column, np.arange(columns + 1)).astype(np.int64)
    size = 2 * len(column)
    places = np.empty(size, np.int32)
    sides = np.empty((size, 2), np.int32)
    starts = np.zeros(columns + 1, np.int64)
    kernels.list_changes(first, top, bottom, owner.astype(np.int32), places, sides, starts)
    count = int(starts[-1])
    position = np.empty((2 * count, 2), np.int32)
    neighbor = np.full((2 * count, 4), -1, np.int32)
    quadrant = np.empty((2 * count, 4), np.int32)
    vertices = kernels.link_vertices(
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
    arcs = kernels.follow_arcs(
        position, neighbor, quadrant, is_node, points, offsets, owners, leaves, goes_to
    )
    halves = np.empty(2 * arcs, np.int32)
    ring_offsets, ring_owner = np.zeros(2 * arcs + 1, np.int64), np.empty(2 * arcs, np.int32)
    rings = kernels.close_rings(owners[:arcs], leaves, goes_to, halves, ring_offsets, ring_owner)
    offsets, ring_offsets = offsets[: arcs + 1], ring_offsets[: rings + 1]
    return (
        Arcs(points[: offsets[-1]], offsets, owners[:arcs]),
        Rings(halves[: ring_offsets[-1]], ring_offsets, ring_owner[:rings]),
    )
