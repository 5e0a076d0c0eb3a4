"""Logits whose height and width are exchanged, beside images and targets."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost

torch = pytest.importorskip("torch")

CALLS_WITH_IMAGES = [
    lambda logits, image: segpost.postprocess(logits, image=image),
    lambda logits, image: segpost.postprocess(logits, image=image, size=tuple(image.shape[:2])),
    lambda logits, image: segpost.Stream()(logits, image),
]


def picture(logits: Any, *size: int) -> Any:
    """An image of a size, with a color for every label of logits, and noise."""
    colors = np.random.default_rng(3).integers(30, 220, (len(logits), 3))
    rows, columns = (np.arange(n) * k // n for n, k in zip(size, logits.shape[1:], strict=True))
    shown = colors[segpost.argmax(logits)[rows[:, None], columns]]
    noise = np.random.default_rng(4).normal(0, 20, shown.shape)
    return (shown + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("call", CALLS_WITH_IMAGES)
def test_exchanged_sides(call: Any, library: str) -> None:
    """With an image the warning has both explanations; the printed expression has one stride."""
    logits: Any = scene(5, 33, 25)
    image: Any = picture(logits, 264, 200)
    wrong = logits.swapaxes(1, 2).copy()
    if library == "torch":
        logits, wrong, image = map(torch.from_numpy, (logits, wrong, image))
    right = np.asarray(call(logits, image).labels)
    with pytest.warns(segpost.InputWarning, match="as a portrait in a landscape input") as caught:
        call(wrong, image)
    assert [warning.filename for warning in caught] == [__file__]
    code = re.search(r"logits\.swapaxes\(.*?\)", str(caught[0].message))
    assert code
    cured = call(eval(code.group(0), {"logits": wrong}), image)
    np.testing.assert_array_equal(np.asarray(cured.labels), right)


def test_sides_of_a_stretched_image() -> None:
    """A landscape input of a portrait image: its colors fit the labels as they are."""
    logits = scene(5, 27, 36)  # later ones of these shapes are not read
    seg = segpost.postprocess(logits, image=picture(logits, 288, 216))
    assert seg.labels.shape == (288, 216)
    for one in (scene(5, 33, 25), scene(5, 30, 30)):
        segpost.postprocess(one, image=picture(one, 264, 200))
        box = segpost.Letterbox.fit((264, 200), (264, 264))
        segpost.postprocess(scene(5, 33, 33), image=picture(one, 264, 200), letterbox=box)
    background = scene(5, 26, 34)
    background[2] += 99
    segpost.postprocess(background, image=picture(logits, 272, 208))
    nothing = np.zeros((0, 264, 200, 3), np.uint8)
    assert segpost.postprocess(logits[None][:0], image=nothing).labels.shape == (0, 264, 200)


def test_sides_of_a_photograph_in_changing_light() -> None:
    """Light changes more colors than the objects do, but it has no edges."""
    random = np.random.default_rng(5)
    light = np.linspace(0, 120, 280)[:, None, None]
    for height, width in ((35, 28), (28, 35)):  # a grid of one stride, and one that is stretched
        logits = random.normal(0, 0.1, (2, height, width)).astype(np.float32)
        logits[1, :, width * 2 // 3 :] += 2  # of two objects, left and right
        logits[0, :, : width * 2 // 3] += 2
        shown = np.arange(224)[None, :, None] >= 224 * 2 // 3
        image = 60 + light + 35 * shown + random.normal(0, 6, (280, 224, 3))
        image = image.clip(0, 255).astype(np.uint8)
        if height > width:
            with pytest.warns(segpost.InputWarning, match="different strides for an image"):
                segpost.postprocess(logits.swapaxes(1, 2).copy(), image=image)
        segpost.postprocess(logits, image=image)


def test_sides_of_full_size() -> None:
    """An image that is the transposed map names the cause beside the size."""
    logits = scene(5, 40, 30)
    image = picture(logits, 40, 30)
    with (
        pytest.warns(segpost.InputWarning, match="exchanged"),
        pytest.raises(ValueError, match="are height and width of the logits exchanged"),
    ):
        segpost.postprocess(logits.swapaxes(1, 2), image=image)
