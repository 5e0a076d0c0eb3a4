"""`Regions`: the objects of one image, as runs of pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from os import PathLike
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from segpost._core import arguments
from segpost._core.arguments import ColorBy, Corner
from segpost._core.contract import Array
from segpost._core.public import public
from segpost._core.rle import Rle
from segpost.color.palette import PaletteLike
from segpost.objects import codes, components
from segpost.objects.exports import Exports
from segpost.objects.format_arguments import Names, new_labels
from segpost.objects.holes import fill_holes
from segpost.objects.pixels import draw_labels, draw_runs
from segpost.objects.polygons import Polygon, build_polygons
from segpost.objects.region import Region
from segpost.objects.region_sequence import RegionSequence
from segpost.objects.run_table import RunTable, as_read_only


@public
class Regions(RegionSequence, Exports):
    """The regions of one image, in order of their label; what `segpost.regions` returns.

    It is a sequence of `Region`. The attributes hold the values of all regions as read-only arrays.

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
    def areas(self) -> Array:
        """The number of pixels of every region."""
        return as_read_only(self._table.area)

    @property
    def boxes(self) -> Array:
        """The smallest box of every region: x, y, width, height."""
        return as_read_only(self._table.box)

    @property
    def centroids(self) -> Array:
        """The mean x and y of the pixels of every region."""
        return as_read_only(self._table.centroid)

    @cached_property
    def perimeters(self) -> Array:
        """The number of sides of pixels between every region and the rest."""
        return as_read_only(components.measure_perimeters(self._table))

    def __iter__(self) -> Iterator[Region]:
        """Iterate over the regions, in order of their label."""
        return (Region(self, index) for index in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Region: ...
    @overload
    def __getitem__(self, index: slice | Array) -> Regions: ...
    def __getitem__(self, index: Any) -> Any:
        """Return one region, or those of a slice, of booleans or of an array of numbers."""
        regions = self._resolve_index(index)
        if isinstance(regions, int):
            return Region(self, regions)
        return Regions(self._table.select(regions))

    def __repr__(self) -> str:
        """Return the size and the number of regions."""
        height, width = self.size
        return f"Regions({len(self)} of {height} x {width} pixels)"

    def __eq__(self, other: object) -> bool:
        """Return whether size, labels, pixels and confidence are the same; NaN equals NaN."""
        return isinstance(other, Regions) and self._table.has_same_values(other._table)

    def masks(self) -> npt.NDArray[np.bool_]:
        """Return the pixels of every region as masks (K, H, W)."""
        masks = np.zeros((len(self), *self.size), bool)
        draw_runs(self._table, masks, self._table.region, np.ones(len(self._table.column), bool))
        return masks

    def to_labels(self, background: int = 0) -> Array:
        """Return a label map (H, W): the label of every pixel, and `background` of the rest.

        Where regions overlap, the last one wins.

        Returns
        -------
        labels : array of shape (H, W)
            uint8 where all labels and the background fit, else int32, or int64.

        Raises
        ------
        ValueError, TypeError
            For a background that is no integer of 64 bits.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> regions = segpost.regions(np.uint8([[1, 2], [1, 3]]), min_area=2)
        >>> regions.to_labels()
        array([[1, 0],
               [1, 0]], dtype=uint8)
        """
        return draw_labels(self._table, arguments.as_integer(background, "background"))

    def rle(self) -> list[Rle]:
        """Return the COCO run-length code of every region, equal to that of pycocotools.

        Returns
        -------
        codes : list of dict
            "size" is [H, W], "counts" are bytes; ``code["counts"].decode()`` is what JSON holds.
        """
        return codes.encode_regions(self._table)

    def polygons(self, tolerance: float = 0.0) -> list[list[Polygon]]:
        """Return the polygons of every region, one for each part whose pixels share sides.

        Points are corners of pixels: pixel (x, y) covers x to x + 1 and y to y + 1. Without a
        tolerance the area of the polygons is that of the region, and `mask_from_polygons` returns
        its pixels.

        Parameters
        ----------
        tolerance : float
            How far, in pixels, a border may move: Douglas and Peucker's rule (1973), for every
            border between two regions once, so that neighbors keep one border. Points where three
            regions meet and the corners of the image stay. Borders nearer to each other than the
            tolerance may cross.

        Returns
        -------
        polygons : list of list of list of float64 array of shape (P, 2)
            Of every region, of every part: the exterior ring, then holes. A ring has its first
            point once; on the screen exteriors are counterclockwise, holes clockwise.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> ((polygon,),) = segpost.regions(np.uint8([[0, 0, 0]])).polygons()
        >>> polygon[0].tolist()
        [[3.0, 0.0], [0.0, 0.0], [0.0, 1.0], [3.0, 1.0]]
        """
        return build_polygons(self._table, arguments.as_real(tolerance, "tolerance", 0.0))

    def draw(
        self,
        image: Any,
        palette: PaletteLike | None = None,
        *,
        names: Names = None,
        color_by: ColorBy | None = None,
        alpha: float = 0.5,
        boxes: bool = True,
        text: bool | Sequence[str] = True,
        legend: bool | Corner | None = None,
        scale: float = 1.0,
        font: str | PathLike[str] | None = None,
    ) -> Any:
        """Draw the regions over an image: colors, boxes, names, confidence and a legend.

        A text has the color of its region behind it. Texts do not overlap: those of larger regions
        come first, and one that has no free place is left out. Needs Pillow.

        Parameters
        ----------
        image : uint8 array of shape (H, W, 3) or (3, H, W)
        palette : Palette, str, (K, 3) integers, or dict, optional
            As in `colorize`. Without one the colors are those of `Palette.distinct`.
        names : sequence or dict of str, optional
            The names of the labels; by default those of the palette, or the labels themselves.
        color_by : {"class", "instance"}, optional
            Whether regions of one label have one color, or every region has its own. By default
            "class" with a palette, "instance" without.
        alpha : float
            The weight of the color, as in `overlay`. Of regions that overlap the smallest is seen.
        boxes : bool
            Without them a name is in the middle of its region.
        text : bool or sequence of K str
            Whether name and confidence are written, or other texts, one for each region.
        legend : bool or {"upper right", "upper left", "lower right", "lower left"}, optional
            The colors of the labels, with the number of regions or the share of the pixels; with
            ``color_by="instance"`` those of the regions. True: at the corner where it hides least.
            By default there is one where colors are those of classes.
        scale : float
            A factor of text and lines, whose sizes follow that of the image.
        font : str or path, optional
            A TrueType or OpenType font, for names that Pillow's font (and Matplotlib's, where it is
            installed) has no characters for; these become "?", and cause an `InputWarning`.

        Returns
        -------
        picture : uint8 array of shape (H, W, 3), of the array type of `image`

        Raises
        ------
        ValueError, TypeError
            For an image of another size, on a device or not uint8, labels without a color or a
            name, and texts that are not one for each region.
        ImportError
            Without Pillow.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> regions = segpost.regions(np.uint8([[0, 0, 7, 7]]), ignore_index=0)
        >>> regions.draw(np.zeros((1, 4, 3), np.uint8), text=False, boxes=False)[0, :, 1].tolist()
        [0, 0, 128, 128]
        """
        from segpost.objects.pictures import (
            check_picture_options,
            draw_regions,
            refuse_palette_as_image,
        )

        refuse_palette_as_image(image, "call regions.draw(image, palette)")
        options = check_picture_options(palette, names, color_by, boxes, text, legend, scale, font)
        return draw_regions(self, image, alpha, options)

    def relabel(self, labels: Mapping[int, int] | Sequence[int] | Array) -> Regions:
        """Return the same regions, in the same order, with other labels.

        Parameters
        ----------
        labels : dict of int to int, or K integers
            The new label of every label, or of every region. Masks without pixels have no region:
            the classes of N masks are ``classes[regions.labels]``.

        Raises
        ------
        ValueError, TypeError
            For labels that are no integers, or not one for every region.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> regions = segpost.regions(masks=np.ones((2, 1, 3), bool))
        >>> regions.relabel([15, 2]).labels
        array([15,  2])
        """
        return Regions(replace(self._table, labels=new_labels(self._table.labels, labels)))

    def keep_largest(self) -> Regions:
        """Return the largest region of every label; the first of several of one size.

        Without `connectivity` a label has one region, with all of its pixels.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> regions = segpost.regions(np.uint8([[1, 0, 1, 1]]), connectivity=4)
        >>> [(region.label, region.box) for region in regions.keep_largest()]
        [(0, (1, 0, 1, 1)), (1, (2, 0, 2, 1))]
        """
        return Regions(self._table.select(self._table.largest_of_labels()))

    def fill_holes(self, max_area: int | None = None) -> Regions:
        """Return regions with the pixels of their holes, whatever regions these belong to.

        A hole is a group of pixels that share sides and from which no way leads out of the region,
        as in `scipy.ndimage.binary_fill_holes`. Confidence stays that of the pixels before.

        Parameters
        ----------
        max_area : int, optional
            Larger holes stay.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> ring = np.uint8([[1, 1, 1], [1, 0, 1], [1, 1, 1]])
        >>> segpost.regions(ring, ignore_index=0).fill_holes().areas
        array([9])
        """
        largest = None if max_area is None else arguments.as_count(max_area, "max_area")
        return Regions(fill_holes(self._table, largest))
