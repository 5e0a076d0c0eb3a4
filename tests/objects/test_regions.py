"""`segpost.regions`, for every backend, beside NumPy, SciPy and pycocotools' definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import CUDA, FAST, switch
from label_maps import label_map
from numpy.testing import assert_array_equal

import segpost
from segpost._backends import registry
from segpost._core import rle

ON_CUDA = True
KINDS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
Array = np.ndarray[Any, Any]
ndimage = pytest.importorskip("scipy.ndimage")


def blobs(shape: tuple[int, int], classes: int, seed: int = 0) -> Array:
    """A label map of smooth shapes, with some noise."""
    random = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(random.normal(size=(classes, *shape)), (0, 3, 3))
    labels: Array = noise.argmax(axis=0).astype(np.uint8)
    labels[random.random(shape) < 0.02] = 0
    return labels


@pytest.mark.parametrize("backend_name", [*FAST, *CUDA])
def test_runs_are_those_of_the_definition(backend_name: str) -> None:
    """Maps of all types and strides, with values of both types: every array is equal."""
    random = np.random.default_rng(3)
    for case in range(20):
        images, height, width = (int(random.integers(1, top)) for top in (3, 40, 200))
        shape = (images, height, width)
        labels = label_map(random, shape, 4)
        values = random.random(shape, np.float32)
        if case % 3 == 0:
            values = (255 * values).astype(np.uint8)
        results = []
        for name in ("reference", backend_name):
            for _ in switch(name):
                results.append(registry.backend().find_runs(labels, values))
        for one, other in zip(*results, strict=True):
            assert one.dtype == other.dtype
            assert_array_equal(one, other)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (1, 1), (1, 70), (70, 1)])
def test_maps_of_few_pixels(backend: str, shape: tuple[int, int]) -> None:
    """A map without pixels has no regions."""
    regions = segpost.regions(np.zeros(shape, np.uint8))
    assert len(regions) == min(1, shape[0] * shape[1])
    assert [region.area for region in regions] == [70 if 70 in shape else 1] * len(regions)
    assert len(regions.boxes) == len(regions.perimeters) == len(regions.rle()) == len(regions)


@pytest.mark.parametrize("kind", KINDS)
def test_measures_are_those_of_numpy(backend: str, kind: str) -> None:
    """Area, box, centroid, confidence, runs and mask of every label of every type."""
    labels = blobs((40, 70), 4).astype(kind)
    confidence = np.asarray(np.random.default_rng(1).random(labels.shape), np.float32)
    regions = segpost.regions(labels, confidence=confidence)
    assert_array_equal(regions.labels, np.unique(labels))
    for region in regions:
        mask = labels == region.label
        y, x = np.nonzero(mask)
        assert region.area == mask.sum()
        box = (x.min(), y.min(), x.max() + 1 - x.min(), y.max() + 1 - y.min())
        assert region.box == box
        assert region.centroid == pytest.approx((x.mean(), y.mean()), rel=1e-13)
        mean = confidence[mask].mean(dtype=np.float64)
        assert region.confidence == pytest.approx(mean, rel=1e-13)
        assert_array_equal(region.mask(), mask)
        assert sum(bottom - top for _, top, bottom in region.runs) == region.area
        frame = np.pad(mask, 1)
        sides = sum(np.count_nonzero(np.diff(frame, axis=axis)) for axis in (0, 1))
        assert region.perimeter == sides
    assert_array_equal(regions.to_labels(), labels)


def test_codes_are_those_of_masks(backend: str) -> None:
    """The run-length code of a region is that of its mask; runs over the ends of columns join."""
    random = np.random.default_rng(2)
    for shape in ((5, 6), (33, 70), (1, 9), (9, 1)):
        labels = random.integers(0, 3, shape).astype(np.int32)
        labels[:, shape[1] // 2 :] = 1
        for region in segpost.regions(labels):
            assert region.rle() == rle.encode_mask(labels == region.label)


def test_confidence_of_bytes(backend: str) -> None:
    """255 is 1."""
    (region,) = segpost.regions(np.zeros((1, 2), int), confidence=np.array([[255, 0]], np.uint8))
    assert region.confidence == 0.5


@pytest.mark.parametrize("connectivity", [4, 8])
def test_components_are_those_of_scipy(backend: str, connectivity: int) -> None:
    """Every component, in order of label and first pixel."""
    structure = np.ones((3, 3)) if connectivity == 8 else None
    for seed in range(2):
        random = np.random.default_rng(seed)
        labels = random.integers(0, 3, (30, 41)) if seed % 2 else blobs((40, 50), 3, seed)
        regions = segpost.regions(labels, connectivity=connectivity)
        index = 0
        for label in np.unique(labels):
            numbered, count = ndimage.label(labels == label, structure)
            for number in range(1, count + 1):
                assert regions[index].label == label
                assert_array_equal(regions[index].mask(), numbered == number)
                index += 1
        assert index == len(regions)


def test_filters() -> None:
    """min_area, keep_largest, slices and arrays of numbers."""
    labels = blobs((60, 90), 5)
    every = segpost.regions(labels, connectivity=4)
    large = segpost.regions(labels, connectivity=4, min_area=20)
    assert_array_equal(large.areas, every.areas[every.areas >= 20])
    assert 0 < len(large) < len(every)
    largest = every.keep_largest()
    assert_array_equal(largest.labels, np.unique(labels))
    for region in largest:
        assert region.area == every.areas[every.labels == region.label].max()
    assert_array_equal(every[2:4].areas, every.areas[2:4])
    assert_array_equal(every[every.labels == 1].areas, every.areas[every.labels == 1])
    assert every[-1].area == every.areas[-1]
    with pytest.raises(IndexError, match="region 7"):
        largest[7]
    number: Any = np.array(1)
    assert every[number].area == every[1].area
    with pytest.raises(TypeError, match="index must be an integer"):
        every[np.array([[0, 1]])]


def test_logits_are_those_of_their_labels(backend: str) -> None:
    """Regions of logits, at all grids and with a letterbox, are those of the label map."""
    logits = np.random.default_rng(4).normal(size=(5, 9, 12)).astype(np.float32)
    box = segpost.Letterbox.fit((50, 90), (36, 48))
    every: list[dict[str, Any]] = [
        {},
        {"size": (40, 1200)},
        {"size": (70, 50), "grid": "align_corners"},
        {"letterbox": box},
    ]
    for settings in every:
        labels = segpost.argmax(logits, **settings)
        regions = segpost.regions(logits=logits, confidence=True, **settings)
        assert_array_equal(regions.to_labels(), labels)
        seg = segpost.postprocess(logits, want=("confidence",), **settings)
        means = segpost.regions(labels, confidence=seg.confidence).confidences
        assert means is not None
        assert regions.confidences is not None
        np.testing.assert_allclose(regions.confidences, means, atol=1e-6)


def test_logits_in_strips(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A map of several strips has the regions of one; the first NaN is that of the image."""
    monkeypatch.setattr("segpost.objects.from_logits.STRIP_PIXELS", 64)
    logits = np.random.default_rng(4).normal(size=(3, 6, 40)).astype(np.float32)
    for size in ((20, 300), None):
        labels = segpost.argmax(logits, size=size)
        assert_array_equal(segpost.regions(logits=logits, size=size).to_labels(), labels)
    logits[1, 5, 38] = np.nan
    with pytest.raises(
        ValueError, match="1 NaN of 720 values, first at image 0, class 1, y 5, x 38"
    ):
        segpost.regions(logits=logits, size=(20, 300))
    logits[:, 5, 38] = -np.inf
    with pytest.raises(ValueError, match="no answer") as expected:
        segpost.argmax(logits, size=(20, 300))
    with pytest.raises(ValueError, match="no answer") as raised:
        segpost.regions(logits=logits, size=(20, 300))
    assert str(raised.value) == str(expected.value)


