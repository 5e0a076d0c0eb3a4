"""`Region` and `Regions`: the objects of one image, as runs of pixels."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, SupportsIndex, overload

import numpy as np
import numpy.typing as npt

from segpost._core.contract import Array
from segpost._core.public import public
from segpost._core.rle import Rle
from segpost.objects import codes, components
from segpost.objects.run_table import RunTable


@public
class Region:
    """One object of an image: the pixels of a label, of one of its components, or of a mask.

    Attributes
    ----------
    label : int
        The label of the pixels; of masks the number of the mask.
    area : int
        The number of pixels.
    box : (x, y, width, height)
        The smallest box, in pixels, as COCO has it.
    centroid : (x, y)
        The mean of the pixels' columns and rows.
    perimeter : int
        The number of sides of pixels between the region and the rest, the image's frame included.
    confidence : float or None
        The mean confidence of the pixels.
    runs : int32 array of shape (R, 3)
        The pixels: x, the first y, and the y after the last.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> segpost.regions(np.uint8([[0, 7, 7], [0, 0, 7]]))[1]
    Region(label=7, area=3, box=(1, 0, 2, 2))
    """

    def __init__(self, regions: Regions, index: int) -> None:
        self._regions = regions
        self._index = index

    @property
    def label(self) -> int:
        """The label of the pixels."""
        return int(self._regions.labels[self._index])

    @property
    def area(self) -> int:
        """The number of pixels."""
        return int(self._regions.areas[self._index])

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The smallest box: x, y, width, height."""
        x, y, width, height = self._regions.boxes[self._index].tolist()
        return (x, y, width, height)

    @property
    def centroid(self) -> tuple[float, float]:
        """The mean x and y of the pixels."""
        x, y = self._regions.centroids[self._index].tolist()
        return (x, y)

    @property
    def perimeter(self) -> int:
        """The number of sides of pixels between the region and the rest."""
        return int(self._regions.perimeters[self._index])

    @property
    def confidence(self) -> float | None:
        """The mean confidence of the pixels."""
        values = self._regions.confidences
        return None if values is None else float(values[self._index])

    @property
    def runs(self) -> npt.NDArray[np.int32]:
        """The runs of the region, int32 (R, 3): x, and y of the first pixel and after the last."""
        table = self._regions._table
        part = slice(table.offsets[self._index], table.offsets[self._index + 1])
        return np.stack([table.column[part], table.top[part], table.bottom[part]], axis=1)

    def mask(self) -> npt.NDArray[np.bool_]:
        """Return the pixels of the region as a mask (H, W)."""
        return self._alone.masks()[0]

    def rle(self) -> Rle:
        """Return the COCO run-length code, equal to that of pycocotools."""
        return self._alone.rle()[0]

    @property
    def _alone(self) -> Regions:
        """The region as the only one."""
        return self._regions[self._index : self._index + 1]

    def __repr__(self) -> str:
        """Return the measures on one line."""
        confidence = "" if self.confidence is None else f", confidence={self.confidence:.3g}"
        return f"Region(label={self.label}, area={self.area}, box={self.box}{confidence})"


