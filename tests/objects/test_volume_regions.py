"""Regions of label volumes: the same claims for every backend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage  # type: ignore[import-untyped]

import segpost

SPACING = (3.0, 0.8, 0.5)
STRUCTURES = {6: 1, 18: 2, 26: 3}


@pytest.fixture
def labels() -> np.ndarray:
    """Blobs of four labels."""
    noise = np.random.default_rng(0).normal(0, 1, (4, 9, 14, 12))
    smooth = np.stack([ndimage.gaussian_filter(one, 1.5) for one in noise])
    return np.asarray(smooth.argmax(0), np.uint8)


def test_what_is_measured_of_labels(backend: str, labels: np.ndarray) -> None:
    """Voxels, volumes, boxes, centroids and confidence, against NumPy and SciPy."""
    confidence = np.random.default_rng(1).random(labels.shape).astype(np.float32)
    regions = segpost.regions(
        labels, volume=True, ignore_index=0, spacing=SPACING, confidence=confidence
    )
    assert [region.label for region in regions] == [1, 2, 3]
    for region in regions:
        mask = labels == region.label
        assert region.voxels == mask.sum()
        assert region.volume == pytest.approx(mask.sum() * 1.2)
        z, y, x = ndimage.find_objects(mask.astype(int))[0]
        assert region.box == (
            *(part.start for part in (x, y, z)),
            *(part.stop - part.start for part in (x, y, z)),
        )
        assert_allclose(region.centroid, ndimage.center_of_mass(mask)[::-1])
        assert region.confidence == pytest.approx(confidence[mask].mean(), abs=1e-6)
    assert_array_equal(regions.to_labels(), labels)
    assert_array_equal(regions[1:].to_labels(9), np.where(labels > 1, labels, 9))


@pytest.mark.parametrize("connectivity", [6, 18, 26])
def test_components_are_those_of_scipy(backend: str, labels: np.ndarray, connectivity: int) -> None:
    """In order of label, then of the first voxel, slice by slice."""
    structure = ndimage.generate_binary_structure(3, STRUCTURES[connectivity])
    want = []
    for label in range(4):
        numbers, count = ndimage.label(labels == label, structure)
        places = [int(np.flatnonzero(numbers.ravel() == i)[0]) for i in range(1, count + 1)]
        want += [(label, int((numbers == i + 1).sum())) for i in np.argsort(places)]
    regions = segpost.regions(labels, volume=True, connectivity=connectivity)
    assert [(region.label, region.voxels) for region in regions] == want
    assert_array_equal(regions.to_labels(), labels)
    largest = [max(voxels for label, voxels in want if label == i) for i in range(4)]
    assert_array_equal(regions.keep_largest().voxels, largest)
    few = segpost.regions(labels, volume=True, connectivity=connectivity, min_area=5)
    assert_array_equal(few.voxels, [voxels for _, voxels in want if voxels >= 5])


def test_tables_and_empty_volumes() -> None:
    """pandas, no regions, and text."""
    volume = np.zeros((2, 3, 4), np.int32)
    none = segpost.regions(volume, volume=True, ignore_index=0)
    assert len(none) == len(list(none)) == 0
    assert none.boxes.shape == (0, 6)
    volume[1, 2, 3] = 300
    regions = segpost.regions(volume, volume=True, spacing=SPACING)
    frame = regions.to_pandas(names={0: "rest", 300: "lesion"})
    assert frame.loc[1].to_dict() == {
        "label": 300,
        "name": "lesion",
        "voxels": 1,
        "volume": pytest.approx(1.2),
        "x": 3,
        "y": 2,
        "z": 1,
        "width": 1,
        "height": 1,
        "depth": 1,
        "centroid_x": 3.0,
        "centroid_y": 2.0,
        "centroid_z": 1.0,
    }
    assert repr(regions) == "VolumeRegions(2 of 2 x 3 x 4 voxels)"
    assert regions[-1].label == 300
    assert_array_equal(regions[np.array([True, False])].labels, [0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"connectivity": 8}, "connectivity must be 6, 18, 26 or None, got 8"),
        ({"spacing": (1, 0, 1)}, r"spacing must be three positive numbers, got \(1, 0, 1\)"),
        ({"spacing": (1, 1)}, r"spacing must be \(z, y, x\)"),
        ({"num_classes": 2}, r"labels have 1 values outside 0..1, first 5 at \[1, 2, 3\]"),
        ({"confidence": np.zeros((3, 4), np.float32)}, r"confidence of shape \(3, 4\) does not"),
    ],
)
def test_bad_input_is_named(options: dict[str, Any], message: str) -> None:
    """Options that fit no volume."""
    volume = np.zeros((2, 3, 4), np.uint8)
    volume[1, 2, 3] = 5
    with pytest.raises(ValueError, match=message):
        segpost.regions(volume, volume=True, **options)


def test_images_and_volumes_are_told_apart() -> None:
    """A volume needs volume=True, and an image has neither spacing nor three axes."""
    volume = np.zeros((2, 3, 4), np.uint8)
    with pytest.raises(ValueError, match="volume=True of a volume"):
        segpost.regions(volume)
    with pytest.raises(ValueError, match=r"of one volume, \(D, H, W\), got shape \(3, 4\)"):
        segpost.regions(volume[0], volume=True)
    with pytest.raises(ValueError, match="is for volumes: pass volume=True"):
        segpost.regions(volume[0], spacing=SPACING)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="6, 18 and 26 are for volume=True"):
        segpost.regions(volume[0], connectivity=26)
    logits: Any = np.zeros((2, 2, 3, 4), np.float32)
    with pytest.raises(
        ValueError, match=r"of labels, segpost.regions\(segpost.argmax\(logits, size"
    ):
        segpost.regions(logits=logits, size=(2, 3, 4))  # type: ignore[arg-type]
    logits[1] = 0.5
    assert len(segpost.regions(segpost.argmax(logits, size=(4, 6, 8)), volume=True)) == 1
    with pytest.raises(ValueError, match="volume=True is for labels=, got logits"):
        segpost.regions(logits=logits, volume=True)  # type: ignore[call-overload]
