"""Arguments of overlays in another order, and batches beside single images."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import segpost

RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.integers(0, 256, (16, 24, 3), dtype=np.uint8)
LABELS = RANDOM.integers(0, 21, (16, 24), dtype=np.uint8)
VOC = segpost.Palette.named("voc")
EXPECTED = segpost.overlay(IMAGE, LABELS, VOC)


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        (IMAGE, LABELS[None]),
        (IMAGE[None], LABELS),
        (IMAGE, np.stack([LABELS, LABELS])),
        (np.stack([IMAGE, IMAGE]), LABELS),
    ],
)
def test_a_batch_beside_one(image: Any, labels: Any) -> None:
    """What the error prints gives the overlay, of a batch that of every image."""
    with pytest.raises(ValueError, match="does not fit labels") as caught:
        segpost.overlay(image, labels, VOC)
    code = re.search(r"\[segpost\.overlay\(.*\]$|(?:image|labels)\[0\]$", str(caught.value))
    assert code
    names = {"segpost": segpost, "image": image, "labels": labels, "palette": VOC}
    value = eval(code.group(0), names)
    if code.group(0).startswith("["):
        overlays = value
        assert len(overlays) == 2
    else:
        names[code.group(0)[:-3]] = value
        overlays = [segpost.overlay(names["image"], names["labels"], VOC)]
    for one in overlays:
        np.testing.assert_array_equal(one, EXPECTED)


def test_two_batches() -> None:
    """Batches of different lengths have no cure."""
    with pytest.raises(ValueError, match=r"leading axes \(2,\), labels have \(3,\)"):
        segpost.overlay(np.stack([IMAGE] * 2), np.stack([LABELS] * 3), VOC)


@pytest.mark.parametrize("palette", ["voc", VOC])
@pytest.mark.parametrize(
    ("call", "right"),
    [
        (lambda p: segpost.overlay(p, IMAGE, LABELS), "overlay(image, labels, palette)"),
        (lambda p: segpost.overlay(IMAGE, p, LABELS), "overlay(image, labels, palette)"),
        (lambda p: segpost.labels_from_colors(p, IMAGE), "labels_from_colors(image, palette)"),
        (lambda p: segpost.colorize(p, LABELS), "colorize(labels, palette)"),
    ],
)
def test_the_palette_comes_last(call: Callable[[Any], Any], right: str, palette: Any) -> None:
    """The error has the call as it should be."""
    with pytest.raises(TypeError, match=re.escape(f"segpost.{right}")):
        call(palette)
