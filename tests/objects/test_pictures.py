"""`Regions.draw`: colors, boxes, texts that can be read, and a legend, in pictures of any size."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import segpost
from segpost.color.distinct import color_of_instance
from segpost.objects.inner_points import find_inner_points
from segpost.render.annotations import ink_of, style_of
from segpost.render.placement import Placement, places_at_box, places_at_point

pytest.importorskip("PIL")

Array = np.ndarray[Any, Any]
PLAIN: dict[str, Any] = {"text": False, "boxes": False, "legend": False}
GRAY = np.full((60, 80, 3), 100, np.uint8)


def two_squares() -> segpost.Regions:
    """Two regions of one label, away from the frame."""
    labels = np.zeros((60, 80), np.uint8)
    labels[24:44, 6:30] = labels[30:50, 44:70] = 7
    return segpost.regions(labels, connectivity=4, ignore_index=0)


def is_color(picture: Array, color: Any) -> Array:
    """Return which pixels have a color."""
    has_color: Array = (picture == np.array(color)).all(axis=-1)
    return has_color


def luminance(color: Any) -> float:
    """The relative luminance of the Web Content Accessibility Guidelines."""
    encoded = np.array(color) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_colors_are_mixed_as_by_overlay() -> None:
    """By class as `overlay`, by instance with a color each; the rest of the image stays."""
    regions = two_squares()
    labels = regions.to_labels()
    picture = regions.draw(GRAY, "voc", alpha=0.3, **PLAIN)
    expected = segpost.overlay(GRAY, labels, "voc", alpha=[0.0] + [0.3] * 20)
    assert_array_equal(picture, expected)
    picture = regions.draw(GRAY, **PLAIN)
    for number, region in enumerate(regions):
        mixed = (GRAY[0, 0].astype(int) * 128 + np.array(color_of_instance(number)) * 128) // 256
        assert np.abs(picture[region.mask()].astype(int) - mixed).max() <= 1
    assert_array_equal(picture[labels == 0], GRAY[labels == 0])
    same = regions.draw(GRAY, color_by="class", **PLAIN)
    assert len(np.unique(same[labels == 7], axis=0)) == 1
    assert len(np.unique(picture[labels == 7], axis=0)) == 2


def test_the_smallest_of_overlapping_regions_is_seen() -> None:
    """In whatever order the masks are."""
    masks = np.zeros((2, 60, 80), bool)
    masks[0, 20:30, 20:30] = masks[1, 10:50, 10:70] = True
    for order, small in ((slice(None), 0), (slice(None, None, -1), 1)):
        picture = segpost.regions(masks=masks[order]).draw(GRAY, alpha=1, **PLAIN)
        assert_array_equal(is_color(picture, color_of_instance(small)), masks[0])


def test_boxes_and_texts_are_at_regions() -> None:
    """The frame of a box is in its color, and the rectangle of the text stands on it."""
    regions = two_squares()
    picture = regions.draw(GRAY, names={7: "a"})
    for number, region in enumerate(regions):
        x, y, width, height = region.box
        color = color_of_instance(number)
        ring = is_color(picture, color)
        for side in (ring[y + height - 1, x : x + width], ring[y : y + height, x + width - 1]):
            assert side.all()
        above = picture[y - 14 : y, x : x + 20]
        assert is_color(above, color).sum() > 50
        assert is_color(above, ink_of(color)).any()
    shifted = regions.draw(GRAY, names={7: "a"}, boxes=False)
    for number, region in enumerate(regions):
        x, y = (round(value) for value in region.centroid)
        there = is_color(shifted[y - 6 : y + 7, x - 6 : x + 7], color_of_instance(number))
        assert there.sum() > 30


def test_text_is_name_and_confidence_or_the_callers() -> None:
    """Other texts, other pictures; equal ones, equal pictures."""
    regions = two_squares()
    masks = regions.masks()
    scored = segpost.regions(masks=masks, confidence=np.array([0.9, 0.25]))
    image = np.full((240, 320, 3), 100, np.uint8)
    large = segpost.regions(masks=masks.repeat(4, 1).repeat(4, 2), confidence=np.array([0.9, 0.25]))
    picture = large.draw(image, names=["cat", "dog"])
    assert_array_equal(picture, large.draw(image, text=["cat  0.90", "dog  0.25"]))
    assert (picture != large.draw(image, names=["cat", "cow"])).any()
    assert (picture != large.draw(image, text=False)).any()
    unknown = segpost.regions(masks=masks, confidence=np.array([0.9, np.nan]))
    assert_array_equal(unknown[1:].draw(GRAY), two_squares()[1:].draw(GRAY, text=["1"]))
    assert (scored.draw(GRAY) != two_squares().draw(GRAY)).any()


@pytest.mark.parametrize("corner", ["upper right", "upper left", "lower right", "lower left"])
def test_a_legend_is_at_its_corner(corner: Any) -> None:
    """It darkens its corner, has the colors of the classes, and one of a class."""
    labels = np.zeros((200, 300), np.uint8)
    labels[80:120, 100:140], labels[80:120, 160:200] = 7, 15
    image = np.full((200, 300, 3), 200, np.uint8)
    regions = segpost.regions(labels, ignore_index=0)
    picture = regions.draw(image, "voc", legend=corner, text=False, boxes=False)
    changed = (picture != regions.draw(image, "voc", **PLAIN)).any(axis=-1)
    rows, columns = np.nonzero(changed)
    row, _, column = corner.partition(" ")
    assert (rows.max() < 100) if row == "upper" else (rows.min() > 100)
    assert (columns.max() < 150) if column == "left" else (columns.min() > 150)
    panel = picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    voc = segpost.Palette.named("voc")
    assert all(is_color(panel, voc.color(label)).sum() > 20 for label in (7, 15))
    assert is_color(panel, (70, 70, 70)).sum() > panel.size // 6
    assert is_color(panel, (255, 255, 255)).any()


def test_the_best_corner_hides_least() -> None:
    """With regions at three corners the legend is at the fourth."""
    labels = np.zeros((200, 300), np.uint8)
    labels[:70, 200:], labels[130:, 200:], labels[130:, :100] = 1, 2, 3
    image = np.full((200, 300, 3), 200, np.uint8)
    regions = segpost.regions(labels, ignore_index=0)
    picture = regions.draw(image, "voc", text=False, boxes=False)
    changed = (picture != regions.draw(image, "voc", **PLAIN)).any(axis=-1)
    assert changed[:100, :150].any()
    changed[:100, :150] = False
    assert not changed.any()


def test_sizes_follow_the_picture() -> None:
    """Text and lines grow with the picture and with `scale`."""
    small, large = style_of((480, 640)), style_of((2160, 3840))
    assert large.text > 3 * small.text
    assert large.line > 3 * small.line
    assert style_of((2160, 3840), 2.0).text == 2 * large.text
    assert style_of((10, 10)).text == 12


@given(st.lists(st.tuples(*[st.integers(-30, 120)] * 2, *[st.integers(1, 50)] * 2), max_size=30))
@settings(max_examples=60, deadline=None)
def test_texts_are_inside_and_do_not_overlap(boxes: list[tuple[int, int, int, int]]) -> None:
    """Whatever the boxes and the texts are."""
    placement = Placement(100, 80)
    taken = np.zeros((80, 100), int)
    for x, y, width, height in boxes:
        for places in (
            places_at_box((x, y, width, height), width, 9),
            places_at_point((x, y), width, 9),
        ):
            place = placement.place(places, width, 9)
            if place is not None:
                left, top = place
                assert 0 <= left <= 100 - width
                assert 0 <= top <= 80 - 9
                taken[top : top + 9, left : left + width] += 1
    assert taken.max() <= 1


def test_ink_has_contrast_to_every_color() -> None:
    """At least 4.5, which the guidelines of the web ask for."""
    levels = np.arange(0, 256, 15)
    for color in np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 3).tolist():
        dark, bright = sorted((luminance(color), luminance(ink_of((color[0], color[1], color[2])))))
        assert (bright + 0.05) / (dark + 0.05) > 4.5


def test_names_of_other_scripts() -> None:
    """A font that has the characters draws them; what no font has is a warning, not an error."""
    regions = two_squares()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        accent = regions.draw(GRAY, names={7: "é"}, boxes=False)
    with pytest.warns(segpost.InputWarning, match="1 characters that the font lacks, first '車'"):
        unknown = regions.draw(GRAY, names={7: "車"}, boxes=False)
    assert unknown.shape == GRAY.shape
    pytest.importorskip("matplotlib")  # whose font has accents, Greek and Cyrillic
    assert (accent != regions.draw(GRAY, names={7: "e"}, boxes=False)).any()
    for name in ("Ж", "λ"):
        regions.draw(GRAY, names={7: name})
    regions.draw(GRAY, names={7: "two\nlines \x1b[31m"})


def test_letters_without_accents_where_no_font_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow's font alone draws "élève" as "eleve"."""
    monkeypatch.setattr("segpost.render.fonts._matplotlib_font", lambda: None)
    image = np.full((240, 320, 3), 100, np.uint8)
    regions = segpost.regions(masks=two_squares().masks().repeat(4, 1).repeat(4, 2))
    one, other = (regions.draw(image, names=[name] * 2) for name in ("élève", "eleve"))
    assert_array_equal(one, other)


