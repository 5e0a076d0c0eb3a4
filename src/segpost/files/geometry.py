"""Where the voxels of a volume lie: affine, spacing and orientation.

The axis order of a volume is stated here once. Arrays of segpost are (D, H, W), that is (z, y, x).
NIfTI and nibabel have (x, y, z). The affine of a volume is NIfTI's: it maps (x, y, z, 1), the
index of an array from its last axis to its first, to millimeters towards right, anterior, superior.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from segpost._core.errors import warn_of_input

TOLERANCE = 1e-3  # of a voxel, by which affines of one volume differ at most
DIRECTIONS = (("L", "R"), ("P", "A"), ("I", "S"))  # along each axis of the world, negative first


class VolumeGeometry(NamedTuple):
    """Where the voxels of a volume lie.

    Attributes
    ----------
    shape : (D, H, W)
    affine : float64 array of shape (4, 4)
        From (x, y, z, 1), the reversed index of the array, to millimeters towards right, anterior,
        superior.
    """

    shape: tuple[int, int, int]
    affine: npt.NDArray[np.float64]

    @property
    def spacing(self) -> tuple[float, float, float]:
        """The distance of voxels along D, H and W, in millimeters."""
        x, y, z = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0)).tolist()
        return z, y, x

    @property
    def orientation(self) -> str:
        """The direction to which each of the axes x, y, z leads, such as "LPS".

        An axis that is oblique has the direction of its largest component.
        """
        largest = np.abs(self.affine[:3, :3]).argmax(axis=0)
        return "".join(
            DIRECTIONS[row][int(self.affine[row, axis] > 0)] for axis, row in enumerate(largest)
        )


def check_same_geometry(
    geometry: VolumeGeometry, name: str, other: VolumeGeometry, other_name: str
) -> None:
    """Raise a ValueError if two volumes do not lie at the same place; the names are for it.

    Affines may differ by a thousandth of a voxel, in the steps of the axes and in the position of
    the first voxel.
    """
    if geometry.shape != other.shape:
        raise ValueError(
            f"sizes differ: {name} is {format_size(geometry.shape)}, {other_name} is "
            f"{format_size(other.shape)} (D x H x W)"
        )
    difference = _voxel_difference(geometry.affine, other.affine)
    if difference <= TOLERANCE:
        return
    cure = ""
    if geometry.orientation != other.orientation:
        cure = "; nibabel.as_closest_canonical(image) turns the images to one orientation"
    raise ValueError(
        f"affines contradict, by {difference:.3g} of a voxel: {name} has "
        f"{_describe(geometry)}, {other_name} has {_describe(other)}{cure}"
    )


def warn_of_fine_axis(axis: int, geometry: VolumeGeometry, name: str) -> None:
    """Warn of the nearest sample along an axis that has the smallest spacing; others have more.

    Parameters
    ----------
    axis : int
        0, 1 or 2, of D, H and W.
    geometry : VolumeGeometry
        Of the volume.
    name : str
        What the volume is called.
    """
    spacing = geometry.spacing
    smallest, largest = min(spacing), max(spacing)
    if spacing[axis] <= smallest * (1 + TOLERANCE) < largest:
        coarse = spacing.index(largest)
        warn_of_input(
            f"nearest_axis={axis} takes the nearest sample along the axis with the finest spacing, "
            f"{spacing[axis]:.6g} mm; {name} has {format_spacing(spacing)} (D x H x W). It is "
            f"meant for the coarsest: nearest_axis={coarse}"
        )


def format_size(shape: Sequence[int]) -> str:
    """Return the size of a volume as text."""
    return " x ".join(map(str, shape))


def format_spacing(spacing: Sequence[float]) -> str:
    """Return the spacing of a volume as text."""
    return f"{' x '.join(f'{step:.6g}' for step in spacing)} mm"


def _voxel_difference(affine: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """Return the largest difference of two affines in voxels of the first."""
    try:
        steps = np.linalg.solve(affine[:3, :3], other[:3] - affine[:3])
    except np.linalg.LinAlgError:  # volumes without an extent along some direction
        return 0.0 if np.array_equal(affine, other) else float("inf")
    return float(np.abs(steps).max())


def _describe(geometry: VolumeGeometry) -> str:
    """Return what an affine says, on one line."""
    rows = "; ".join(" ".join(f"{value:.6g}" for value in row) for row in geometry.affine[:3])
    spacing = format_spacing(geometry.spacing)
    return f"[{rows}] (spacing {spacing}, axes {geometry.orientation})"
