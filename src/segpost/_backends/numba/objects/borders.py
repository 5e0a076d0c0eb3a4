"""Borders of runs as a graph, and its arcs and rings: see `polygons`."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.threads import kernel


@kernel
def list_changes(
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
def link_vertices(
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
def follow_arcs(
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
def close_rings(
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
