"""`Region`: one object of an image."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from segpost._core.public import public
from segpost._core.rle import Rle
from segpost.objects.polygons import Polygon


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

    def __init__(self, regions: Any, index: int) -> None:
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
        mask: npt.NDArray[np.bool_] = self._alone.masks()[0]
        return mask

    def rle(self) -> Rle:
        """Return the COCO run-length code, equal to that of pycocotools."""
        code: Rle = self._alone.rle()[0]
        return code

    def polygons(self, tolerance: float = 0.0) -> list[Polygon]:
        """Return the polygons, each a list of rings: the exterior, then holes.

        As `Regions.polygons`; but the neighbors are not there, so that a border that is simplified
        need not be theirs.
        """
        polygons: list[Polygon] = self._alone.polygons(tolerance)[0]
        return polygons

    @property
    def _alone(self) -> Any:
        """The region as the only one."""
        return self._regions[self._index : self._index + 1]

    def __eq__(self, other: object) -> bool:
        """Return whether the image's size, label, pixels and confidence are the same."""
        return isinstance(other, Region) and bool(self._alone == other._alone)

    def __repr__(self) -> str:
        """Return the measures on one line."""
        confidence = "" if self.confidence is None else f", confidence={self.confidence:.3g}"
        return f"Region(label={self.label}, area={self.area}, box={self.box}{confidence})"
