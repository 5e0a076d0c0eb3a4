"""Where texts lie in a picture: rectangles that do not overlap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

Point = tuple[float, float]
Box = tuple[int, int, int, int]  # x, y, width, height


class Placement:
    """The rectangles of texts in a picture of a width and a height."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._rectangles = np.zeros((16, 4), np.int64)  # left, top, right, bottom
        self._count = 0

    def place(self, candidates: Iterable[Point], width: int, height: int) -> tuple[int, int] | None:
        """Take the first free one of the places of a rectangle, and return it; None for none.

        Parameters
        ----------
        candidates : iterable of (x, y)
            The upper left corner; columns outside of the picture are moved into it.
        width, height : int
        """
        if not (0 < width <= self.width and 0 < height <= self.height):
            return None
        for x, y in candidates:
            left, top = min(max(round(x), 0), self.width - width), round(y)
            if 0 <= top <= self.height - height and self._is_free(left, top, width, height):
                self._add(left, top, width, height)
                return left, top
        return None

    def _is_free(self, left: int, top: int, width: int, height: int) -> bool:
        rectangles = self._rectangles[: self._count]
        overlaps = (rectangles[:, 0] < left + width) & (rectangles[:, 2] > left)
        overlaps &= (rectangles[:, 1] < top + height) & (rectangles[:, 3] > top)
        return not overlaps.any()

    def _add(self, left: int, top: int, width: int, height: int) -> None:
        if self._count == len(self._rectangles):
            self._rectangles = np.concatenate([self._rectangles, np.zeros_like(self._rectangles)])
        self._rectangles[self._count] = left, top, left + width, top + height
        self._count += 1


def places_at_box(box: Box, width: int, height: int) -> Iterator[Point]:
    """Yield places of a text at a box: above it, in it, below it; at its left, then its right."""
    x, y, box_width, box_height = box
    for left in (x, x + box_width - width):
        yield left, y - height
        yield left, y
        yield left, y + box_height
        yield left, y + box_height - height


def places_at_point(point: Point, width: int, height: int) -> Iterator[Point]:
    """Yield places of a text whose middle is a point, then those around it."""
    left, top = point[0] - width / 2, point[1] - height / 2
    yield left, top
    for step in (1.0, 2.0):
        yield left, top - step * height
        yield left, top + step * height
        yield left - step * width / 2, top
        yield left + step * width / 2, top


def place_at_corner(corner: str, size: tuple[int, int], inner: tuple[int, int], gap: int) -> Point:
    """Return the upper left point of a rectangle at a corner of a picture; sizes are (W, H)."""
    row, _, column = corner.partition(" ")
    x = gap if column == "left" else size[0] - inner[0] - gap
    y = gap if row == "upper" else size[1] - inner[1] - gap
    return x, y
