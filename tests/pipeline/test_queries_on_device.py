"""Labels and segments of query heads on a device: those of the CPU, and labels stay there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fake_devices import Cuda, host
from query_heads import random_head, structured_head

import segpost

pytestmark = pytest.mark.usefixtures("device")
HEADS = [structured_head(0, 12), random_head(2, 12, classes=19, shape=(17, 23))]
SIZE = (45, 83)
LENIENT = {"threshold": 0.3, "overlap_threshold": 0.01, "mask_threshold": 0.4}


def segments_of(seg: Any) -> list[Any]:
    """The segments of an image, or of all images."""
    images = seg.segments or ()
    return [one for image in images for one in (image if type(image) is tuple else (image,))]


def compare(classes: np.ndarray, masks: np.ndarray, **options: Any) -> Any:
    """Labels, colors and segments, where there are any, are those of the reference."""
    there: Any = segpost.segment_queries(Cuda(classes), Cuda(masks), **options)
    image = options.pop("image", None)
    with segpost.use_backend("reference"):
        here: Any = segpost.segment_queries(
            classes, masks, image=None if image is None else image.array, **options
        )
    pairs = zip(segments_of(there), segments_of(here), strict=True)
    for one, other in pairs:
        assert one._replace(score=0) == other._replace(score=0)
        assert one.score == pytest.approx(other.score, abs=1e-6)
    for name in ("labels", "color", "overlay"):
        result, expected = getattr(there, name), getattr(here, name)
        assert (result is None) == (expected is None)
        if expected is not None:
            np.testing.assert_array_equal(host(result), expected)
    return there


@pytest.mark.parametrize("dialect", ["maskformer", "eomt"])
@pytest.mark.parametrize("head", HEADS)
def test_labels_are_those_of_the_definition(head: Any, dialect: Any) -> None:
    compare(head.classes, head.masks, dialect=dialect, size=SIZE)


def test_a_batch_of_half_precision_with_colors() -> None:
    classes = np.stack([HEADS[0].classes, HEADS[0].classes[::-1]])
    masks = np.stack([HEADS[0].masks, HEADS[0].masks[::-1]]).astype(np.float16)
    image = Cuda(np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3), np.uint8))
    want = ("labels", "color", "overlay")
    options: Any = {"dialect": "maskformer", "palette": "voc", "want": want}
    compare(classes, masks[..., ::-1], image=image, **options)


def test_a_letterbox() -> None:
    letterbox = segpost.Letterbox.fit((30, 36), (80, 144))
    compare(HEADS[0].classes, HEADS[0].masks, dialect="maskformer", letterbox=letterbox)


def test_values_that_are_not_finite() -> None:
    masks = HEADS[0].masks.copy()
    masks[3, 4, 5], masks[7, 0, 0] = np.nan, -np.inf
    with pytest.raises(ValueError, match=r"mask_logits have 2 of 8640 .* first nan at \[3, 4, 5\]"):
        segpost.segment_queries(Cuda(HEADS[0].classes), Cuda(masks), dialect="maskformer")


@pytest.mark.parametrize("task", ["panoptic", "instance"])
@pytest.mark.parametrize("dialect", ["maskformer", "oneformer", "eomt", "detectron2"])
@pytest.mark.parametrize("head", HEADS)
def test_segments_are_those_of_the_definition(head: Any, dialect: Any, task: Any) -> None:
    """Segments of results that are larger than the score grid, as large, and smaller."""
    for size in (SIZE, tuple(4 * side for side in head.masks.shape[1:]), (7, 11)):
        compare(head.classes, head.masks, task=task, dialect=dialect, size=size, **LENIENT)


@pytest.mark.parametrize("task", ["panoptic", "instance"])
def test_a_batch_of_segments(task: Any) -> None:
    """The images have maps of different types: one has more than 255 segments."""
    random = np.random.default_rng(1)
    masks = 3 * random.normal(size=(2, 300, 40, 40)).astype(np.float32)
    classes = np.zeros((2, 300, 4), np.float32)
    classes[0, :, 1], classes[1, :, -1] = 9, 9
    classes[1, :2] = 9, 0, 0, 0
    options: Any = {"threshold": 0.01, "overlap_threshold": 0.0}
    there = compare(classes, masks, task=task, dialect="maskformer", **options)
    assert there.labels.array.dtype == np.int32
    assert len(there.segments[0]) > 255 > len(there.segments[1]) > 0


def test_no_segments() -> None:
    classes = np.full_like(HEADS[0].classes, -9)
    classes[:, -1] = 9
    for task in ("panoptic", "instance"):
        there = compare(classes, HEADS[0].masks, task=task, dialect="maskformer")
        assert there.segments == ()
        assert not host(there.labels).any()


def test_regions_of_segments() -> None:
    head = HEADS[0]
    want = ("labels", "regions")
    options: Any = {"task": "panoptic", "dialect": "eomt", "size": SIZE, "want": want, **LENIENT}
    there = compare(head.classes, head.masks, **options)
    here: Any = segpost.segment_queries(head.classes, head.masks, **options)
    assert there.regions == here.regions
    assert there.shares() == here.shares()


def test_arrays_on_different_devices() -> None:
    with pytest.raises(TypeError, match="different devices"):
        segpost.segment_queries(HEADS[0].classes, Cuda(HEADS[0].masks))
