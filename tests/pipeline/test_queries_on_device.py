"""Semantic labels of query heads on a device: those of the CPU, and they stay there."""

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


def compare(classes: np.ndarray, masks: np.ndarray, **options: Any) -> Any:
    """The labels, and the colors if there are any, are those of the reference."""
    there: Any = segpost.segment_queries(Cuda(classes), Cuda(masks), **options)
    image = options.pop("image", None)
    with segpost.use_backend("reference"):
        here: Any = segpost.segment_queries(
            classes, masks, image=None if image is None else image.array, **options
        )
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
def test_segments_are_for_the_cpu(task: Any) -> None:
    head = HEADS[0]
    with pytest.raises(TypeError, match="segments of queries are computed on the CPU"):
        segpost.segment_queries(Cuda(head.classes), Cuda(head.masks), task=task)


def test_arrays_on_different_devices() -> None:
    with pytest.raises(TypeError, match="different devices"):
        segpost.segment_queries(HEADS[0].classes, Cuda(HEADS[0].masks))
