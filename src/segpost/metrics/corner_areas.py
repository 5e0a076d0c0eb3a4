"""Lengths and areas of the surface between the pixels around a corner.

A corner of pixels has 4 pixels around it, in a volume 8, and its code has a bit for each that is of
a class; the last pixel is bit 0. Through every corner goes a part of the contour: a polygon whose
vertices are in the middle between two pixels of which one is of the class (marching squares, and
marching cubes: Lorensen and Cline, SIGGRAPH 1987).
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np

from segpost._core.arrays import Array
from segpost._core.distance_contract import Steps

# Triangles by the pixels that are of the class, up to symmetry: the parts of their areas that are
# perpendicular to z, y and x, in eighths of the side of a voxel. Where the class has five pixels or
# more, the triangles are those of the others.
TRIANGLES: dict[tuple[tuple[int, int, int], ...], tuple[tuple[int, int, int], ...]] = {
    # one pixel; two and three that share no side; four of which no two share one
    ((0, 0, 0),): ((1, 1, 1),),
    ((0, 0, 0), (0, 1, 1)): ((1, 1, 1),) * 2,
    ((0, 0, 0), (1, 1, 1)): ((1, 1, 1),) * 2,
    ((0, 0, 0), (0, 1, 1), (1, 0, 1)): ((1, 1, 1),) * 3,
    ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)): ((1, 1, 1),) * 4,
    # a pair that shares a side: alone, beside a single one, beside another pair
    ((0, 0, 0), (0, 0, 1)): ((2, 2, 0),) * 2,
    ((0, 0, 0), (0, 0, 1), (1, 1, 0)): ((2, 2, 0), (2, 2, 0), (1, 1, 1)),
    ((0, 0, 0), (0, 0, 1), (1, 1, 0), (1, 1, 1)): ((2, 2, 0),) * 4,
    # three in a plane: alone, and beside a single one
    ((0, 0, 0), (0, 0, 1), (0, 1, 0)): ((1, 1, 1), (2, 2, 2), (4, 0, 0)),
    ((0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 1, 1)): ((1, 1, 1), (1, 1, 1), (2, 2, 2), (4, 0, 0)),
    # four: a plane, a corner with its three sides, and a chain
    ((0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1)): ((4, 0, 0),) * 2,
    ((0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)): ((1, 1, 1), (1, 1, 1), (2, 2, 2), (2, 2, 2)),
    ((0, 1, 1), (0, 0, 1), (0, 0, 0), (1, 0, 0)): ((0, 2, 2), (1, 1, 1), (2, 0, 2), (3, 3, 3)),
}


@lru_cache(maxsize=16)
def element_sizes(spacing: Steps, volume: bool) -> Array:
    """Return the length of every code's contour, (16,), or in a volume its area, (256,)."""
    sizes = _areas(spacing) if volume else _lengths(spacing)
    sizes.flags.writeable = False
    return sizes


def _lengths(spacing: Steps) -> Array:
    """Return the lengths by the pixels 8 4 / 2 1."""
    _, vertical, horizontal = spacing
    diagonal = 0.5 * np.hypot(vertical, horizontal)
    sizes = np.full(16, diagonal)
    sizes[[0, 15]] = 0.0
    sizes[[0b0011, 0b1100]] = horizontal
    sizes[[0b0101, 0b1010]] = vertical
    sizes[[0b0110, 0b1001]] = 2 * diagonal
    return sizes


def _areas(spacing: Steps) -> Array:
    """Return the areas of all codes: those of `TRIANGLES` under the symmetries of a cube."""
    z, y, x = spacing
    sides = np.array([y * x, z * x, z * y])
    sizes = np.zeros(256)
    for pixels, triangles in TRIANGLES.items():
        for order in itertools.permutations(range(3)):
            area = sum(
                float(np.linalg.norm(np.array(part)[list(order)] / 8 * sides)) for part in triangles
            )
            for flips in itertools.product((0, 1), repeat=3):
                code = 0
                for pixel in pixels:
                    place = [pixel[axis] ^ flip for axis, flip in zip(order, flips, strict=True)]
                    code |= 1 << (4 * (1 - place[0]) + 2 * (1 - place[1]) + (1 - place[2]))
                sizes[code] = sizes[255 - code] = area
    return sizes
