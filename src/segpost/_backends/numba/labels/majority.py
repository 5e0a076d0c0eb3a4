"""The label with the largest area."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.threads import kernel
from segpost._core.contract import Array


def resize_majority(labels: Array, count: int, out: Array) -> None:
    """Write the label with the largest area of every pixel."""
    take_majority(np.ascontiguousarray(labels), count, out)


@kernel
def take_majority(labels: Any, count: int, out: Any) -> None:
    """Write the label with the largest area of every pixel; `count` labels there are at most.

    Sides are measured in units of which an input pixel has as many as there are output pixels.
    """
    images, height, width = labels.shape
    rows, columns = out.shape[1], out.shape[2]
    areas = np.zeros(count, np.int64)
    for n in range(images):
        for i in range(rows):
            top, bottom = i * height, (i + 1) * height
            for j in range(columns):
                left, right = j * width, (j + 1) * width
                best, best_area = labels[n, top // rows, left // columns], np.int64(0)
                for y in range(top // rows, (bottom - 1) // rows + 1):
                    tall = min((y + 1) * rows, bottom) - max(y * rows, top)
                    for x in range(left // columns, (right - 1) // columns + 1):
                        wide = min((x + 1) * columns, right) - max(x * columns, left)
                        label = labels[n, y, x]
                        area = areas[label] + tall * wide
                        areas[label] = area
                        if area > best_area or (area == best_area and label < best):
                            best, best_area = label, area
                out[n, i, j] = best
                for y in range(top // rows, (bottom - 1) // rows + 1):
                    for x in range(left // columns, (right - 1) // columns + 1):
                        areas[labels[n, y, x]] = 0
