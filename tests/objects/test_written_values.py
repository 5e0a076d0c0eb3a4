"""What regions write into files, and what callers cannot write into regions."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import segpost

LABELS = np.array([[0, 7, 7], [7, 0, 7]], np.uint8)
SQUARE = [[0, 0], [4, 0], [4, 4], [0, 4]]
SHIFTED = [[2, 2], [6, 2], [6, 6], [2, 6]]


def scored(*confidence: float) -> segpost.Regions:
    """Masks with a confidence each."""
    masks = np.ones((len(confidence), 2, 3), bool)
    return segpost.regions(masks=masks, confidence=np.array(confidence))


def as_flat(points: list[list[int]]) -> list[float]:
    """A ring as COCO has it."""
    return [float(value) for point in points for value in point]


def test_polygons_that_overlap_are_joined() -> None:
    """The parts of a COCO annotation, and polygons with holes: a union, whatever the order."""
    union = np.zeros((7, 7), bool)
    union[:4, :4] = union[2:6, 2:6] = True
    for polygons in (
        [as_flat(SQUARE), as_flat(SHIFTED)],
        [[SHIFTED], [SQUARE]],
        [np.array(SQUARE), np.array(SHIFTED), np.array(SQUARE)],
    ):
        assert_array_equal(segpost.mask_from_polygons(polygons, (7, 7)), union)
    hole = [[1, 1], [3, 1], [3, 3], [1, 3]]
    assert segpost.mask_from_polygons([[SQUARE, hole]], (7, 7)).sum() == 12
    assert segpost.mask_from_polygons([[SQUARE], [hole]], (7, 7)).sum() == 16
    assert segpost.mask_from_polygons([[SQUARE, hole], [hole]], (7, 7)).sum() == 16


def test_the_union_is_that_of_pycocotools() -> None:
    """Rectangles with integer corners, for which both have one rule for pixels."""
    coco = pytest.importorskip("pycocotools.mask")
    random = np.random.default_rng(0)
    for _ in range(50):
        parts = []
        for _ in range(int(random.integers(1, 5))):
            (x, x_end), (y, y_end) = (np.sort(random.choice(20, 2, replace=False)) for _ in "xy")
            parts.append([float(v) for v in (x, y, x_end, y, x_end, y_end, x, y_end)])
        expected = segpost.masks_from_rle(coco.merge(coco.frPyObjects(parts, 19, 21)))
        assert_array_equal(segpost.mask_from_polygons(parts, (19, 21)), expected)


def test_polygons_beyond_the_mask_are_cut() -> None:
    """On every side, and all of it."""
    mask = segpost.mask_from_polygons([[-9, -9, 30, -9, 30, 2, -9, 2]], (4, 5))
    assert_array_equal(mask, np.arange(4)[:, None] < np.full(5, 2))
    for x, y in ((-9, 0), (9, 0), (0, -9), (0, 9), (1e300, 0), (-1e300, -1e300)):
        far = [x, y, x + 3, y, x + 3, y + 3, x, y + 3]
        assert not segpost.mask_from_polygons([far], (4, 5)).any()
    assert not segpost.mask_from_polygons([], (4, 5)).any()


def test_regions_are_equal_by_their_values() -> None:
    """Size, labels, pixels and confidence; NaN equals NaN."""
    one, other = segpost.regions(LABELS), segpost.regions(LABELS.astype(np.int64))
    assert one == other
    assert one[0] == other[0]
    assert one[0] != other[1]
    assert one != segpost.regions(LABELS, connectivity=4)
    assert one != segpost.regions(np.pad(LABELS, ((0, 0), (0, 1))), ignore_index=None)[:2]
    assert one != segpost.regions(LABELS, confidence=np.full(LABELS.shape, 0.5, np.float32))
    assert scored(0.5, np.nan) == scored(0.5, np.nan)
    assert scored(0.5, 0.5) != scored(0.5, 0.25)
    assert (one == LABELS.tolist()) is False
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)


def test_equal_regions_of_every_source() -> None:
    """Labels, masks, codes and logits of the same pixels give equal regions."""
    regions = segpost.regions(LABELS)
    logits = np.stack([label == LABELS for label in range(8)]).astype(np.float32)
    assert segpost.regions(logits=logits) == regions
    for masks in (regions.masks(), regions.rle(), regions.masks().astype(np.uint8)):
        assert segpost.regions(masks=masks).relabel(regions.labels) == regions
    both = segpost.regions(LABELS, connectivity=4)
    assert both == segpost.regions(masks=both.masks()).relabel(both.labels)


def test_arrays_of_regions_are_read_only() -> None:
    """They are computed once: a change would be in every later result."""
    regions = scored(0.5, 0.25)
    for name in ("labels", "areas", "boxes", "centroids", "perimeters", "confidences"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(regions, name)[0] = 1
    confidence = np.array([0.5, 0.25])
    kept = segpost.regions(masks=np.ones((2, 2, 3), bool), confidence=confidence)
    confidence[0] = 9  # the caller's array stays writable, and is not that of the regions
    assert kept.confidences is not None
    assert kept.confidences.tolist() == [0.5, 0.25]


def test_the_background_of_labels() -> None:
    """Any integer of 64 bits, in the smallest type that holds it."""
    regions = segpost.regions(LABELS, ignore_index=0)
    for background, kind in ((255, "uint8"), (-1, "int32"), (256, "int32"), (2**40, "int64")):
        labels = regions.to_labels(background)
        assert labels.dtype == kind
        assert_array_equal(labels, np.where(LABELS == 7, 7, background))
    for bad in (0.5, None, True, "0"):
        with pytest.raises(TypeError, match="background must be an integer"):
            regions.to_labels(bad)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="integer of 64 bits, got 1180591620717411303424"):
        regions.to_labels(2**70)
    none = segpost.regions(LABELS)[:0]
    assert_array_equal(none.to_labels(3), np.full(LABELS.shape, 3))


def test_confidence_that_is_unknown_is_null() -> None:
    """JSON has no NaN: null in GeoJSON and Label Studio; a result of COCO needs a score."""
    regions = scored(0.5, np.nan)

    def refuse(word: str) -> Any:
        raise AssertionError(word)

    for written in (regions.geojson(), regions.label_studio(), regions.labelme("x.png")):
        json.loads(json.dumps(written), parse_constant=refuse)
    values = [one["properties"]["confidence"] for one in regions.geojson()["features"]]
    assert values == [0.5, None]
    assert [one["score"] for one in regions.label_studio()["result"]] == [0.5, None]
    with pytest.raises(ValueError, match="of 1 of 2 regions is NaN, first of region 1"):
        regions.coco()
    assert regions.confidences is not None
    assert len(regions[~np.isnan(regions.confidences)].coco()) == 1
    with pytest.raises(ValueError, match="region 0 is inf"):
        scored(np.inf).geojson()
    with pytest.raises(ValueError, match="no finite coordinates"):
        regions.geojson((1e308, 0, 0, 0, 1e308, 1e308))


def test_ids_and_categories_are_what_json_holds() -> None:
    """Integers of any type become int; other ids are errors."""
    regions = segpost.regions(LABELS)
    one = regions.coco(np.int64(3), {0: np.int8(1), 7: 2})[0]  # type: ignore[arg-type, dict-item]
    assert [type(one[name]) for name in ("image_id", "category_id")] == [int, int]
    assert regions.coco("a.png")[0]["image_id"] == "a.png"
    json.dumps(one)
    for bad in (None, 1.5, True, b"a"):
        with pytest.raises(TypeError, match="image_id must be an integer or a text"):
            regions.coco(bad)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"categories must be a dict .*, got \[1, 2\]"):
        regions.coco(categories=[1, 2])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"categories\[0\] must be an integer, got 1.5"):
        regions.coco(categories={0: 1.5, 7: 1})  # type: ignore[dict-item]


def test_xml_has_the_names_or_refuses_them() -> None:
    """Markup and line breaks survive; what XML cannot hold is an error that names it."""
    regions = segpost.regions(LABELS, ignore_index=0)
    for name in ("a & b", '<x y="1">', "it's", "two\nlines\tand\rmore", "]]>", "Ünï 車 \U0001f697"):
        image = ElementTree.fromstring(regions.cvat(name, names={7: name}))
        assert image.get("name") == name
        assert {polygon.get("label") for polygon in image} == {name}
    for bad in ("\x00", "a\x1b[31m", "\ud800", "\uffff"):
        with pytest.raises(ValueError, match="image_name has 1 characters that XML cannot hold"):
            regions.cvat(bad)
        with pytest.raises(ValueError, match="names has 1 characters that XML cannot hold"):
            regions.cvat("a", names={7: bad})
    with pytest.raises(TypeError, match="image_id must be an integer"):
        regions.cvat("a", image_id='1" x="')  # type: ignore[arg-type]


BAD_NAMES: list[tuple[Any, str]] = [
    ("abcdefgh", "a sequence of names, or a dict by label, got 'abcdefgh'"),
    (5, "a sequence of names, or a dict by label, got 5"),
    ({0: 1, 7: 2}, "must be texts, got 1 of label 0"),
    ({"0": "a", "7": "b"}, r"labels as text, such as '0'; pass \{int"),
]


@pytest.mark.parametrize(("names", "message"), BAD_NAMES)
def test_names_are_texts_by_label(names: Any, message: str) -> None:
    """A text is no sequence of names, and a name no number."""
    regions = segpost.regions(LABELS)
    for write in (regions.geojson, regions.label_studio, regions.to_pandas):
        with pytest.raises(TypeError, match=message):
            write(names=names)


BAD_CODES: list[tuple[Any, type[Exception], str]] = [
    ({"size": [2], "counts": [6]}, TypeError, r'codes\["size"\] must be \[height, width\], got \['),
    ({"size": 5, "counts": [6]}, TypeError, r'codes\["size"\] must be \[height, width\], got 5'),
    ([{"size": [2, 3], "counts": [6]}] * 2 + [{"size": [2, 3], "counts": [5]}], ValueError,
     r"codes\[2\]: counts sum to 5"),
    ([{"size": [2, 3], "counts": b"\xff"}], ValueError, r"codes\[0\]: counts have 1 of 1 charac"),
]  # fmt: skip


@pytest.mark.parametrize(("codes", "error", "message"), BAD_CODES)
def test_errors_name_the_code(codes: Any, error: type[Exception], message: str) -> None:
    """Of many codes, the message says which one is damaged."""
    with pytest.raises(error, match=message):
        segpost.masks_from_rle(codes)


@pytest.mark.parametrize("polygons", [3, "abc", {"a": 1}, [3], ["ab"], [["0", "0", "1"]]])
def test_polygons_are_lists_of_numbers(polygons: Any) -> None:
    """Texts are no numbers, and a number is no polygon."""
    with pytest.raises(TypeError, match="polygons"):
        segpost.mask_from_polygons(polygons, (4, 4))


def test_regions_get_other_labels() -> None:
    """Of each region, or by label; pixels, scores and order stay."""
    regions = scored(0.5, 0.25)
    renamed = regions.relabel(np.array([15, 2], np.uint8))
    assert renamed.labels.tolist() == [15, 2]
    assert renamed == regions.relabel({0: 15, 1: 2})
    assert renamed.confidences is not None
    assert renamed.confidences.tolist() == [0.5, 0.25]
    assert_array_equal(renamed.masks(), regions.masks())
    assert [one["category_id"] for one in renamed.coco()] == [15, 2]
    assert regions.labels.tolist() == [0, 1]
    assert regions[:0].relabel([]) == regions[:0]
    with pytest.raises(ValueError, match="2 integers, one for each region, got 3; masks without"):
        regions.relabel([1, 2, 3])
    with pytest.raises(ValueError, match="no new label of 1, first 1"):
        regions.relabel({0: 1})
    for bad in ([0.5, 1], "ab", 3, [True, 1]):
        with pytest.raises(TypeError, match="labels must be"):
            regions.relabel(bad)  # type: ignore[arg-type]
