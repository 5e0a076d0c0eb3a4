"""Slices of volumes as pictures: the planes through the largest region, and montages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segpost._core import arguments, validation
from segpost._core.arrays import Array
from segpost._core.bands import stretch_to_255
from segpost._core.device import to_host
from segpost._core.text import display_path
from segpost.color import operations
from segpost.color.palette import Palette

OPPOSITE = {"L": "R", "R": "L", "P": "A", "A": "P", "I": "S", "S": "I"}
BACKGROUND = 0  # the label that is no region
AXES = ("z", "y", "x")  # of D, H, W
MAX_SAMPLES = 64  # along every axis of an image, of which the gray values are taken
LIMITS = 0.5, 99.5  # percent of the values of an image that become black and white
MARGIN, MARGIN_GRAY = 1, 96  # pixels between the slices of a montage, and their gray
MAX_SHOWN = 16  # slices of a montage: 4 x 4

Picture = npt.NDArray[np.uint8]  # (h, w, 3)


class GrayVolume(NamedTuple):
    """An image (D, H, W), and the values in it that are shown as black and white."""

    values: Array
    low: float
    high: float

    @classmethod
    def of(cls, values: Array) -> GrayVolume:
        """Return an image with limits that leave out its smallest and largest values."""
        steps = (slice(None, None, max(side // MAX_SAMPLES, 1)) for side in values.shape)
        sample = values[tuple(steps)].astype(np.float64)
        finite = sample[np.isfinite(sample)]
        low, high = np.percentile(finite, LIMITS).tolist() if finite.size else (0.0, 1.0)
        return cls(values, low, high if high > low else low + 1.0)

    def plane(self, axis: int, index: int) -> Picture:
        """Return a slice across an axis, in gray."""
        values = self.values.take(index, axis).astype(np.float64)[..., None]
        gray = np.nan_to_num(stretch_to_255(values, (self.low, self.high)))
        return np.repeat(np.rint(gray).astype(np.uint8), 3, axis=-1)


class VolumeSlices(NamedTuple):
    """Labels of a volume, and what their slices are drawn with.

    Attributes
    ----------
    labels : integer array of shape (D, H, W)
    palette : Palette
    image : GrayVolume or None
    spacing : (float, float, float) or None
        Along D, H and W.
    orientation : str or None
        The directions to which x, y and z lead, such as "LPS".
    """

    labels: Array
    palette: Palette
    image: GrayVolume | None = None
    spacing: tuple[float, float, float] | None = None
    orientation: str | None = None

    def shares(self) -> dict[int, float]:
        """Return the share of the voxels of every label that occurs, largest first."""
        from segpost.objects.counting import measure_shares

        return measure_shares(self.labels)

    def plane(self, axis: int, index: int, alpha: float) -> Picture:
        """Return the labels of a slice across an axis in color, over the image if there is one."""
        labels = np.ascontiguousarray(self.labels.take(index, axis))
        if self.image is None:
            array = validation.as_label_array(labels)
            return np.asarray(operations.colorize_labels(array, self.palette))
        weights = np.full(len(self.palette), alpha)
        weights[BACKGROUND] = 0.0
        gray = self.image.plane(axis, index)
        return np.asarray(operations.overlay(gray, labels, self.palette, alpha=weights.tolist()))

    def ends(self, axis: int) -> tuple[str, str, str, str] | None:
        """Return the directions at the first and last row and column of a slice across an axis.

        They are letters of right, left, anterior, posterior, superior, inferior; None where the
        image is not known.
        """
        if self.orientation is None:
            return None
        row, column = (way for k, way in enumerate(self.orientation[::-1]) if k != axis)
        return OPPOSITE[row], row, OPPOSITE[column], column

    def aspect(self, axis: int) -> float:
        """Return the height of a pixel of a slice across an axis, in widths of it."""
        if self.spacing is None:
            return 1.0
        row, column = (step for k, step in enumerate(self.spacing) if k != axis)
        return row / column


def slices_of(
    segmentation: Any,
    like: str | PathLike[str] | None = None,
    spacing: Sequence[float] | None = None,
) -> VolumeSlices:
    """Return the slices of a segmentation of one volume.

    Parameters
    ----------
    segmentation : Segmentation
    like : path, optional
        The NIfTI file of the image.
    spacing : (z, y, x), optional
        By default that of the image.

    Raises
    ------
    ValueError, OSError
        If the image cannot be read, or has another size, or the spacing is none.
    """
    labels = to_host(segmentation._label_array())
    if not labels.size:
        raise ValueError(f"there is nothing to draw in labels of shape {labels.shape}")
    image = orientation = None
    if like is not None:
        arguments.check_path(like, "like")
        image, geometry = _read_image(Path(like), labels.shape)
        orientation = geometry.orientation
        spacing = geometry.spacing if spacing is None else spacing
    steps = None if spacing is None else arguments.as_spacing(spacing)
    palette = replace(segmentation, labels=labels)._palette()  # of labels on the CPU
    return VolumeSlices(labels, palette, image, steps, orientation)


def find_center(labels: Array) -> tuple[int, int, int]:
    """Return z, y, x of a voxel in the middle of the largest region, without the background.

    It is the label with the most voxels, in the slice where it has the most: there a voxel of its
    largest component, next to the centroid. Without any region it is the middle of the volume.

    Examples
    --------
    >>> import numpy as np
    >>> from segpost.pipeline.volume_slices import find_center
    >>> labels = np.zeros((5, 8, 8), np.uint8)
    >>> labels[3, 2:5, 4:7] = 2
    >>> find_center(labels)
    (3, 3, 5)
    """
    from segpost.objects.api import regions
    from segpost.objects.counting import measure_shares

    largest = next((label for label in measure_shares(labels) if label != BACKGROUND), None)
    if largest is None:
        depth, height, width = labels.shape
        return depth // 2, height // 2, width // 2
    z = int(np.argmax([np.count_nonzero(plane == largest) for plane in labels]))
    mask = (labels[z] == largest).astype(np.uint8)
    component = regions(mask, connectivity=8, ignore_index=0).keep_largest().to_labels()
    places = np.argwhere(np.asarray(component) == 1)
    nearest = ((places - places.mean(axis=0)) ** 2).sum(axis=1).argmin()
    y, x = places[nearest].tolist()
    return z, y, x


def spread_slices(depth: int, most: int) -> list[int]:
    """Return up to `most` slices, at equal distances, of which the ends are half as far.

    Examples
    --------
    >>> from segpost.pipeline.volume_slices import spread_slices
    >>> spread_slices(40, 4), spread_slices(3, 4)
    ([5, 15, 25, 35], [0, 1, 2])
    """
    count = min(depth, most)
    return [(2 * k + 1) * depth // (2 * count) for k in range(count)]


def scaled_size(width: float, height: float, most: int) -> tuple[int, int]:
    """Return width and height, made smaller to at most so many pixels."""
    scale = min(1.0, most / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def draw_montage(slices: VolumeSlices, alpha: float = 0.5) -> Picture:
    """Return up to 16 slices side by side, row after row from the first to the last."""
    shown = spread_slices(len(slices.labels), MAX_SHOWN)
    columns = math.ceil(math.sqrt(len(shown)))
    margins = (0, MARGIN), (0, MARGIN), (0, 0)
    pictures = [
        np.pad(slices.plane(0, z, alpha), margins, constant_values=MARGIN_GRAY) for z in shown
    ]
    blank = np.full_like(pictures[0], MARGIN_GRAY)
    pictures += [blank] * (-len(pictures) % columns)
    rows = [np.hstack(pictures[k : k + columns]) for k in range(0, len(pictures), columns)]
    return np.vstack(rows)[:-MARGIN, :-MARGIN]


def _read_image(path: Path, shape: tuple[int, ...]) -> tuple[GrayVolume, Any]:
    """Return the image of a NIfTI file, the first of several, and its geometry."""
    from segpost.files import read_nifti, read_nifti_header
    from segpost.files.geometry import format_size
    from segpost.files.nifti import check_spacing

    name = f"like={display_path(path)}"
    try:
        header = read_nifti_header(path)
        geometry = header.geometry
        if geometry.shape != shape:
            raise ValueError(
                f"labels are {format_size(shape)}, and the image {format_size(geometry.shape)} "
                "(D x H x W): like is the image that the results belong to"
            )
        check_spacing(header, name)
        values = read_nifti(path)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    return GrayVolume.of(values.reshape(-1, *shape)[0]), geometry
