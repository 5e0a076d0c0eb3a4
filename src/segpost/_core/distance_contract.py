"""The part of the backends' contract that is about distances between the surfaces of classes."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy.typing as npt

Array = npt.NDArray[Any]
Steps = tuple[float, float, float]  # z, y, x

# What distances are measured from, and to: elements of a class in one map, and sites in the other.
# Sides are neighbors that share a side, 4 in an image and 6 in a volume.
#
# surfaces  pixels of the class with a side that is not of the class, or at the end of the image;
#           the sites are the same pixels of the other map
# corners   corners of pixels around which some pixels are of the class and some are not, those
#           outside the image included; the sites are the same corners of the other map
# contours  pixels of the class with a side in the image that is not of the class; the sites have
#           any neighbor, also by a corner, that is not
# regions   pixels that are of the class in this map alone; the sites are all its pixels
ELEMENTS = ("surfaces", "corners", "contours", "regions")


class SurfaceDistances(NamedTuple):
    """Distances of the elements of one map to the nearest site of their class in the other map.

    Elements are in the order of classes, then of z, y and x.
    """

    offsets: Array  # [C + 1] int64: where the elements of a class begin and end
    distances: Array  # [E] float64, infinite where the other map has no site of the class
    codes: Array  # [E] uint8: of corners, which pixels around them are of the class; else [0]


class DistanceOperations(Protocol):
    """The operation of a backend on distances.

    A distance is the square root of ((z * z) + (y * y)) + (x * x), of steps times their spacing, in
    float64: the same bits everywhere.
    """

    def surface_distances(
        self,
        preds: Array,  # [D, H, W] integers
        target: Array,  # [D, H, W] integers
        classes: int,
        ignored: Array,  # [I] int64: pixels with these targets are of no class in both maps
        spacing: Steps,
        volume: bool,  # False: D is 1, and pixels have no neighbors and no end along z
        elements: str,  # one of ELEMENTS
    ) -> tuple[SurfaceDistances, SurfaceDistances]: ...  # of the predictions, and of the target
