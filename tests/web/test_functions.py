"""Every function in node: the bytes are those of Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from web_package import Picture, Planes, Refusal, call_web

import segpost
from segpost.color.datasets import list_palettes
from segpost.color.datasets.reader import list_aliases

pytestmark = pytest.mark.browser

RANDOM = np.random.default_rng(5)
SIZE = (33, 47)


def noisy_logits(*shape: int) -> np.ndarray:
    """Blocks of one class with noise, rounded so that some are equal."""
    blocks = RANDOM.normal(0, 2, (*shape[:-2], -(-shape[-2] // 4), -(-shape[-1] // 4)))
    smooth = blocks.repeat(4, -2).repeat(4, -1)[..., : shape[-2], : shape[-1]]
    return np.round(smooth + RANDOM.normal(0, 0.5, shape), 2).astype(np.float32)


def same(ours: Any, theirs: Any) -> None:
    """Types, shapes and bytes are equal."""
    assert not isinstance(ours, Refusal), ours
    expected = np.asarray(theirs)
    assert (ours.dtype, ours.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(ours, expected)


def last(logits: np.ndarray) -> np.ndarray:
    """Classes last."""
    return np.ascontiguousarray(np.moveaxis(logits, -3, -1))


@pytest.mark.parametrize("grid", ["half_pixel", "align_corners", "asymmetric"])
def test_labels_of_every_grid_and_layout(web_build: Path, grid: Any) -> None:
    """Larger, smaller, as they are; one image and several; classes first and last."""
    one, several = noisy_logits(5, 9, 11), noisy_logits(2, 5, 9, 11)
    calls, expected = [], []
    for logits in (one, several):
        for size in (None, SIZE, (4, 5)):
            options = {"grid": grid} | ({} if size is None else {"size": size})
            calls.append(("argmax", logits, options))
            calls.append(("argmax", last(logits), options | {"axis": -1}))
            expected += [segpost.argmax(logits, size=size, grid=grid)] * 2
    for ours, theirs in zip(call_web(web_build, *calls), expected, strict=True):
        same(ours, theirs)


@pytest.mark.parametrize(
    "dtype",
    ["float16", "float32", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32"],
)
def test_labels_of_every_type(web_build: Path, dtype: str) -> None:
    """Also as planes, as masks of MediaPipe are."""
    logits = np.clip(noisy_logits(7, 9, 11) * 10 + 60, 0, 120).astype(dtype)
    calls = [("argmax", data, {"size": SIZE}) for data in (logits, Planes(logits))]
    for ours in call_web(web_build, *calls):
        same(ours, segpost.argmax(logits, size=SIZE))


def test_labels_of_many_classes_are_int32(web_build: Path) -> None:
    """256 are uint8."""
    calls, expected = [], []
    for classes in (256, 300):
        logits = noisy_logits(classes, 5, 6)
        calls.append(("argmax", logits, {"size": SIZE}))
        expected.append(segpost.argmax(logits, size=SIZE))
    ours = call_web(web_build, *calls)
    assert [labels.dtype for labels in ours] == [np.uint8, np.int32]
    for labels, theirs in zip(ours, expected, strict=True):
        same(labels, theirs)


@pytest.mark.parametrize("align", ["center", "top_left"])
def test_labels_without_a_letterbox(web_build: Path, align: Any) -> None:
    """Of wide and of high images."""
    calls, expected = [], []
    for image in ((30, 80), (75, 41)):
        box = segpost.Letterbox.fit(image, (64, 64), align=align)
        logits = noisy_logits(6, 8, 8)
        calls.append(("argmax", logits, {"letterbox": box}))
        expected.append(segpost.argmax(logits, letterbox=box))
    for ours, theirs in zip(call_web(web_build, *calls), expected, strict=True):
        same(ours, theirs)


def test_letterboxes_are_those_of_python(web_build: Path) -> None:
    """Sizes of content and offsets, which are rounded."""
    calls, expected = [], []
    for height, width, side in RANDOM.integers(1, 3000, (40, 3)).tolist():
        for align, mode in (("center", "pad"), ("top_left", "pad"), ("center", "stretch")):
            image, size = (height, width), (side, side // 2 + 1)
            calls.append(("Letterbox.fit", image, size, {"align": align, "mode": mode}))
            expected.append(segpost.Letterbox.fit(image, size, align=align, mode=mode))  # type: ignore[arg-type]
    for ours, box in zip(call_web(web_build, *calls), expected, strict=True):
        sides = (box.image_size, box.input_size, box.content_size, box.offset)
        assert [tuple(part) for part in ours.values()] == list(sides)


def test_one_pass_gives_all_results(web_build: Path) -> None:
    """Labels, confidence, colors and overlay; the image as ImageData, RGB and RGBA."""
    logits = noisy_logits(5, 9, 11)
    image = RANDOM.integers(0, 256, (*SIZE, 4), np.uint8)
    want: tuple[Any, ...] = ("labels", "confidence", "color", "overlay")
    palette = segpost.Palette(RANDOM.integers(0, 256, (5, 3)), ignore_index=3, void=(1, 2, 3))
    alpha = [0.1, 0.25, 0.5, 0.77, 1.0]
    images = (Picture(image), image, image[..., :3])
    options = {"want": want, "palette": palette, "alpha": alpha}
    calls = [("postprocess", logits, options | {"image": given}) for given in images]
    expected = segpost.postprocess(
        logits, image=image[..., :3], palette=palette, alpha=alpha, want=want
    )
    for ours in call_web(web_build, *calls):
        for name in ("labels", "color", "overlay"):
            same(ours[name], getattr(expected, name))
        difference = np.abs(ours["confidence"] - expected.confidence).max()
        assert difference <= 1e-6


def test_sigmoid_heads(web_build: Path) -> None:
    """Of floats, and of quantized integers."""
    logits = noisy_logits(1, 9, 11)
    quantized = np.int8(np.clip(logits * 20, -128, 127))
    scale = (0.05, 3)
    both = {"threshold": 0.3, "size": SIZE, "want": ["labels", "confidence"]}
    calls = [
        ("postprocess", logits, both),
        ("postprocess", quantized, {"quantization": scale, "threshold": 0.7, "size": SIZE}),
    ]
    first, second = call_web(web_build, *calls)
    theirs = segpost.postprocess(logits, threshold=0.3, size=SIZE, want=("labels", "confidence"))
    same(first["labels"], theirs.labels)
    assert np.abs(first["confidence"] - theirs.confidence).max() <= 1e-6
    same(
        second["labels"],
        segpost.postprocess(quantized, quantization=scale, threshold=0.7, size=SIZE).labels,
    )


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "int64", "uint16"])
def test_colors_and_overlays(web_build: Path, dtype: str) -> None:
    """With void, which has the mean weight, and with contours."""
    labels = RANDOM.integers(0, 19, SIZE).astype(dtype)
    labels = labels.repeat(3, 0).repeat(3, 1)
    voids = [] if dtype == "int8" else [255]
    if voids:
        labels[5:20, 7:30] = 255
    image = RANDOM.integers(0, 256, (*labels.shape, 3), np.uint8)
    weights = RANDOM.uniform(0, 1, 19).tolist()
    options: list[dict[str, Any]] = [{}, {"alpha": 0.3, "contour": 2}, {"alpha": weights}]
    calls: list[tuple[Any, ...]] = [("colorize", labels, "cityscapes")]
    calls += [("overlay", image, labels, "cityscapes", some) for some in options]
    color, *overlays = call_web(web_build, *calls)
    same(color, segpost.colorize(labels, "cityscapes"))
    for ours, some in zip(overlays, options, strict=True):
        same(ours, segpost.overlay(image, labels, "cityscapes", **some))


def test_palettes_are_those_of_python(web_build: Path) -> None:
    """Every name and alias; distinct colors."""
    names = [*list_palettes(), *(also for others in list_aliases().values() for also in others)]
    calls = [("Palette.named", name) for name in names] + [("Palette.distinct", 256)]
    *palettes, distinct = call_web(web_build, *calls)
    for name, ours in zip(names, palettes, strict=True):
        theirs = segpost.Palette.named(name)  # type: ignore[arg-type]
        assert ours["colors"] == theirs.colors.tolist()
        assert tuple(ours["names"]) == theirs.names
        assert ours.get("ignoreIndex") == theirs.ignore_index
        void = ours.get("void")
        assert (void and tuple(void)) == theirs.void
    assert distinct["colors"] == segpost.Palette.distinct(256).colors.tolist()


def test_confusion_matrices(web_build: Path) -> None:
    """Of labels, and of logits that are upsampled to the target; with ignored labels."""
    target = RANDOM.integers(0, 5, (2, *SIZE)).astype(np.uint8)
    preds = RANDOM.integers(0, 5, (2, *SIZE)).astype(np.int32)
    target[0, :7] = 255
    logits = noisy_logits(2, 5, 9, 11)
    options = {"numClasses": 5, "ignoreIndex": [255, 1]}
    calls = [
        ("confusionMatrix", preds, target, options),
        ("confusionMatrix", logits, target, options),
        ("confusionMatrix", last(logits)[0], target[0], options | {"axis": -1}),
    ]
    ignored = (255, 1)
    expected = [
        segpost.confusion_matrix(preds, target, num_classes=5, ignore_index=ignored),
        segpost.confusion_matrix(logits, target, num_classes=5, ignore_index=ignored),
        segpost.confusion_matrix(logits[0], target[0], num_classes=5, ignore_index=ignored),
    ]
    for ours, theirs in zip(call_web(web_build, *calls), expected, strict=True):
        same(ours, theirs)


def test_memory_grows_and_results_stay(web_build: Path) -> None:
    """Results are copies: what was made before the memory grew is the same after it."""
    small, large = noisy_logits(5, 9, 11), noisy_logits(3, 40, 40)
    sizes = (SIZE, (3000, 3000), SIZE)
    calls = [
        ("argmax", logits, {"size": size})
        for logits, size in zip((small, large, small), sizes, strict=True)
    ]
    first, second, third = call_web(web_build, *calls)
    same(first, segpost.argmax(small, size=SIZE))
    same(second, segpost.argmax(large, size=(3000, 3000)))
    same(third, first)
