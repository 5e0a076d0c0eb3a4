"""The methods of `Regions` that write annotations, and objects of other libraries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from segpost._core import arguments
from segpost.objects import formats, libraries
from segpost.objects.format_arguments import Names


class Exports:
    """Regions in the formats of other programs."""

    def coco(
        self,
        image_id: int | str = 0,
        categories: Mapping[int, int] | None = None,
        *,
        polygons: bool = False,
        tolerance: float = 0.0,
        first_id: int = 1,
    ) -> list[dict[str, Any]]:
        """Return annotations of a COCO file, or, with confidence, results that have a score.

        Parameters
        ----------
        image_id : int or str
        categories : dict of int to int, optional
            The category of every label; by default the label.
        polygons : bool
            Whether "segmentation" is polygons, not a run-length code. COCO's have no holes: these
            are joined to the exterior by a line of no width.
        tolerance : float
            As in `polygons`.
        first_id : int
            The id of the first annotation.

        Raises
        ------
        ValueError
            For a label without a category.
        """
        return formats.to_coco(
            self,
            image_id,
            categories,
            polygons,
            tolerance,
            arguments.as_count(first_id, "first_id"),
        )

    def geojson(
        self,
        transform: Sequence[float] | None = None,
        *,
        names: Names = None,
        tolerance: float = 0.0,
    ) -> dict[str, Any]:
        """Return a GeoJSON FeatureCollection: a (multi)polygon with properties for every region.

        Parameters
        ----------
        transform : sequence of 6 numbers, optional
            a, b, c, d, e, f as of rasterio: (a x + b y + c, d x + e y + f) of the corner (x, y).
        names : sequence or dict of str, optional
            The names of the labels, for the property "name".
        tolerance : float
            As in `polygons`, in pixels.
        """
        return formats.to_geojson(self, transform, names, tolerance)

    def labelme(
        self, image_path: str, *, names: Names = None, tolerance: float = 0.0
    ) -> dict[str, Any]:
        """Return the content of a labelme file: polygons, whose holes are joined to exteriors."""
        return formats.to_labelme(self, image_path, names, tolerance)

    def cvat(
        self, image_name: str, image_id: int = 0, *, names: Names = None, tolerance: float = 0.0
    ) -> str:
        """Return the element ``<image>`` of a file in the format "CVAT for images 1.1"."""
        return formats.to_cvat(self, image_name, image_id, names, tolerance)

    def label_studio(
        self,
        *,
        names: Names = None,
        tolerance: float = 0.0,
        from_name: str = "label",
        to_name: str = "image",
    ) -> dict[str, Any]:
        """Return a prediction of a Label Studio task; `from_name` and `to_name` are its tags."""
        return formats.to_label_studio(self, names, tolerance, from_name, to_name)

    def supervision(self) -> Any:
        """Return ``supervision.Detections``, with masks and the labels as class ids."""
        return libraries.to_supervision(self)

    def fiftyone(self, *, names: Names = None) -> Any:
        """Return ``fiftyone.Detections``, each with the mask of its box."""
        return libraries.to_fiftyone(self, names)

    def to_pandas(self, *, names: Names = None) -> Any:
        """Return a ``pandas.DataFrame`` with a row for every region."""
        return libraries.to_pandas(self, names)
