"""Images with the channels first, on every backend: as the same images with the channels last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost
from segpost._core.validation import as_image_array

RNG = np.random.default_rng(18)
IMAGE = RNG.integers(0, 256, (7, 9, 3)).astype(np.uint8)
LABELS = RNG.integers(0, 5, (7, 9)).astype(np.uint8)
PALETTE = segpost.Palette.distinct(5)
LOGITS = scene(5, 7, 9)
BOX = segpost.Letterbox.fit((7, 9), (16, 16))
STREAM = segpost.Stream(palette=PALETTE, want=("overlay",))


def probabilities() -> np.ndarray:
    return np.asarray(segpost.softmax(LOGITS))


CALLS: dict[str, Callable[[Any], Any]] = {
    "overlay": lambda image: segpost.overlay(image, LABELS, PALETTE, contour=1),
    "postprocess": lambda image: (
        segpost.postprocess(LOGITS, image=image, palette=PALETTE, want=("overlay",)).overlay
    ),
    "postprocess, image": lambda image: segpost.postprocess(LOGITS, image=image).image,
    "postprocess, CRF": lambda image: (
        segpost.postprocess(
            LOGITS, image=image, crf="pydensecrf", want=("probabilities",)
        ).probabilities
    ),
    "postprocess, labels": lambda image: (
        segpost.postprocess(
            LABELS,
            convention=segpost.Convention(kind="labels"),
            image=image,
            palette=PALETTE,
            want=("overlay",),
        ).overlay
    ),
    "Stream": lambda image: STREAM(LOGITS, image).overlay.copy(),
    "dense_crf": lambda image: segpost.dense_crf(probabilities(), image, iterations=2),
    "exact CRF": lambda image: segpost.dense_crf(
        probabilities(), image, iterations=1, method="exact"
    ),
    "guide of a term": lambda image: segpost.DenseCRF(
        iterations=1, bilateral={"sigma_xy": 5, "sigma_rgb": 9, "weight": 2, "guide": image}
    )(probabilities()),
    "Letterbox.apply": lambda image: BOX.apply(image),
}


def first(image: np.ndarray) -> np.ndarray:
    """The same image with its channels first, in memory of that order."""
    return np.ascontiguousarray(np.moveaxis(image, -1, -3))


@pytest.mark.parametrize("call", CALLS)
def test_channels_first_give_the_result_of_channels_last(backend: str, call: str) -> None:
    """The result, channels last, is the same to the bit."""
    expected = np.asarray(CALLS[call](IMAGE))
    got = np.asarray(CALLS[call](first(IMAGE)))
    assert got.shape == expected.shape
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("call", ["overlay", "Letterbox.apply", "dense_crf"])
def test_tensors(call: str) -> None:
    """A tensor of (3, H, W) is read in place, with any strides."""
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(np.concatenate([first(IMAGE)] * 2, axis=-1))[..., ::2]
    np.testing.assert_array_equal(
        np.asarray(CALLS[call](tensor)), np.asarray(CALLS[call](np.moveaxis(tensor.numpy(), 0, -1)))
    )


def test_batches() -> None:
    """(N, 3, H, W) is a batch of images; an overlay has its channels last."""
    images, labels = np.stack([IMAGE, IMAGE[::-1]]), np.stack([LABELS, LABELS + 0])
    expected = segpost.overlay(images, labels, PALETTE)
    got = segpost.overlay(first(images), labels, PALETTE)
    assert got.shape == (2, 7, 9, 3)
    np.testing.assert_array_equal(got, expected)
    out = np.empty_like(expected)
    assert segpost.overlay(first(images), labels, PALETTE, out=out) is out
    np.testing.assert_array_equal(out, expected)
    logits = np.stack([LOGITS, LOGITS])
    seg = segpost.postprocess(logits, image=first(images), palette=PALETTE, want=("overlay",))
    assert seg.overlay.shape == (2, 7, 9, 3)
    probability = np.stack([probabilities()] * 2)
    np.testing.assert_array_equal(
        segpost.dense_crf(probability, first(images)), segpost.dense_crf(probability, images)
    )
    np.testing.assert_array_equal(BOX.apply(first(images)), BOX.apply(images))


def test_colors_become_labels_again(backend: str) -> None:
    """labels_from_colors reads both layouts."""
    color = segpost.colorize(LABELS, PALETTE)
    np.testing.assert_array_equal(segpost.labels_from_colors(first(color), PALETTE), LABELS)


def test_diagnose_reads_both_layouts() -> None:
    """The findings do not depend on the layout of the image and the colors."""
    color = segpost.colorize(LABELS, PALETTE)
    last = segpost.diagnose(labels=LABELS, color=color, image=IMAGE, palette=PALETTE)
    both = segpost.diagnose(labels=LABELS, color=first(color), image=first(IMAGE), palette=PALETTE)
    assert str(both) == str(last)


def test_nothing_is_copied() -> None:
    """Channels first become a view."""
    image = first(IMAGE)
    assert np.shares_memory(as_image_array(image).array, image)


@pytest.mark.parametrize("shape", [(3, 8, 3), (2, 3, 8, 3), (3, 3, 3)])
def test_in_doubt_the_channels_are_last(shape: tuple[int, ...]) -> None:
    """Three elements on the first and the last axis: the last one is that of the channels."""
    image = RNG.integers(0, 256, shape).astype(np.uint8)
    array = as_image_array(image).array
    assert array.shape == shape
    np.testing.assert_array_equal(array, image)


@pytest.mark.parametrize(
    ("image", "text"),
    [
        (
            np.zeros((4, 7, 9), np.uint8),
            r"got \(4, 7, 9\); drop .* image\[..., :3, :, :\]",
        ),
        (np.zeros((7, 9, 4), np.uint8), r"got \(7, 9, 4\); drop the alpha .* image\[..., :3\]"),
        (np.zeros((7, 9), np.uint8), "repeat a grey image"),
    ],
)
def test_what_is_no_image(image: np.ndarray, text: str) -> None:
    """The error names both layouts, and its cure works."""
    logits = np.zeros((3, 7, 9), np.float32)

    def overlay(image: Any) -> Any:
        return segpost.postprocess(logits, image=image, palette="voc", want=("overlay",)).overlay

    with pytest.raises(ValueError, match=r"\(..., H, W, 3\) or \(..., 3, H, W\)") as error:
        overlay(image)
    assert error.match(text)
    cure = str(error.value).rpartition(": ")[2]
    assert overlay(eval(cure, {"np": np, "image": image})).shape == (7, 9, 3)


def test_an_image_of_another_size_is_shown_as_it_was_passed() -> None:
    """The error has the shape of the argument; its cure is a size that fits the image."""
    image = first(np.zeros((14, 18, 3), np.uint8))
    with pytest.raises(ValueError, match=r"shape \(3, 14, 18\) \(channels first\)") as error:
        segpost.overlay(image, LABELS, PALETTE)
    cure = str(error.value).partition("come from ")[2]
    labels = eval(cure, {"segpost": segpost, "logits": LOGITS})
    assert segpost.overlay(image, labels, PALETTE).shape == (14, 18, 3)
    with pytest.raises(ValueError, match="image is 14 x 18, this letterbox is for 7 x 9"):
        BOX.apply(image)


def test_a_guide_of_other_channels_stays_channels_last() -> None:
    """Only uint8 of three channels is an image with its channels first."""
    for image in (first(IMAGE).astype(np.float32), first(IMAGE)[:2]):
        with pytest.raises(ValueError, match="channels first: move the channels last"):
            segpost.dense_crf(probabilities(), image)
