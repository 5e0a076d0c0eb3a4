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


@pytest.mark.parametrize("name", CALLS)
def test_normalized_images_that_were_cast(name: str) -> None:
    """Negative values become 253 to 255; photographs and documents are no warning."""
    random = np.random.default_rng(3)
    image = random.integers(0, 256, (12, 14, 3)).astype(np.uint8)
    call: Any = CALLS[name]
    with pytest.warns(segpost.InputWarning, match="before its normalization") as caught:
        call(((image / 255 - 0.45) / 0.22).astype(np.int64).astype(np.uint8))
    assert caught[0].filename == __file__
    document = np.where(image > 99, 255, 0).astype(np.uint8)
    for right in (image, document, np.maximum(document, 1), np.minimum(document, 254)):
        call(right)


def test_exchanged_mean_and_deviation() -> None:
    image = np.full((12, 14, 3), 90, np.uint8)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    with pytest.warns(segpost.InputWarning, match=r"exchanged: .* mean=\(0\.485, ") as caught:
        BOX.apply(image, mean=std, std=mean)
    assert caught[0].filename == __file__
    BOX.apply(image, mean=mean, std=std)


def test_an_image_as_a_size() -> None:
    with pytest.raises(ValueError, match=r"array of shape \(12, 14, 3\); .* image\.shape\[:2\]"):
        segpost.Letterbox.fit(np.zeros((12, 14, 3), np.uint8), 16)  # type: ignore[arg-type]


def test_a_black_image() -> None:
    """Floats below 1 that were cast are 0; a value that is not 0 says that they were not."""
    floats = np.random.default_rng(1).uniform(0, 0.9, (128, 130, 3))
    labels = LABELS[:1, :1].repeat(128, 0).repeat(130, 1)
    with pytest.warns(segpost.InputWarning, match="image is black") as caught:
        segpost.overlay(floats.astype("uint8"), labels, PALETTE)
    assert caught[0].filename == __file__
    code = str(caught[0].message).partition("becomes ")[2].partition(";")[0]
    segpost.overlay(eval(code, {"image": floats}), labels, PALETTE)
    night = floats.astype("uint8")
    night[5, 6] = 90
    segpost.overlay(night, labels, PALETTE)
