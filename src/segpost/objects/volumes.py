"""`VolumeRegions`: the objects of a label volume, as runs of voxels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from segpost._backends import registry
from segpost._core import arguments
from segpost._core.arrays import Array, as_input_array
from segpost._core.public import public
from segpost._core.validation import as_label_array, check_int64_labels, check_same_device
from segpost.objects.components import split_components
from segpost.objects.format_arguments import Names
from segpost.objects.pixels import fitting_dtype
from segpost.objects.region_sequence import RegionSequence
from segpost.objects.run_table import RunTable, as_read_only
from segpost.objects.sources import check_confidence, is_uint8, table_of_runs

CONNECTIVITIES = (6, 18, 26)


@public
@dataclass(frozen=True)
class VolumeRegion:
    """One object of a volume: the voxels of a label, or of one of its components.

    Attributes
    ----------
    label : int
    voxels : int
        The number of voxels.
    volume : float
        The volume in cubic units of the spacing: mm3 if that is in mm.
    box : (x, y, z, width, height, depth)
        The smallest box, in voxels.
    centroid : (x, y, z)
        The mean position of the voxels, in voxels.
    confidence : float or None
        The mean confidence of the voxels.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> labels = np.zeros((2, 3, 3), np.uint8)
    >>> labels[1, :2, 1] = 7
    >>> segpost.regions(labels, volume=True, ignore_index=0, spacing=(5, 0.5, 0.5))[0].volume
    2.5
    """

    label: int
    voxels: int
    volume: float
    box: tuple[int, int, int, int, int, int]
    centroid: tuple[float, float, float]
    confidence: float | None


@public
class VolumeRegions(RegionSequence):
    """The regions of one volume, in order of their label; `segpost.regions` of a volume.

    It is a sequence of `VolumeRegion`. The attributes hold the values of all regions.

    Attributes
    ----------
    size : (D, H, W)
        The size of the volume.
    spacing : (z, y, x)
        The distance between voxels.
    labels, voxels : int64 arrays of shape (K,)
    volumes : float64 array of shape (K,)
        In cubic units of the spacing.
    boxes : int64 array of shape (K, 6)
        x, y, z, width, height and depth, in voxels.
    centroids : float64 array of shape (K, 3)
        x, y and z, in voxels.
    confidences : float64 array of shape (K,) or None

    Examples
    --------
    >>> import numpy as np, segpost
    >>> labels = np.zeros((4, 3, 3), np.uint8)
    >>> labels[0, 0, 0] = labels[2:, 1, 1] = 1
    >>> parts = segpost.regions(labels, volume=True, ignore_index=0, connectivity=6)
    >>> [(part.voxels, part.box) for part in parts]
    [(1, (0, 0, 0, 1, 1, 1)), (2, (1, 1, 2, 1, 1, 2))]
    >>> int(parts.keep_largest().to_labels().sum())
    2
    """

    def __init__(self, table: RunTable, depth: int, spacing: arguments.Spacing) -> None:
        self._table = table  # columns of slice z are z * W + x
        self._depth = depth
        self.spacing = spacing

    @property
    def size(self) -> tuple[int, int, int]:
        """The size of the volume: depth, height, width."""
        return (self._depth, *self._table.size)

    @property
    def voxels(self) -> Array:
        """The number of voxels of every region."""
        return as_read_only(self._table.area)

    @property
    def volumes(self) -> Array:
        """The volume of every region, in cubic units of the spacing."""
        return self._table.area * math.prod(self.spacing)

    @property
    def boxes(self) -> Array:
        """The smallest box of every region: x, y, z, width, height, depth."""
        table = self._table
        if not len(self):
            return np.zeros((0, 6), np.int64)
        first = table.offsets[:-1]
        z, x = np.divmod(table.column.astype(np.int64), table.size[1])
        low = [np.minimum.reduceat(values, first) for values in (x, table.top, z)]
        high = [np.maximum.reduceat(values, first) for values in (x + 1, table.bottom, z + 1)]
        sides = [end - start for start, end in zip(low, high, strict=True)]
        return np.stack([*low, *sides], axis=1).astype(np.int64)

    @property
    def centroids(self) -> Array:
        """The mean x, y and z of the voxels of every region."""
        table = self._table
        if not len(self):
            return np.zeros((0, 3))
        z, x = np.divmod(table.column.astype(np.int64), table.size[1])
        twice = [2 * x, table.top.astype(np.int64) + table.bottom - 1, 2 * z]
        first = table.offsets[:-1]
        sums = [np.add.reduceat(values * table.length, first) for values in twice]
        return np.stack(sums, axis=1) / (2.0 * table.area[:, None])

    @overload
    def __getitem__(self, index: int) -> VolumeRegion: ...
    @overload
    def __getitem__(self, index: slice | Array) -> VolumeRegions: ...
    def __getitem__(self, index: Any) -> Any:
        """Return one region, or those of a slice, of booleans or of an array of numbers."""
        regions = self._resolve_index(index)
        if isinstance(regions, int):
            return next(iter(self._select(np.array([regions]))))
        return self._select(regions)

    def __iter__(self) -> Iterator[VolumeRegion]:
        """Iterate over the regions, in order of their label."""
        confidences = self._table.mean_value
        scores = [None] * len(self) if confidences is None else confidences.tolist()
        rows = zip(
            self.labels.tolist(),
            self.voxels.tolist(),
            self.volumes.tolist(),
            map(tuple, self.boxes.tolist()),
            map(tuple, self.centroids.tolist()),
            scores,
            strict=True,
        )
        return (VolumeRegion(*row) for row in rows)

    def __repr__(self) -> str:
        """Return the number of regions and the size of the volume."""
        return f"VolumeRegions({len(self)} of {' x '.join(map(str, self.size))} voxels)"

    def keep_largest(self) -> VolumeRegions:
        """Return the largest region of every label; the first of several of one size.

        Without `connectivity` a label has one region, with all of its voxels.
        """
        return self._select(self._table.largest_of_labels())

    def to_labels(self, background: int = 0) -> Array:
        """Return the label of every voxel (D, H, W); uint8, int32 or int64.

        Parameters
        ----------
        background : int
            The label of the voxels of no region.
        """
        table = self._table
        labels = np.full(self.size, background, fitting_dtype(table.labels, background))
        columns = labels.transpose(0, 2, 1)
        z, x = np.divmod(table.column, np.int32(table.size[1]))
        rows = (z, x, table.top, table.bottom, table.labels[table.region])
        for at_z, at_x, top, bottom, label in zip(*(row.tolist() for row in rows), strict=True):
            columns[at_z, at_x, top:bottom] = label
        return labels

    def to_pandas(self, *, names: Names = None) -> Any:
        """Return a ``pandas.DataFrame`` with a row for every region."""
        from segpost.objects.libraries import frame_of_volumes

        return frame_of_volumes(self, names)

    def _select(self, regions: Array) -> VolumeRegions:
        """Return some of the regions, in that order."""
        return VolumeRegions(self._table.select(regions), self._depth, self.spacing)


def regions_of_volume(
    labels: object,
    confidence: object,
    num_classes: object,
    connectivity: object,
    smallest: int,
    ignore_index: object,
    spacing: object,
) -> VolumeRegions:
    """Return the regions of a label volume; see `segpost.regions`.

    Raises
    ------
    ValueError, TypeError
        For labels that are no volume, and for a spacing or a connectivity of none.
    """
    source = as_label_array(labels)
    array = source.array
    if array.ndim != 3:
        raise ValueError(f"labels must be of one volume, (D, H, W), got shape {array.shape}")
    if connectivity is not None and (
        connectivity not in CONNECTIVITIES or isinstance(connectivity, bool)
    ):
        raise ValueError(f"connectivity must be 6, 18, 26 or None, got {connectivity!r}")
    distances = (1.0, 1.0, 1.0) if spacing is None else arguments.as_spacing(spacing)
    values = None
    if confidence is not None:
        if isinstance(confidence, bool):
            raise TypeError(f"confidence={confidence} is for logits=; pass the array of labels")
        value_source = as_input_array(confidence, "confidence")
        check_same_device(source, "labels", value_source, "confidence")
        values = check_confidence(value_source.kind, value_source.array, array.shape, "labels")
    backend = registry.backend(array, values, operation="find_runs")
    runs = backend.find_runs(array, values)
    if source.kind == "uint64":
        check_int64_labels(array, runs.label)
    size = array.shape[1:]
    table = table_of_runs(runs, size, num_classes, ignore_index, is_byte=is_uint8(values))
    if isinstance(connectivity, int):
        table = split_components(table, connectivity)
    if smallest > 1:
        table = table.select(np.flatnonzero(table.area >= smallest))
    return VolumeRegions(table, array.shape[0], distances)
