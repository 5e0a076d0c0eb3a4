"""Labels, images and palettes that mean something else are errors or warnings with the cure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost

LABELS = np.random.default_rng(2).integers(0, 4, (2, 6, 7)).astype(np.uint8)
IMAGES = np.random.default_rng(2).integers(0, 256, (2, 6, 7, 3)).astype(np.uint8)
PALETTE = segpost.Palette.distinct(4)


@pytest.mark.parametrize("axis", [1, 3])
def test_one_hot_labels(axis: int) -> None:
    """Each class would be an image; the printed expression is the label map."""
    one_hot = np.moveaxis(np.eye(4, dtype=np.uint8)[LABELS], -1, axis)
    calls: list[Callable[[], object]] = [
        lambda: segpost.colorize(one_hot, PALETTE),
        lambda: segpost.overlay(IMAGES, one_hot, PALETTE),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=rf"one-hot along axis {axis}") as error:
            call()
        labels = eval(str(error.value).rpartition("pass ")[2], {"labels": one_hot})
        np.testing.assert_array_equal(labels, LABELS)
    maps = np.zeros((4, 6, 7), np.uint8)
    maps[0] = 1
    maps[1, 2, 3] = 1
    segpost.colorize(maps, PALETTE)


@pytest.mark.parametrize("kind", ["uint8", "int32", "uint16"])
@pytest.mark.parametrize("is_batch", [False, True])
def test_masks_of_void(kind: str, is_batch: bool) -> None:
    """255 has the color of void; the printed expression has that of class 1."""
    mask = np.zeros((2, 30, 40), kind)
    mask[:, 9:20, 5:30] = 255
    labels = mask if is_batch else mask[0]
    calls: list[Callable[[Any], Any]] = [
        lambda labels: segpost.colorize(labels, "voc"),
        lambda labels: segpost.overlay(
            np.full((*labels.shape, 3), 90, np.uint8), labels, "voc", alpha=1.0
        ),
    ]
    for call in calls:
        with pytest.warns(segpost.InputWarning, match="are 0 and 255, as of masks") as caught:
            call(labels)
        assert [warning.filename for warning in caught] == [__file__]
        code = re.search(r"pass (labels // 255)$", str(caught[0].message))
        assert code
        color = call(eval(code.group(1), {"labels": labels}))
        assert color[..., 12, 12, :].reshape(-1).tolist()[:3] == [128, 0, 0]
    segpost.colorize(labels, segpost.Palette.distinct(256))
    with pytest.raises(ValueError, match="for a mask of 0 and 255 pass labels // 255"):
        segpost.colorize(labels, [(0, 0, 0), (9, 9, 9)])


@pytest.mark.parametrize("name", ["voc", "cityscapes", "ade20k"])
def test_a_palette_of_opencv(name: Any) -> None:
    """Both cures that are printed have the colors of the data set."""
    colors = segpost.Palette.named(name).colors
    labels = np.arange(len(colors), dtype=np.uint8)[None]
    wanted = segpost.colorize(labels, colors)
    palette: Any = colors[:, ::-1]
    for argument in (palette, palette.tolist()):
        with pytest.warns(segpost.InputWarning, match="red and blue exchanged") as caught:
            segpost.colorize(labels, argument)
        assert [warning.filename for warning in caught] == [__file__]
    cures = re.search(r"pass palette=(.*), or (.*)$", str(caught[0].message))
    assert cures
    for cure in cures.groups():
        cured = segpost.colorize(labels, eval(cure, {"palette": palette}))
        np.testing.assert_array_equal(cured, wanted)
    segpost.colorize(labels, np.roll(palette, 1, 0))


def test_colors_of_opencv(backend: str) -> None:
    """The printed expression has the labels."""
    labels = np.random.default_rng(4).integers(0, 21, (20, 30)).astype(np.uint8)
    image = segpost.colorize(labels, "voc")[..., ::-1]
    with pytest.raises(ValueError, match="red and blue are exchanged") as error:
        segpost.labels_from_colors(image, "voc")
    cured = eval(str(error.value).rpartition("pass ")[2], {"image": image})
    np.testing.assert_array_equal(segpost.labels_from_colors(cured, "voc"), labels)
    image = image + np.uint8(1)  # of JPEG
    with pytest.raises(ValueError, match="must be saved without loss"):
        segpost.labels_from_colors(image, "voc")


def test_exchanged_arguments() -> None:
    for labels in (LABELS, LABELS.astype(np.int64)):
        with pytest.raises(ValueError, match=r"exchanged: segpost\.overlay\(image, labels"):
            segpost.overlay(labels, IMAGES, PALETTE)
    with pytest.raises(TypeError, match=r"exchanged: segpost\.colorize\(labels, palette\)"):
        segpost.colorize("voc", LABELS)  # type: ignore[call-overload]
    shares = segpost.softmax(scene(4, 6, 7))
    with pytest.raises(ValueError, match=r"exchanged: segpost\.dense_crf\(probabilities, image\)"):
        segpost.dense_crf(IMAGES[0], shares)


@pytest.mark.parametrize(
    ("palette", "cure"),
    [
        (["black", "red"], r"PIL\.ImageColor\.getrgb"),
        ({"road": "black", "car": "red"}, r"PIL\.ImageColor\.getrgb"),
        (["road", "car"], r"segpost\.Palette\.from_names\(names\)"),
    ],
)
def test_words_for_colors(palette: Any, cure: str) -> None:
    with pytest.raises(TypeError, match=cure):
        segpost.colorize(LABELS, palette)


def test_class_names_that_are_words_for_colors() -> None:
    """They are valid names, whose colors are others."""
    names = {0: "black", 1: "Red", 2: "green", 3: "blue"}
    with pytest.warns(segpost.InputWarning, match="the colors of class names are distinct"):
        segpost.colorize(LABELS, names)
    segpost.colorize(LABELS, {**names, 3: "tree"})


def test_palettes_of_other_arguments() -> None:
    """`Palette` takes colors; the error names what takes the rest."""
    for colors, cure in (
        ("voc", r"segpost\.Palette\.named\('voc'\)"),
        (["road"], r"segpost\.Palette\.from_names\(names\)"),
        ({0: (0, 0, 0)}, r"segpost\.Palette\(list\(colors\.values\(\)\)\)"),
    ):
        with pytest.raises(TypeError, match=cure):
            segpost.Palette(colors)


def test_palettes_that_are_too_short() -> None:
    with pytest.raises(ValueError, match=r"or segpost\.Palette\.distinct\(19\)"):
        segpost.postprocess(scene(19, 6, 7), palette=PALETTE, want=("color",))


def test_palettes_of_another_data_set() -> None:
    """A data set of as many classes warns, and one name too many; few classes may be anybody's."""
    logits = scene(20, 6, 7)[:19]
    with pytest.warns(segpost.InputWarning, match=r"pass palette='cityscapes', or ") as caught:
        segpost.postprocess(logits, palette="voc", want=("color",))
    assert caught[0].filename == __file__
    with pytest.warns(segpost.InputWarning, match="palette names 21"):
        segpost.postprocess(scene(20, 6, 7), palette="voc", want=("color",))
    colors = segpost.Palette.named("voc").colors
    for palette in (colors, segpost.Palette(colors[:19]), "cityscapes"):
        segpost.postprocess(logits, palette=palette, want=("color",))
    for few in (2, 4, 7, 12):
        segpost.postprocess(logits[:few], palette="voc", want=("color",))


def test_colors_in_0_to_1() -> None:
    """They are black; the printed expression has the colors. Grey ones hold labels."""
    colors = [(0, 0, 0), (1, 0, 0), (0, 1, 1)]
    with pytest.warns(segpost.InputWarning, match="values 0 and 1") as caught:
        segpost.colorize(LABELS % 3, colors)
    assert caught[0].filename == __file__
    cure = eval(str(caught[0].message).rpartition("become ")[2], {"np": np, "colors": colors})
    np.testing.assert_array_equal(segpost.Palette(cure).color(2), (0, 255, 255))
    segpost.Palette([(0, 0, 0), (1, 1, 1)])
    segpost.Palette([(0, 0, 0)])
