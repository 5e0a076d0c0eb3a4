"""Images that are black, since floats in 0..1 were cast to bytes, are a warning with the cure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost

LOGITS = scene(4, 12, 14)
LABELS = segpost.argmax(LOGITS)
PALETTE = segpost.Palette.distinct(4)
BOX = segpost.Letterbox.fit((12, 14), 16)
SHARES = segpost.softmax(LOGITS)
CALLS = {
    "overlay": lambda image: segpost.overlay(image, LABELS, PALETTE),
    "apply": BOX.apply,
    "postprocess": lambda image: segpost.postprocess(LOGITS, image=image),
    "Stream": lambda image: segpost.Stream()(LOGITS, image),
    "dense_crf": lambda image: segpost.dense_crf(SHARES, image),
}


@pytest.mark.parametrize("name", CALLS)
def test_floats_that_were_cast(name: str) -> None:
    """The printed expression makes the image of them, which is no warning."""
    floats = np.random.default_rng(1).uniform(0, 1, (12, 14, 3))
    floats[0, 0] = 1
    call: Any = CALLS[name]
    with pytest.warns(segpost.InputWarning, match="only the values 0 and 1") as caught:
        call(floats.astype("uint8"))
    assert caught[0].filename == __file__
    assert str(caught[0].message).endswith("(image * 255).round().astype('uint8')")
    call((floats * 255).round().astype("uint8"))
    for value in (0, 1, 2):
        call(np.full((12, 14, 3), value, np.uint8))


def test_a_sigma_for_an_image_of_0_and_1() -> None:
    """A guide with values of its own has a sigma of its own."""
    guide = (LABELS > 1).astype(np.uint8)
    term = {"sigma_xy": 3.0, "sigma_rgb": 0.5, "weight": 1.0}
    segpost.dense_crf(SHARES, guide, bilateral=term)


def test_sizes_of_pillow() -> None:
    """(width, height) where (height, width) is meant: the error says what to pass."""
    image = np.full((12, 14, 3), 90, np.uint8)
    box = segpost.Letterbox.fit((14, 12), 16)
    transposed = r"transposed: a size is \(height, width\), .* image\.size\[::-1\]"
    for call in (
        lambda: box.apply(image),
        lambda: box.apply_labels(LABELS, void=255),
        lambda: segpost.postprocess(scene(4, 8, 8), letterbox=box, image=image),
        lambda: segpost.postprocess(scene(4, 8, 8), letterbox=box, size=(12, 14)),
    ):
        with pytest.raises(ValueError, match=transposed):
            call()
    with pytest.raises(ValueError, match=r"call segpost\.Letterbox\.fit\(\(12, 14\), \.\.\.\)"):
        segpost.Letterbox.fit((12, 20), 16).apply(image)
