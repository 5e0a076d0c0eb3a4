"""Borders between regions as a graph: arcs that two regions share, and rings of arcs.

Vertices are corners of pixels. An arc is the border between two regions, from one junction, where
three or more regions or two pairs of pixels meet, to the next. A half arc is an arc in one
direction; 2 * arc is forward. Directions are 0 right, 1 down, 2 left, 3 up, and a half arc belongs
to the region on its left.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from segpost._backends.numba.threads import kernel
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
    first = np.searchsorted(column, np.arange(columns + 1)).astype(np.int64)
    size = 2 * len(column)
    places = np.empty(size, np.int32)
    sides = np.empty((size, 2), np.int32)
    starts = np.zeros(columns + 1, np.int64)
    _list_changes(first, top, bottom, owner.astype(np.int32), places, sides, starts)
    count = int(starts[-1])
    position = np.empty((2 * count, 2), np.int32)
    neighbor = np.full((2 * count, 4), -1, np.int32)
    quadrant = np.empty((2 * count, 4), np.int32)
    vertices = _link_vertices(
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
    arcs = _follow_arcs(
        position, neighbor, quadrant, is_node, points, offsets, owners, leaves, goes_to
    )
    halves = np.empty(2 * arcs, np.int32)
    ring_offsets, ring_owner = np.zeros(2 * arcs + 1, np.int64), np.empty(2 * arcs, np.int32)
    rings = _close_rings(owners[:arcs], leaves, goes_to, halves, ring_offsets, ring_owner)
    offsets, ring_offsets = offsets[: arcs + 1], ring_offsets[: rings + 1]
    return (
        Arcs(points[: offsets[-1]], offsets, owners[:arcs]),
        Rings(halves[: ring_offsets[-1]], ring_offsets, ring_owner[:rings]),
    )


@kernel
def _list_changes(
    first: Any, top: Any, bottom: Any, owner: Any, places: Any, sides: Any, starts: Any
) -> None:
    """List where the region changes along every column, and those above and below."""
    count = 0
    for x in range(first.size - 1):
        starts[x] = count
        above, end = -1, -1
        for run in range(first[x], first[x + 1]):
            if end >= 0 and end < top[run]:  # nothing between
                places[count], sides[count, 0], sides[count, 1] = end, above, -1
                count += 1
                above = -1
            if owner[run] != above:
                places[count], sides[count, 0], sides[count, 1] = top[run], above, owner[run]
                count += 1
            above, end = owner[run], bottom[run]
        if above >= 0:
            places[count], sides[count, 0], sides[count, 1] = end, above, -1
            count += 1
    starts[first.size - 1] = count


@kernel
def _link_vertices(
    starts: Any,
    places: Any,
    sides: Any,
    vertex_of: Any,
    position: Any,
    neighbor: Any,
    quadrant: Any,
) -> int:
    """List the corners at which a border turns or is met, and link each with its neighbors."""
    columns = starts.size - 1
    count = 0
    for x in range(columns + 1):
        i, i_end = (starts[x - 1], starts[x]) if x > 0 else (0, 0)
        j, j_end = (starts[x], starts[x + 1]) if x < columns else (0, 0)
        left, right = -1, -1
        while i < i_end or j < j_end:
            is_left = i < i_end and (j >= j_end or places[i] <= places[j])
            y = places[i] if is_left else places[j]
            if left != right:
                neighbor[count, 3] = count - 1
                neighbor[count - 1, 1] = count
            quadrant[count, 0], quadrant[count, 1] = left, right
            position[count, 0], position[count, 1] = x, y
            if i < i_end and places[i] == y:
                left = sides[i, 1]
                neighbor[count, 2] = vertex_of[i]
                neighbor[vertex_of[i], 0] = count
                i += 1
            if j < j_end and places[j] == y:
                right = sides[j, 1]
                vertex_of[j] = count
                j += 1
            quadrant[count, 2], quadrant[count, 3] = left, right
            count += 1
    return count


@kernel
def _follow_arcs(
    position: Any,
    neighbor: Any,
    quadrant: Any,
    is_node: Any,
    points: Any,
    offsets: Any,
    owner: Any,
    leaves: Any,
    goes_to: Any,
) -> int:
    """Follow the border from every junction to the next, then rings without junctions.

    `leaves` has the half arc of a junction in every direction, `goes_to` the junction at the end of
    a half arc and the direction there.
    """
    at_left = (1, 3, 2, 0)  # quadrants beside an edge: 0 up left, 1 up right, 2 down left, 3
    at_right = (3, 2, 0, 1)
    is_passed = np.zeros(position.shape[0], np.bool_)
    arcs, count = 0, 0
    for closes in (False, True):
        for start in range(position.shape[0]):
            if is_node[start] == closes or (closes and is_passed[start]):
                continue
            for direction in range(4):
                if neighbor[start, direction] < 0 or leaves[start, direction] >= 0:
                    continue
                if closes and is_passed[start]:
                    break
                heading, vertex = direction, start
                owner[arcs, 0] = quadrant[start, at_left[direction]]
                owner[arcs, 1] = quadrant[start, at_right[direction]]
                points[count, 0], points[count, 1] = position[start, 0], position[start, 1]
                count += 1
                while True:
                    vertex = neighbor[vertex, heading]
                    if is_node[vertex] or vertex == start:
                        break
                    is_passed[vertex] = True
                    if neighbor[vertex, heading] < 0:
                        points[count, 0], points[count, 1] = (
                            position[vertex, 0],
                            position[vertex, 1],
                        )
                        count += 1
                        turn = (heading + 1) % 4
                        heading = turn if neighbor[vertex, turn] >= 0 else (heading + 3) % 4
                points[count, 0], points[count, 1] = position[vertex, 0], position[vertex, 1]
                count += 1
                if closes:
                    is_passed[start] = True
                else:
                    back = (heading + 2) % 4
                    leaves[start, direction], leaves[vertex, back] = 2 * arcs, 2 * arcs + 1
                    goes_to[2 * arcs, 0], goes_to[2 * arcs, 1] = vertex, heading
                    goes_to[2 * arcs + 1, 0] = start
                    goes_to[2 * arcs + 1, 1] = (direction + 2) % 4
                arcs += 1
                offsets[arcs] = count
    return arcs


@kernel
def _close_rings(
    owner: Any, leaves: Any, goes_to: Any, halves: Any, offsets: Any, ring_owner: Any
) -> int:
    """Write the half arcs of every ring; a ring that meets a junction again becomes two."""
    is_used = np.zeros(2 * owner.shape[0], np.bool_)
    place = np.full(leaves.shape[0], -1, np.int64)  # of a junction in the ring so far
    stack = np.empty(2 * owner.shape[0], np.int32)
    rings, count = 0, 0
    for first in range(2 * owner.shape[0]):
        region = owner[first // 2, first % 2]
        if is_used[first] or region < 0:
            continue
        if goes_to[first, 0] < 0:  # a ring without a junction
            is_used[first] = True
            halves[count] = first
            count += 1
            ring_owner[rings] = region
            rings += 1
            offsets[rings] = count
            continue
        depth = 0
        half = first
        while True:
            begins_at = goes_to[half ^ 1, 0]
            if place[begins_at] >= 0 or is_used[half]:
                bottom = place[begins_at]
                for i in range(bottom, depth):
                    place[goes_to[stack[i] ^ 1, 0]] = -1
                    halves[count] = stack[i]
                    count += 1
                depth = bottom
                ring_owner[rings] = region
                rings += 1
                offsets[rings] = count
            if is_used[half]:
                break
            is_used[half] = True
            place[begins_at] = depth
            stack[depth] = half
            depth += 1
            vertex, heading = goes_to[half, 0], goes_to[half, 1]
            for turn in (3, 0, 1):  # to the left first: pixels that share a corner are apart
                half = leaves[vertex, (heading + turn) % 4]
                if half >= 0:
                    break
    return rings