def test_masks_overlap(backend: str) -> None:
    """A region a mask that has pixels; the label is the number of the mask."""
    masks = np.random.default_rng(5).random((4, 12, 9)) < 0.5
    masks[2] = False
    scores = np.array([0.5, 0.25, 0.125, 1], np.float32)
    for given in (masks, masks.astype(np.uint8), [rle.encode_mask(mask) for mask in masks]):
        regions = segpost.regions(masks=given, confidence=scores)
        assert regions.labels.tolist() == [0, 1, 3]
        assert_array_equal(regions.masks(), masks[[0, 1, 3]])
        assert regions.confidences is not None
        assert regions.confidences.tolist() == [0.5, 0.25, 1.0]
        assert regions.rle()[1] == rle.encode_mask(masks[1])
    values = np.random.default_rng(6).random((12, 9), np.float32)
    (region,) = segpost.regions(masks=masks[0], confidence=values)
    assert region.confidence == pytest.approx(values[masks[0]].mean(dtype=float))
    components = segpost.regions(masks=masks, confidence=scores, connectivity=4)
    assert components.confidences is not None
    assert_array_equal(components.confidences, scores[components.labels])


def test_ignored_labels_and_classes(backend: str) -> None:
    """An ignored label has no region; one that is no class is an error that says where."""
    labels = np.array([[0, 0, 255], [0, 9, 255]])
    assert segpost.regions(labels, ignore_index=255).labels.tolist() == [0, 9]
    with pytest.raises(ValueError, match=r"have 1 values outside 0..3 or 255, first 9 at \[1, 1\]"):
        segpost.regions(labels, ignore_index=255, num_classes=4)
    with pytest.raises(ValueError, match=r"have 3 values outside 0..3, first 255 at \[0, 2\]"):
        segpost.regions(labels, num_classes=4)
    assert segpost.regions(labels - 1, num_classes=None).labels.tolist() == [-1, 8, 254]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of labels=, logits= and masks=, got none"),
        ({"labels": np.zeros((2, 2), int), "masks": np.zeros((2, 2), bool)}, "got labels, masks"),
        ({"labels": np.zeros((2, 5, 5), int)}, "of one image"),
        ({"labels": np.zeros((2, 2))}, "labels must be integers"),
        ({"labels": np.zeros((2, 2), bool)}, "labels must be integers"),
        ({"labels": np.array([[2**63]], np.uint64)}, "below 2.*63"),
        ({"labels": np.zeros((2, 2), int), "size": (4, 4)}, "size is for logits="),
        ({"labels": np.zeros((2, 2), int), "confidence": True}, "confidence=True is for logits="),
        ({"labels": np.zeros((2, 2), int), "confidence": np.zeros((2, 2))}, "float32 or uint8"),
        ({"labels": np.zeros((2, 2), int), "confidence": np.zeros((2, 3), np.uint8)}, "not fit"),
        ({"labels": np.zeros((2, 2), int), "connectivity": 6}, "must be 4, 8 or None, got 6"),
        ({"labels": np.zeros((2, 2), int), "min_area": -1}, "min_area must be at least 0"),
        (
            {"masks": np.full((2, 2), 255, np.uint8)},
            r"got 4 other values, first 255 at \[0, 0, 0\]",
        ),
        ({"masks": np.zeros((2, 2))}, "masks > 0.5"),
        ({"masks": np.zeros((1, 1, 2, 2), bool)}, r"\(N, H, W\)"),
        ({"masks": np.zeros((3, 2, 2), bool), "confidence": np.zeros(2)}, "3 masks"),
        ({"masks": [{"size": [2, 2], "counts": [3]}]}, "counts sum to 3"),
        ({"masks": [{"counts": [4]}]}, '"size" and "counts"'),
        ({"masks": np.zeros((2, 2), bool), "num_classes": 2}, "num_classes is for labels="),
        ({"masks": np.zeros((2, 2), bool), "ignore_index": 2}, "ignore_index is for"),
        ({"logits": np.zeros((2, 3, 4, 4), np.float32)}, "of one image"),
        ({"logits": np.zeros((3, 4, 4), np.float32), "confidence": 0.5}, "pass True"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    """Every error names the argument."""
    with pytest.raises((ValueError, TypeError), match=message):
        segpost.regions(**arguments)


def test_masks_on_the_last_axis() -> None:
    """The printed expression has the masks first; narrow masks of few rows pass."""
    masks = np.stack([blobs((40, 50), 3) == label for label in range(3)], -1)
    with pytest.warns(segpost.InputWarning, match="40 masks of 50 x 3") as caught:
        segpost.regions(masks=masks)
    assert [warning.filename for warning in caught] == [__file__]
    code = str(caught[0].message).rpartition(" are ")[2]
    areas = segpost.regions(masks=eval(code, {"np": np, "masks": masks})).areas
    assert_array_equal(areas, masks.sum(axis=(0, 1)))
    segpost.regions(masks=masks[:9])


@pytest.mark.parametrize(("scale", "kind"), [(100, "int64"), (255, "uint8"), (100, "float32")])
def test_confidence_above_1(scale: int, kind: str) -> None:
    """Percentages and bytes of masks are no shares; the printed division makes them."""
    masks = np.stack([np.eye(4, dtype=bool)] * 2)
    confidence = (np.array([0.5, 1]) * scale).astype(kind)
    with pytest.warns(segpost.InputWarning, match="2 of 2 values above 1") as caught:
        segpost.regions(masks=masks, confidence=confidence)
    assert [warning.filename for warning in caught] == [__file__]
    code = str(caught[0].message).rpartition("become ")[2]
    shares = eval(code, {"confidence": confidence})
    confidences = segpost.regions(masks=masks, confidence=shares).confidences
    assert confidences is not None
    np.testing.assert_allclose(confidences, [0.5, 1], atol=0.01)
