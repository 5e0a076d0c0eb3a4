"""Regions as objects of other libraries, which are imported where they are wanted."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import numpy as np

from segpost.objects.format_arguments import Names, name_of


def _import(package: str, method: str) -> ModuleType:
    """Return a library.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise ImportError(f"regions.{method}() needs {package}: pip install {package}") from None


def to_supervision(regions: Any) -> Any:
    """Return ``supervision.Detections`` with masks and the labels as class ids."""
    library = _import("supervision", "supervision")
    x, y, width, height = regions.boxes.T
    return library.Detections(
        xyxy=np.stack([x, y, x + width, y + height], axis=1).astype(np.float64),
        mask=regions.masks(),
        confidence=regions.confidences,
        class_id=regions.labels.astype(int),
    )


def to_fiftyone(regions: Any, names: Names) -> Any:
    """Return ``fiftyone.Detections``, each with the mask of its box."""
    library = _import("fiftyone", "fiftyone")
    height, width = regions.size
    detections = []
    for region in regions:
        x, y, w, h = region.box
        mask = np.zeros((w, h), bool)
        for column, top, bottom in region.runs.tolist():
            mask[column - x, top - y : bottom - y] = True
        detections.append(
            library.Detection(
                label=name_of(region.label, names),
                bounding_box=[x / width, y / height, w / width, h / height],
                mask=np.ascontiguousarray(mask.T),
                confidence=region.confidence,
            )
        )
    return library.Detections(detections=detections)


def frame_of_volumes(regions: Any, names: Names) -> Any:
    """Return a ``pandas.DataFrame`` with a row for every region of a volume."""
    library = _import("pandas", "to_pandas")
    columns: dict[str, Any] = {"label": regions.labels}
    if names is not None:
        columns["name"] = [name_of(label, names) for label in regions.labels.tolist()]
    columns["voxels"], columns["volume"] = regions.voxels, regions.volumes
    for i, name in enumerate(("x", "y", "z", "width", "height", "depth")):
        columns[name] = regions.boxes[:, i]
    for i, axis in enumerate("xyz"):
        columns[f"centroid_{axis}"] = regions.centroids[:, i]
    if regions.confidences is not None:
        columns["confidence"] = regions.confidences
    return library.DataFrame(columns)


def to_pandas(regions: Any, names: Names) -> Any:
    """Return a ``pandas.DataFrame`` with a row for every region."""
    library = _import("pandas", "to_pandas")
    columns: dict[str, Any] = {"label": regions.labels}
    if names is not None:
        columns["name"] = [name_of(label, names) for label in regions.labels.tolist()]
    columns["area"] = regions.areas
    for i, name in enumerate(("x", "y", "width", "height")):
        columns[name] = regions.boxes[:, i]
    columns["centroid_x"], columns["centroid_y"] = regions.centroids.T
    columns["perimeter"] = regions.perimeters
    if regions.confidences is not None:
        columns["confidence"] = regions.confidences
    return library.DataFrame(columns)