@public
class Regions:
    """The regions of one image, in order of their label; what `segpost.regions` returns.

    It is a sequence of `Region`. The attributes hold the values of all regions as arrays.

    Attributes
    ----------
    size : (H, W)
        The size of the image.
    labels, areas, perimeters : int64 arrays of shape (K,)
    boxes : int64 array of shape (K, 4)
        x, y, width and height.
    centroids : float64 array of shape (K, 2)
        x and y.
    confidences : float64 array of shape (K,) or None

    Examples
    --------
    >>> import numpy as np, segpost
    >>> regions = segpost.regions(np.uint8([[0, 7, 7], [0, 0, 7]]))
    >>> [(region.label, region.area, region.box) for region in regions]
    [(0, 3, (0, 0, 2, 2)), (7, 3, (1, 0, 2, 2))]
    >>> regions[1].rle()
    {'size': [2, 3], 'counts': b'2111'}
    """

    def __init__(self, table: RunTable) -> None:
        self._table = table

    @property
    def size(self) -> tuple[int, int]:
        """The height and the width of the image."""
        return self._table.size

    @property
    def labels(self) -> Array:
        """The label of every region."""
        return self._table.labels

    @property
    def areas(self) -> Array:
        """The number of pixels of every region."""
        return self._table.area

    @property
    def boxes(self) -> Array:
        """The smallest box of every region: x, y, width, height."""
        return self._table.box

    @property
    def centroids(self) -> Array:
        """The mean x and y of the pixels of every region."""
        return self._table.centroid

    @cached_property
    def perimeters(self) -> Array:
        """The number of sides of pixels between every region and the rest."""
        return components.measure_perimeters(self._table)

    @property
    def confidences(self) -> Array | None:
        """The mean confidence of every region."""
        return self._table.mean_value

    def __len__(self) -> int:
        """Return the number of regions."""
        return len(self._table.labels)

    def __iter__(self) -> Iterator[Region]:
        """Iterate over the regions, in order of their label."""
        return (Region(self, index) for index in range(len(self)))

    @overload
    def __getitem__(self, index: SupportsIndex) -> Region: ...
    @overload
    def __getitem__(self, index: slice | Array) -> Regions: ...
    def __getitem__(self, index: Any) -> Any:
        """Return one region, or those of a slice, of booleans or of an array of numbers."""
        if hasattr(index, "__index__") and not isinstance(index, (np.ndarray, bool)):
            number = index.__index__()
            if not -len(self) <= number < len(self):
                raise IndexError(f"region {number} of {len(self)}")
            return Region(self, number % len(self))
        if isinstance(index, (slice, np.ndarray)):
            return Regions(self._table.select(np.arange(len(self))[index]))
        raise TypeError(f"index must be an integer, a slice or an array, got {index!r}")

    def __repr__(self) -> str:
        """Return the size and the number of regions."""
        height, width = self.size
        return f"Regions({len(self)} of {height} x {width} pixels)"

    def masks(self) -> npt.NDArray[np.bool_]:
        """Return the pixels of every region as masks (K, H, W)."""
        masks = np.zeros((len(self), *self.size), bool)
        fill_runs(self._table, masks, self._table.region, np.ones(len(self._table.column), bool))
        return masks

    def to_labels(self, background: int = 0) -> Array:
        """Return a label map (H, W): the label of every pixel, and `background` of the rest.

        Where regions overlap, the last one wins.

        Returns
        -------
        labels : array of shape (H, W)
            uint8 where all labels and the background fit, else int32, or int64.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> regions = segpost.regions(np.uint8([[1, 2], [1, 3]]), min_area=2)
        >>> regions.to_labels()
        array([[1, 0],
               [1, 0]], dtype=uint8)
        """
        values = np.append(self.labels, background)
        kinds = (np.uint8, np.int32, np.int64)
        fits = [
            np.iinfo(kind).min <= values.min() and values.max() <= np.iinfo(kind).max
            for kind in kinds
        ]
        labels = np.full((1, *self.size), background, kinds[fits.index(True)])
        table = self._table
        fill_runs(table, labels, np.zeros_like(table.region), table.labels[table.region])
        return labels[0]

    def rle(self) -> list[Rle]:
        """Return the COCO run-length code of every region, equal to that of pycocotools.

        Returns
        -------
        codes : list of dict
            "size" is [H, W], "counts" are bytes; ``code["counts"].decode()`` is what JSON holds.
        """
        return codes.encode_regions(self._table)

    def keep_largest(self) -> Regions:
        """Return the largest region of every label; the first of several of one size.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> regions = segpost.regions(np.uint8([[1, 0, 1, 1]]), connectivity=4)
        >>> [(region.label, region.box) for region in regions.keep_largest()]
        [(0, (1, 0, 1, 1)), (1, (2, 0, 2, 1))]
        """
        order = np.lexsort([-self.areas, self.labels])
        labels = self.labels[order]
        is_first = np.ones(len(labels), bool)
        is_first[1:] = labels[1:] != labels[:-1]
        return Regions(self._table.select(np.sort(order[is_first])))


def fill_runs(table: RunTable, out: Array, image: Array, value: Array) -> None:
    """Write a value to the pixels of every run in an image of `out`, (N, H, W)."""
    columns = out.transpose(0, 2, 1)
    for i, x, y0, y1, v in zip(
        image.tolist(),
        table.column.tolist(),
        table.top.tolist(),
        table.bottom.tolist(),
        value.tolist(),
        strict=True,
    ):
        columns[i, x, y0:y1] = v
