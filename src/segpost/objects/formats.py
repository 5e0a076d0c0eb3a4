"""Regions in the formats of annotation files: COCO, GeoJSON, labelme, CVAT, Label Studio."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from segpost._core.arguments import as_integer
from segpost._core.contract import Array
from segpost.objects.format_arguments import (
    Names,
    as_image_id,
    as_text,
    category_of,
    name_of,
    quote_attribute,
    score_of,
)
from segpost.objects.polygons import Polygon


def join_rings(polygon: Polygon) -> Array:
    """Return one ring (P, 2) of a polygon: holes are joined to it by lines of no width.

    The ring passes such a line twice, so that it has the same pixels inside.
    """
    outer = polygon[0]
    places = [int(((outer - hole[0]) ** 2).sum(axis=1).argmin()) for hole in polygon[1:]]
    parts, done = [], 0
    for number in np.argsort(places, kind="stable"):
        hole, place = polygon[1 + number], places[number]
        parts += [outer[done : place + 1], hole, hole[:1]]
        done = place
    return np.concatenate([*parts, outer[done:]])


def to_coco(
    regions: Any,
    image_id: int | str,
    categories: Mapping[int, int] | None,
    polygons: bool,
    tolerance: float,
    first_id: int,
) -> list[dict[str, Any]]:
    """Return annotations for the list "annotations" of a COCO file."""
    parts: list[Any]
    if polygons:
        parts = [
            [join_rings(polygon).ravel().tolist() for polygon in one]
            for one in regions.polygons(tolerance)
        ]
    else:
        parts = [{**code, "counts": code["counts"].decode()} for code in regions.rle()]
    image = as_image_id(image_id)
    scores = regions.confidences
    unknown = np.flatnonzero(np.isnan(scores if scores is not None else np.zeros(0)))
    if len(unknown):
        raise ValueError(
            f"the confidence of {len(unknown)} of {len(regions)} regions is NaN, first of region "
            f"{unknown[0]}, and a result of COCO needs a score: "
            "regions[~np.isnan(regions.confidences)] leaves them out"
        )
    annotations = []
    for number, (region, part) in enumerate(zip(regions, parts, strict=True)):
        annotation = {
            "id": first_id + number,
            "image_id": image,
            "category_id": category_of(region.label, categories),
            "segmentation": part,
            "area": region.area,
            "bbox": list(region.box),
            "iscrowd": 0,
        }
        if region.confidence is not None:
            annotation["score"] = score_of(region)
        annotations.append(annotation)
    return annotations


def to_geojson(
    regions: Any, transform: Sequence[float] | None, names: Names, tolerance: float
) -> dict[str, Any]:
    """Return a FeatureCollection; exteriors are counterclockwise, as RFC 7946 wants them."""
    matrix = np.eye(2, 3) if transform is None else _as_affine(transform)
    height, width = regions.size
    with np.errstate(over="ignore", invalid="ignore"):
        is_mirrored = bool(np.linalg.det(matrix[:, :2]) > 0)  # pixels have y down
        corners = np.array([(x, y, 1) for x in (0, width) for y in (0, height)]) @ matrix.T
    if not np.isfinite(corners).all():
        raise ValueError(f"transform {transform!r} has no finite coordinates of the whole image")

    def coordinates(ring: Array) -> list[list[float]]:
        points = ring @ matrix[:, :2].T + matrix[:, 2]
        points = points[::-1] if is_mirrored else points
        return np.concatenate([points, points[:1]]).tolist()  # type: ignore[no-any-return]

    features = []
    for region, polygons in zip(regions, regions.polygons(tolerance), strict=True):
        shapes = [[coordinates(ring) for ring in polygon] for polygon in polygons]
        properties: dict[str, Any] = {"label": region.label, "area": region.area}
        if names is not None:
            properties["name"] = name_of(region.label, names)
        if region.confidence is not None:
            properties["confidence"] = score_of(region)
        geometry = (
            {"type": "Polygon", "coordinates": shapes[0]}
            if len(shapes) == 1
            else {"type": "MultiPolygon", "coordinates": shapes}
        )
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    return {"type": "FeatureCollection", "features": features}


def _as_affine(transform: Sequence[float]) -> Array:
    """Return a, b, c and d, e, f of a transform as a matrix."""
    try:
        numbers = np.array([float(number) for number in transform][:6])
    except (TypeError, ValueError):
        numbers = np.zeros(0)
    if isinstance(transform, str) or len(numbers) != 6 or not np.isfinite(numbers).all():
        raise ValueError(
            "transform must be the numbers a, b, c, d, e, f of an affine map, as rasterio has "
            f"them, got {transform!r}"
        )
    a, b, _, d, e, _ = numbers.tolist()
    if a * e == b * d:
        raise ValueError(
            f"transform {tuple(numbers.tolist())} maps the image to a line; it is a, b, c, d, e, f "
            "as of rasterio, not in GDAL's order"
        )
    return numbers.reshape(2, 3)


def _iter_rings(regions: Any, names: Names, tolerance: float) -> Iterator[tuple[Any, str, Array]]:
    """Yield region, name and ring of every polygon of formats without holes."""
    for region, polygons in zip(regions, regions.polygons(tolerance), strict=True):
        for polygon in polygons:
            yield region, name_of(region.label, names), join_rings(polygon)


def to_labelme(regions: Any, image_path: str, names: Names, tolerance: float) -> dict[str, Any]:
    """Return the content of a labelme file; polygons of one region are a group."""
    numbers: dict[int, int] = {}
    shapes = []
    for region, name, ring in _iter_rings(regions, names, tolerance):
        group = numbers.setdefault(region._index, len(numbers))
        shapes.append(
            {
                "label": name,
                "points": ring.tolist(),
                "group_id": group,
                "description": "",
                "shape_type": "polygon",
                "flags": {},
            }
        )
    height, width = regions.size
    return {
        "version": "5.0.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": as_text(image_path, "image_path"),
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }


def to_cvat(regions: Any, image_name: str, image_id: int, names: Names, tolerance: float) -> str:
    """Return the element ``<image>`` of a file "CVAT for images 1.1"."""
    height, width = regions.size
    number, image = as_integer(image_id, "image_id"), quote_attribute(image_name, "image_name")
    lines = [f'<image id="{number}" name={image} width="{width}" height="{height}">']
    for region, name, ring in _iter_rings(regions, names, tolerance):
        points = ";".join(f"{x:.2f},{y:.2f}" for x, y in ring.tolist())
        label = quote_attribute(name, "names")
        lines.append(
            f'  <polygon label={label} source="auto" occluded="0" points="{points}" '
            f'z_order="0" group_id="{region._index + 1}"/>'
        )
    return "\n".join([*lines, "</image>"])


def to_label_studio(
    regions: Any, names: Names, tolerance: float, from_name: str, to_name: str
) -> dict[str, Any]:
    """Return a prediction for the list "predictions" of a task; points are in percent."""
    height, width = regions.size
    tags = {"from_name": as_text(from_name, "from_name"), "to_name": as_text(to_name, "to_name")}
    results = []
    for region, name, ring in _iter_rings(regions, names, tolerance):
        result = {
            "type": "polygonlabels",
            **tags,
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": {
                "points": (ring * [100.0 / width, 100.0 / height]).tolist(),
                "polygonlabels": [name],
                "closed": True,
            },
        }
        if region.confidence is not None:
            result["score"] = score_of(region)
        results.append(result)
    return {"model_version": "segpost", "result": results}