def test_a_font_of_the_caller(tmp_path: Path) -> None:
    """A path of a font; a file that is none is an error."""
    matplotlib = pytest.importorskip("matplotlib")
    path = Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSerif.ttf")
    regions = two_squares()
    assert (regions.draw(GRAY, font=path) != regions.draw(GRAY)).any()
    (tmp_path / "none.ttf").write_bytes(b"no font")
    for bad in (tmp_path / "none.ttf", tmp_path / "missing.ttf"):
        with pytest.raises(ValueError, match=r"font .*\.ttf' cannot be read"):
            regions.draw(GRAY, font=bad)


def test_a_thousand_regions() -> None:
    """Every region has its color; texts that have no place are left out."""
    labels = np.arange(1, 1001, dtype=np.int32).reshape(25, 40)
    labels = np.kron(labels, np.ones((12, 12), np.int32))
    labels[::12], labels[:, ::12] = 0, 0
    regions = segpost.regions(labels, ignore_index=0)
    image = np.full((*labels.shape, 3), 128, np.uint8)
    picture = regions.draw(image, alpha=1, **PLAIN)
    expected = np.array([(128, 128, 128), *map(color_of_instance, range(1000))])[labels]
    assert_array_equal(picture, expected)
    written = regions.draw(image, alpha=1, legend="lower left")
    assert 0.3 < (written != picture).any(axis=-1).mean() < 0.9


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 5), (16, 16), (30, 30)])
def test_tiny_pictures(shape: tuple[int, int]) -> None:
    """Nothing is drawn outside; what does not fit is left out."""
    labels = (np.arange(shape[0] * shape[1]).reshape(shape) % 3).astype(np.uint8)
    image = np.full((*shape, 3), 100, np.uint8)
    choices: list[dict[str, Any]] = [{}, {"boxes": False}, {"palette": "voc"}, {"scale": 5.0}]
    for options in choices:
        assert segpost.regions(labels).draw(image, **options).shape == image.shape


