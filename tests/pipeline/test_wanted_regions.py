"""`want=("regions",)`: the regions of the labels, with the mean confidence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import segpost

LOGITS = np.random.default_rng(0).normal(size=(2, 4, 6, 8)).astype(np.float32)


def test_regions_of_an_image() -> None:
    """Beside other results and alone; they are those of `segpost.regions`."""
    seg = segpost.postprocess(LOGITS[0], size=(30, 50), want=("labels", "confidence", "regions"))
    expected = segpost.regions(seg.labels, confidence=seg.confidence)
    assert_array_equal(seg.regions.areas, expected.areas)
    assert_array_equal(seg.regions.confidences, expected.confidences)
    alone = segpost.postprocess(LOGITS[0], size=(30, 50), want=("regions",))
    assert alone.labels is None
    assert alone.regions.confidences is None
    assert alone.regions.rle() == expected.rle()
    assert len(alone) == 1
    assert f"regions {len(expected)}" in repr(alone)


def test_regions_of_a_batch() -> None:
    """A tuple, one for each image, which an index selects."""
    seg = segpost.postprocess(LOGITS, want=("regions", "confidence"))
    assert len(seg) == len(seg.regions) == 2
    for i, regions in enumerate(seg.regions):
        assert_array_equal(regions.to_labels(), segpost.argmax(LOGITS[i]))
        assert seg[i].regions is regions
    alone = segpost.postprocess(LOGITS, want=("regions",))
    assert len(alone) == 2
    assert alone[1].regions.rle() == seg.regions[1].rle()


def test_regions_of_streams_and_labels() -> None:
    """A stream has new ones for every frame; a network that gives labels has them, too."""
    stream = segpost.Stream(want=("regions",))
    for _ in range(2):
        for logits in LOGITS:
            assert_array_equal(stream(logits).regions.to_labels(), segpost.argmax(logits))
    labels = segpost.argmax(LOGITS)
    ids = segpost.Convention(kind="labels")
    seg = segpost.postprocess(labels, convention=ids, want=("labels", "regions"))
    assert_array_equal(seg.regions[1].to_labels(), labels[1])


def test_regions_are_saved(tmp_path: Path) -> None:
    """As GeoJSON, of a batch of one too."""
    seg = segpost.postprocess(LOGITS[:1], want=("regions",))
    seg.save(tmp_path / "regions.geojson", what="regions")
    written = json.loads((tmp_path / "regions.geojson").read_text())
    assert written == json.loads(json.dumps(seg.regions[0].geojson()))
    assert list(seg.save_all(tmp_path / "all")) == ["regions"]
    with pytest.raises(ValueError, match=r"must end in \.geojson"):
        seg.save(tmp_path / "regions.png", what="regions")
    with pytest.raises(ValueError, match="batch of 2, with regions of shape"):
        segpost.postprocess(LOGITS, want=("regions",)).save(tmp_path / "r.geojson", what="regions")
