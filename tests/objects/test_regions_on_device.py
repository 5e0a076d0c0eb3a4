"""Regions of arrays on a device: runs are found there, and only runs are copied to the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import scene
from fake_devices import Cuda, Runtime
from label_maps import label_map

import segpost
from segpost._backends.cuda import objects

pytestmark = pytest.mark.usefixtures("device")
LABELS = label_map(np.random.default_rng(0), (1, 70, 90), 5)[0]


def check(**arguments: Any) -> None:
    """The regions of arrays on the device are those of the CPU."""
    here = segpost.regions(**arguments)
    arguments_there: dict[str, Any] = {
        name: Cuda(value) if isinstance(value, np.ndarray) else value
        for name, value in arguments.items()
    }
    there = segpost.regions(**arguments_there)
    assert there == here
    assert there.rle() == here.rle()


@pytest.mark.parametrize("connectivity", [None, 4, 8])
def test_labels(connectivity: Any) -> None:
    check(labels=LABELS, connectivity=connectivity, min_area=3)
    check(labels=LABELS[::-1, ::2], connectivity=connectivity, num_classes=5)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_confidence(dtype: Any) -> None:
    values = np.random.default_rng(1).integers(0, 256, LABELS.shape).astype(np.uint8)
    confidence = values if dtype == np.uint8 else values.astype(np.float32) / 255
    check(labels=LABELS, confidence=confidence)
    check(masks=np.stack([np.equal(LABELS, k) for k in range(3)]), confidence=confidence)


def test_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Masks of booleans, with scores; also so many that they are counted in parts."""
    masks = np.stack([np.equal(LABELS, k) for k in range(5)] + [LABELS > 9])
    check(masks=masks, confidence=np.linspace(0, 1, 6))
    monkeypatch.setattr(objects, "MAX_PIXELS", 2 * LABELS.size)
    check(masks=masks, confidence=np.broadcast_to(np.float32(0.5), masks.shape))


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (1, 1), (1, 70), (200, 1)])
def test_maps_of_few_pixels(shape: tuple[int, int]) -> None:
    check(labels=np.zeros(shape, np.int64))


@pytest.mark.parametrize("confidence", [None, True])
@pytest.mark.parametrize("size", [None, (57, 83), (9, 7)])
def test_logits(size: Any, confidence: Any) -> None:
    logits = scene(7, 23, 31)
    there: Any = segpost.regions(logits=Cuda(logits), size=size, confidence=confidence)
    here: Any = segpost.regions(logits=logits, size=size, confidence=confidence)
    assert there.rle() == here.rle()
    if confidence:
        np.testing.assert_allclose(there.confidences, here.confidences, atol=1e-6)


def test_logits_of_a_letterbox() -> None:
    letterbox = segpost.Letterbox.fit((30, 50), (64, 64))
    check(logits=scene(4, 16, 16), letterbox=letterbox)


def test_regions_of_a_pass() -> None:
    """The regions of `postprocess`, of a batch, and the shares of its labels."""
    logits = np.stack([scene(5, 12, 17), scene(5, 12, 17, seed=1)])
    options: Any = {"size": (40, 60), "want": ("labels", "confidence", "regions")}
    there: Any = segpost.postprocess(Cuda(logits), **options)
    here: Any = segpost.postprocess(logits, **options)
    for one, other in zip(there.regions, here.regions, strict=True):
        assert one.rle() == other.rle()
        np.testing.assert_allclose(one.confidences, other.confidences, atol=1e-6)
    assert there.shares() == here.shares()


def test_only_runs_are_copied(device: Runtime) -> None:
    """Of a map of a few shapes less than a tenth is read on the CPU."""
    labels = np.zeros((640, 200), np.uint8)
    labels[100:300, 20:120], labels[200:600, 60:150] = 3, 7
    with segpost.use_backend("cuda"):
        regions = segpost.regions(Cuda(labels))
    assert regions.areas.tolist() == [labels.size - 36000 - 20000 + 6000, 14000, 36000]
    assert 0 < device.bytes_read < labels.nbytes / 10


def test_errors() -> None:
    labels = np.zeros((4, 8), np.int16)
    labels[2, 5] = 4
    with pytest.raises(ValueError, match=r"labels have 1 values outside 0..3, first 4 at \[2, 5\]"):
        segpost.regions(Cuda(labels), num_classes=4)
    with pytest.raises(ValueError, match=r"below 2\*\*63, got 9223372036854775809"):
        segpost.regions(Cuda(np.array([[3, 2**63 + 1]], np.uint64)))
    with pytest.raises(ValueError, match="masks must hold 0 and 1, got 6 other values"):
        segpost.regions(masks=Cuda(np.full((1, 2, 3), 255, np.uint8)))
    with pytest.raises(TypeError, match="different devices"):
        segpost.regions(Cuda(LABELS), confidence=np.zeros(LABELS.shape, np.float32))
    logits = scene(3, 8, 8)
    logits[1, 2, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        segpost.regions(logits=Cuda(logits), size=(16, 16))
