"""Points of arcs and rings."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.threads import kernel


@kernel
def leave_out(points: Any, offsets: Any, tolerance: float, is_kept: Any) -> None:
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


@kernel
def write_rings(
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
