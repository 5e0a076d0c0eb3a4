"""The operation surface_distances on Numba: sites in rows, searched outwards from every element."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.threads import kernel, run
from segpost._backends.reference import distances as definition
from segpost._core.contract import Array
from segpost._core.distance_contract import Steps, SurfaceDistances

BLOCK = 1 << 13  # elements of a strip
Points = tuple[Array, Array, Array]  # offsets [C + 1], points [E, 3] int32, codes


def surface_distances(
    preds: Array,
    target: Array,
    classes: int,
    ignored: Array,
    spacing: Steps,
    volume: bool,
    elements: str,
) -> tuple[SurfaceDistances, SurfaceDistances]:
    """Return the distances of the elements of both maps to the nearest site of the other one."""
    maps = definition.class_maps(preds, target, classes, ignored)
    if elements == "surfaces":
        points = [_surface_points(labels, classes, volume) for labels in maps]
        sites = points
    else:
        points, sites = [], []
        for own, other in (maps, maps[::-1]):
            masks = [(own == c, other == c) for c in range(classes)]
            points.append(
                _join([definition.find_elements(*pair, elements, volume) for pair in masks])
            )
            no_codes = np.empty(0, np.uint8)
            sites.append(
                _join(
                    [(definition.find_sites(one, elements, volume), no_codes) for one, _ in masks]
                )
            )
    shape = (target.shape[0] + 1, target.shape[1] + 1)  # of rows, in which corners may lie too
    first, second = (
        _distances(points[side], sites[1 - side], shape, np.array(spacing)) for side in (0, 1)
    )
    return first, second


def _surface_points(labels: Array, classes: int, volume: bool) -> Points:
    """Return the surfaces of all classes of one map."""
    marks = np.empty(labels.shape, np.int32)
    mark_surfaces(labels, volume, marks)
    points = np.argwhere(marks >= 0).astype(np.int32)
    label = marks[marks >= 0]
    points = points[np.argsort(label, kind="stable")]
    offsets = np.cumsum([0, *np.bincount(label, minlength=classes)], dtype=np.int64)
    return offsets, points, np.empty(0, np.uint8)


def _join(parts: list[tuple[Array, Array]]) -> Points:
    offsets = np.cumsum([0, *(len(points) for points, _ in parts)], dtype=np.int64)
    points, codes = (np.concatenate(column) for column in zip(*parts, strict=True))
    return offsets, points.astype(np.int32), codes


def _distances(
    elements: Points, sites: Points, shape: tuple[int, int], spacing: Array
) -> SurfaceDistances:
    offsets, points, codes = elements
    distances = np.full(len(points), np.inf)
    for c in range(len(offsets) - 1):
        begin, end = offsets[c : c + 2]
        there = sites[1][sites[0][c] : sites[0][c + 1]]
        if begin == end or not len(there):
            continue
        rows = there[:, 0].astype(np.int64) * shape[1] + there[:, 1]
        starts = np.searchsorted(rows, np.arange(shape[0] * shape[1] + 1))
        columns = np.ascontiguousarray(there[:, 2])

        def search(
            strip: tuple[int, int], starts: Array = starts, columns: Array = columns
        ) -> None:
            first, last = strip
            search_rows(
                points[first:last], starts, columns, shape[0], shape[1], spacing,
                distances[first:last],
            )  # fmt: skip

        strips = [(i, min(i + BLOCK, end)) for i in range(begin, end, BLOCK)]
        run(search, strips, 64 * int(end - begin))
    return SurfaceDistances(offsets, distances, codes)


@kernel
def mark_surfaces(labels: Any, volume: bool, marks: Any) -> None:
    """Write the class of every pixel on a surface, and -1 elsewhere."""
    depth, height, width = labels.shape
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                c = labels[z, y, x]
                is_surface = (
                    y == 0
                    or x == 0
                    or y == height - 1
                    or x == width - 1
                    or labels[z, y, x - 1] != c
                    or labels[z, y, x + 1] != c
                    or labels[z, y - 1, x] != c
                    or labels[z, y + 1, x] != c
                )
                if volume and not is_surface:
                    is_surface = (
                        z == 0
                        or z == depth - 1
                        or labels[z - 1, y, x] != c
                        or labels[z + 1, y, x] != c
                    )
                marks[z, y, x] = c if is_surface else -1


@kernel
def search_rows(
    points: Any, starts: Any, columns: Any, depth: int, height: int, spacing: Any, out: Any
) -> None:
    """Write the distance of every point to the nearest site.

    The sites of row z * height + y have the columns from `starts` of it to that of the next row,
    ascending. A row is left out only where its part of the distance, computed as in the whole,
    is not below the smallest distance so far.
    """
    site_z, site_y, site_x = -1, 0, 0  # the nearest of the last point
    for i in range(len(points)):
        z, y, x = points[i, 0], points[i, 1], points[i, 2]
        best = np.inf
        if site_z >= 0:
            dz, dy, dx = (
                (site_z - z) * spacing[0],
                (site_y - y) * spacing[1],
                (site_x - x) * spacing[2],
            )
            best = ((dz * dz) + (dy * dy)) + (dx * dx)
        for k in range(2 * depth):
            near_z = z + (k + 1) // 2 if k % 2 else z - k // 2
            dz = (near_z - z) * spacing[0]
            if dz * dz >= best and k > 0:
                break
            if near_z < 0 or near_z >= depth:
                continue
            for m in range(2 * height):
                near_y = y + (m + 1) // 2 if m % 2 else y - m // 2
                dy = (near_y - y) * spacing[1]
                part = (dz * dz) + (dy * dy)
                if part >= best:
                    break
                if near_y < 0 or near_y >= height:
                    continue
                row = near_z * height + near_y
                low, high = starts[row], starts[row + 1]
                first, last = low, high
                while first < last:
                    middle = (first + last) // 2
                    if columns[middle] < x:
                        first = middle + 1
                    else:
                        last = middle
                for at in (first - 1, first):
                    if low <= at < high:
                        dx = (columns[at] - x) * spacing[2]
                        square = part + (dx * dx)
                        if square < best:
                            best = square
                            site_z, site_y, site_x = near_z, near_y, columns[at]
        out[i] = np.sqrt(best)
