"""Labels, images and palettes that mean something else are errors or warnings with the cure."""

from __future__ import annotations

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