def test_no_regions_leave_the_image() -> None:
    """Also an image without pixels; the result is a copy."""
    regions = segpost.regions(np.zeros((60, 80), np.uint8), ignore_index=0)
    picture = regions.draw(GRAY, "voc")
    assert_array_equal(picture, GRAY)
    assert not np.shares_memory(picture, GRAY)
    empty = segpost.regions(np.zeros((0, 4), np.uint8))
    assert empty.draw(np.zeros((0, 4, 3), np.uint8)).shape == (0, 4, 3)


def test_the_picture_is_of_the_images_kind() -> None:
    """A tensor with its channels first becomes a tensor with its channels last."""
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(GRAY).permute(2, 0, 1)
    picture = two_squares().draw(tensor)
    assert isinstance(picture, torch.Tensor)
    assert_array_equal(picture.numpy(), two_squares().draw(GRAY))


def test_inner_points_are_inside() -> None:
    """Of rings, lines and specks, whose centroids may be outside."""
    labels = np.zeros((300, 400), np.uint8)
    y, x = np.mgrid[:300, :400]
    distance = np.hypot(y - 150, x - 200)
    labels[(distance > 90) & (distance < 130)] = 1
    labels[10:12, 10:390], labels[20:290, 5] = 2, 3
    labels[295, 395] = 4
    labels[140:160, 190:210] = 5
    regions = segpost.regions(labels, ignore_index=0)
    points = find_inner_points(regions._table)
    for region, (column, row) in zip(regions, points.astype(int).tolist(), strict=True):
        assert labels[row, column] == region.label
    assert np.abs(points[4] - [200, 150]).max() <= 2
    assert 105 < np.hypot(*(points[0] - [200, 150])) < 115


FIVE_COLORS = np.eye(5, 3, dtype=int) * 9
BAD: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
    (GRAY[:50], {}, ValueError, "60 x 80 pixels of the regions, got 50 x 80"),
    (GRAY[None], {}, ValueError, r"image\[0\] of a batch of one, got shape \(1, 60, 80, 3\)"),
    (GRAY / 255, {}, TypeError, "image must be uint8"),
    (GRAY, {"palette": FIVE_COLORS}, ValueError, "0..4, and 2 regions have other labels, firs"),
    (GRAY, {"names": ["a"]}, ValueError, "no name of label 7"),
    (GRAY, {"text": ["a"]}, ValueError, "2 strings, one for each region, got 1 of str"),
    (GRAY, {"text": [1, 2]}, ValueError, "2 strings, one for each region, got 2 of int"),
    (GRAY, {"text": "ab"}, TypeError, "text must be True, False or a text for each region"),
    (GRAY, {"text": 1}, TypeError, "text must be True, False or a text for each region, got 1"),
    (GRAY, {"text": []}, ValueError, "one for each region, got 0$"),
    (GRAY, {"legend": "right"}, ValueError, "legend must be one of 'upper right'"),
    (GRAY, {"color_by": "label"}, ValueError, "color_by must be one of 'class', 'instance'"),
    (GRAY, {"alpha": 1.5}, ValueError, "alpha must be in 0..1"),
    (GRAY, {"boxes": "no"}, TypeError, "boxes must be True or False, got 'no'"),
    (GRAY, {"font": 5}, TypeError, "font must be the path of a font, got 5"),
    (GRAY, {"scale": 0}, ValueError, "scale must be in 0.01..100"),
]


@pytest.mark.parametrize(("image", "options", "error", "message"), BAD)
def test_bad_arguments(
    image: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """The message names the argument and what came."""
    with pytest.raises(error, match=message):
        two_squares().draw(image, **options)


def test_without_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says how to install it."""
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"needs Pillow .* pip install pillow"):
        two_squares().draw(GRAY)
