"""Definition of the rings around regions: the borders of an image of regions, step by step.

A corner of a pixel is (x, y). An arc is the border between two regions, from one junction, where
three or more sides of pixels meet, to the next; arcs have a region on the left and one on the
right. Directions are 0 right, 1 down, 2 left, 3 up.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from segpost._core.contract import Array
from segpost._core.object_contract import Rings

Corner = tuple[int, int]
STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))
AT_LEFT = ((0, -1), (0, 0), (-1, 0), (-1, -1))  # the pixel on the left of a step from a corner
AT_RIGHT = ((0, 0), (-1, 0), (-1, -1), (0, -1))


class Arc(NamedTuple):
    """A border from a junction to a junction, or around a region."""

    points: list[Corner]  # corners at which it turns, and both ends
    directions: tuple[int, int]  # of the first and of the last step
    owner: tuple[int, int]  # on the left, on the right; -1: none
    is_open: bool  # whether it ends at junctions


class Image:
    """An image of regions: which sides of pixels are borders, and which corners are junctions."""

    def __init__(self, regions: Array, keeps_corners: bool) -> None:
        self.height, self.width = regions.shape
        self._regions = np.pad(regions, 1, constant_values=-1)
        self._keeps_corners = keeps_corners

    def owner(self, corner: Corner, direction: int) -> tuple[int, int]:
        """Return the regions on the left and on the right of a step."""
        left, right = (
            int(self._regions[corner[1] + dy + 1, corner[0] + dx + 1])
            for dx, dy in (AT_LEFT[direction], AT_RIGHT[direction])
        )
        return left, right

    def directions(self, corner: Corner) -> list[int]:
        """Return the directions of the borders that meet at a corner."""
        owners = (self.owner(corner, direction) for direction in range(4))
        return [direction for direction, (a, b) in enumerate(owners) if a != b]

    def is_junction(self, corner: Corner) -> bool:
        """Return whether arcs end at a corner."""
        x, y = corner
        is_kept = self._keeps_corners and x in (0, self.width) and y in (0, self.height)
        return len(self.directions(corner)) > (0 if is_kept else 2)

    def follow(self, start: Corner, direction: int) -> Arc:
        """Return the arc that leaves a corner in a direction."""
        owner, points, heading, corner = self.owner(start, direction), [start], direction, start
        while True:
            corner = corner[0] + STEPS[heading][0], corner[1] + STEPS[heading][1]
            is_open = self.is_junction(corner)
            if is_open or corner == start:
                points.append(corner)
                return Arc(points, (direction, heading), owner, is_open)
            onward = [d for d in self.directions(corner) if d != (heading + 2) % 4]
            if onward != [heading]:
                points.append(corner)
                (heading,) = onward


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
    regions = np.full((height, columns), -1)
    for x, y0, y1, region in zip(column, top, bottom, owner, strict=True):
        regions[y0:y1, x] = region
    arcs = _list_arcs(Image(regions, keeps_corners))
    rings = _close_rings(arcs)
    paths = [arc.points for arc in arcs]
    if tolerance > 0:
        paths = _simplify(paths, rings, tolerance)
    points = [_ring_points(paths, ring) for ring in rings]
    return Rings(
        np.array([point for ring in points for point in ring], np.int32).reshape(-1, 2),
        np.cumsum([0, *map(len, points)]),
        np.array([arcs[ring[0] // 2].owner[ring[0] % 2] for ring in rings], np.int32),
        np.array([_twice_area(ring) / 2 for ring in points], np.float64),
    )


def _list_arcs(image: Image) -> list[Arc]:
    """Return the arcs between junctions, then those around regions, by their first corner."""
    corners = [(x, y) for x in range(image.width + 1) for y in range(image.height + 1)]
    corners = [corner for corner in corners if image.directions(corner)]
    arcs: list[Arc] = []
    passed: set[tuple[Corner, int]] = set()
    for closes in (False, True):
        for corner in corners:
            if image.is_junction(corner) == closes:
                continue
            for direction in image.directions(corner):
                if (corner, direction) in passed:
                    continue
                arc = image.follow(corner, direction)
                arcs.append(arc)
                passed |= {(corner, direction), (arc.points[-1], (arc.directions[1] + 2) % 4)}
                passed |= _steps_between_junctions(image, arc)
    return arcs


def _steps_between_junctions(image: Image, arc: Arc) -> set[tuple[Corner, int]]:
    """Return the corners of an arc that are no junctions, with both directions there."""
    steps = set()
    for (x0, y0), (x1, y1) in pairwise(arc.points):
        for x in range(min(x0, x1), max(x0, x1) + 1):
            for y in range(min(y0, y1), max(y0, y1) + 1):
                if not image.is_junction((x, y)):
                    steps |= {((x, y), direction) for direction in image.directions((x, y))}
    return steps


def _close_rings(arcs: list[Arc]) -> list[list[int]]:
    """Return rings of half arcs: 2 * arc forward, 2 * arc + 1 backward.

    A half arc goes on with the one that turns most to the left, so that pixels that only share a
    corner are apart. A ring that meets a junction again becomes two.
    """
    leaves = {}  # the half arc that leaves a junction in a direction
    for number, arc in enumerate(arcs):
        if arc.is_open:
            leaves[arc.points[0], arc.directions[0]] = 2 * number
            leaves[arc.points[-1], (arc.directions[1] + 2) % 4] = 2 * number + 1
    rings: list[list[int]] = []
    used: set[int] = set()
    for first in range(2 * len(arcs)):
        if first in used or arcs[first // 2].owner[first % 2] < 0:
            continue
        if not arcs[first // 2].is_open:
            used.add(first)
            rings.append([first])
            continue
        path: list[int] = []
        half = first
        while True:
            begins = [_begin(arcs, passed) for passed in path]
            here = _begin(arcs, half)
            if here in begins:
                rings.append(path[begins.index(here) :])
                del path[begins.index(here) :]
            if half in used:
                break
            used.add(half)
            path.append(half)
            backward = half % 2
            arc = arcs[half // 2]
            heading = (arc.directions[0] + 2) % 4 if backward else arc.directions[1]
            end = _begin(arcs, half ^ 1)
            half = next(
                leaves[end, (heading + turn) % 4]
                for turn in (3, 0, 1)
                if (end, (heading + turn) % 4) in leaves
            )
    return rings


def _begin(arcs: list[Arc], half: int) -> Corner:
    """Return the corner at which a half arc begins."""
    return arcs[half // 2].points[-1 if half % 2 else 0]


def _ring_points(paths: list[list[Corner]], ring: list[int]) -> list[Corner]:
    """Return the points of a ring, the first once."""
    points = []
    for half in ring:
        path = paths[half // 2]
        points += path[:0:-1] if half % 2 else path[:-1]
    return points


def _twice_area(ring: list[Corner]) -> int:
    """Return twice the area of a ring, negative of exteriors."""
    pairs = zip(ring, [*ring[1:], *ring[:1]], strict=True)
    return sum(x * to_y - to_x * y for (x, y), (to_x, to_y) in pairs)


def _simplify(
    paths: list[list[Corner]], rings: list[list[int]], tolerance: float
) -> list[list[Corner]]:
    """Return arcs with fewer points, or all where a ring would collapse or turn over."""
    simplified = [_leave_out(path, tolerance) for path in paths]
    signs = [np.sign(_twice_area(_ring_points(paths, ring))) for ring in rings]
    while True:
        collapsed = [
            ring
            for ring, sign in zip(rings, signs, strict=True)
            if np.sign(_twice_area(_ring_points(simplified, ring))) != sign
        ]
        arcs = {half // 2 for ring in collapsed for half in ring}
        if all(simplified[arc] == paths[arc] for arc in arcs):
            return simplified
        for arc in arcs:
            simplified[arc] = paths[arc]


def _leave_out(path: list[Corner], tolerance: float) -> list[Corner]:
    """Return the points that remain of an arc: Douglas and Peucker, 1973."""
    if len(path) < 3:
        return path
    points = np.array(path, np.float64)
    x, y = (points[1:-1] - points[0]).T
    dx, dy = points[-1] - points[0]
    squared = dx * dx + dy * dy
    along = np.clip((x * dx + y * dy) / squared, 0.0, 1.0) if squared else np.zeros(len(x))
    distances = (x - along * dx) ** 2 + (y - along * dy) ** 2
    farthest = int(distances.argmax())
    if distances[farthest] <= tolerance**2 and squared:
        return [path[0], path[-1]]
    first = _leave_out(path[: farthest + 2], tolerance)
    return first[:-1] + _leave_out(path[farthest + 1 :], tolerance)
