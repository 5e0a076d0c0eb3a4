"""Regions as annotation files and as objects of other libraries."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import segpost

RING = np.array(
    [[1, 1, 1, 0, 2], [1, 0, 1, 0, 0], [1, 1, 1, 0, 2]], np.uint8
)  # a hole, and two parts of label 2


@pytest.fixture
def regions() -> segpost.Regions:
    """Regions of labels 1 and 2 with confidence."""
    confidence = np.full(RING.shape, 0.5, np.float32)
    return segpost.regions(RING, confidence=confidence, ignore_index=0)


def test_coco(regions: segpost.Regions) -> None:
    """Annotations survive JSON and have the pixels, as codes and as polygons."""
    for polygons in (False, True):
        written = regions.coco(7, {1: 18, 2: 3}, polygons=polygons, first_id=5)
        read = json.loads(json.dumps(written))
        assert [one["id"] for one in read] == [5, 6]
        assert [one["category_id"] for one in read] == [18, 3]
        assert {one["image_id"] for one in read} == {7}
        assert read[0]["bbox"] == [0, 0, 3, 3]
        assert [one["area"] for one in read] == [8, 2]
        assert [one["score"] for one in read] == [0.5, 0.5]
        for one, mask in zip(read, regions.masks(), strict=True):
            code = one["segmentation"]
            again = (
                segpost.mask_from_polygons(code, RING.shape)
                if polygons
                else segpost.masks_from_rle(code)
            )
            assert_array_equal(again, mask)
    with pytest.raises(ValueError, match="categories have none of label 2; ignore_index=2"):
        regions.coco(categories={1: 1})


def test_geojson(regions: segpost.Regions) -> None:
    """Rings are closed, holes are kept, coordinates are those of the transform."""
    made = json.loads(json.dumps(regions.geojson(names=["void", "a", "b"])))
    ring, parts = made["features"]
    assert made["type"] == "FeatureCollection"
    assert ring["properties"] == {"label": 1, "area": 8, "name": "a", "confidence": 0.5}
    assert ring["geometry"]["type"] == "Polygon"
    assert parts["geometry"]["type"] == "MultiPolygon"
    assert [len(part) for part in parts["geometry"]["coordinates"]] == [1, 1]
    mask = segpost.mask_from_polygons([ring["geometry"]["coordinates"]], RING.shape)
    assert_array_equal(mask, RING == 1)
    transforms: list[Any] = [None, (2.0, 0, 100, 0, -2.0, 50), (0, 1.0, 0, 1.0, 0, 0)]
    for transform in transforms:
        for feature in regions.geojson(transform)["features"]:
            shapes = feature["geometry"]["coordinates"]
            for shape in [shapes] if feature["geometry"]["type"] == "Polygon" else shapes:
                for i, closed in enumerate(shape):
                    assert closed[0] == closed[-1]
                    (x, y), (to_x, to_y) = np.array(closed[:-1]).T, np.array(closed[1:]).T
                    assert ((x * to_y - to_x * y).sum() > 0) == (i == 0)  # counterclockwise
    first = regions.geojson(transforms[1])["features"][0]["geometry"]["coordinates"][0]
    assert [100.0, 50.0] in first
    assert [106.0, 44.0] in first
    with pytest.raises(ValueError, match="maps the image to a line"):
        regions.geojson((2.0, 0, 100, 4.0, 0, 50))
    with pytest.raises(ValueError, match="numbers a, b, c, d, e, f"):
        regions.geojson((1.0, 2.0))


def test_polygons_of_annotation_tools(regions: segpost.Regions) -> None:
    """labelme, CVAT and Label Studio: one polygon a part, whose pixels are those of the region."""
    names = {1: 'a "b" <c>', 2: "d"}
    labelme = json.loads(json.dumps(regions.labelme("x.png", names=names)))
    assert [shape["label"] for shape in labelme["shapes"]] == [names[1], "d", "d"]
    assert [shape["group_id"] for shape in labelme["shapes"]] == [0, 1, 1]
    assert (labelme["imageHeight"], labelme["imageWidth"]) == RING.shape
    image = ElementTree.fromstring(regions.cvat("x & y.png", names=names))
    assert image.get("name") == "x & y.png"
    assert [polygon.get("label") for polygon in image] == [names[1], "d", "d"]
    points = [(polygon.get("points") or "").split(";") for polygon in image]
    cvat = [[[float(part) for part in point.split(",")] for point in ring] for ring in points]
    task = json.loads(json.dumps(regions.label_studio(names=names)))
    studio = [np.array(one["value"]["points"]) * [0.05, 0.03] for one in task["result"]]
    for rings in ([shape["points"] for shape in labelme["shapes"]], cvat, studio):
        for shapes, mask in ((rings[:1], RING == 1), (rings[1:], RING == 2)):
            polygons = [[np.round(np.array(ring), 6)] for ring in shapes]
            assert_array_equal(segpost.mask_from_polygons(polygons, RING.shape), mask)
    with pytest.raises(ValueError, match="names have no name of label 2"):
        regions.labelme("x.png", names=["void", "a"])


def test_pandas(regions: segpost.Regions) -> None:
    """A row for every region."""
    pytest.importorskip("pandas")
    frame = regions.to_pandas(names=["void", "a", "b"])
    assert frame["name"].tolist() == ["a", "b"]
    assert frame["area"].tolist() == [8, 2]
    assert frame.loc[1, ["x", "y", "width", "height"]].tolist() == [4, 0, 1, 3]
    assert frame["perimeter"].tolist() == [16, 8]
    assert frame["confidence"].tolist() == [0.5, 0.5]


def test_other_libraries(regions: segpost.Regions, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their constructors get boxes, masks and labels; a library that is missing is named."""
    for name in ("supervision", "fiftyone"):
        fake = SimpleNamespace(Detections=SimpleNamespace, Detection=SimpleNamespace)
        monkeypatch.setitem(sys.modules, name, fake)
    made = regions.supervision()
    assert made.xyxy.tolist() == [[0, 0, 3, 3], [4, 0, 5, 3]]
    assert_array_equal(made.mask, regions.masks())
    assert made.class_id.tolist() == [1, 2]
    first, second = regions.fiftyone(names={1: "a", 2: "b"}).detections
    assert (first.label, second.label, first.confidence) == ("a", "b", 0.5)
    assert second.bounding_box == [0.8, 0.0, 0.2, 1.0]
    assert_array_equal(second.mask, [[True], [False], [True]])
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(ImportError, match="needs supervision: pip install supervision"):
        regions.supervision()
