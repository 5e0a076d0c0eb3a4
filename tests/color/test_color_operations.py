"""colorize, overlay and labels_from_colors: the same claims for every backend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import FAST, switch
from hypothesis import given
from hypothesis import strategies as st

import segpost
from segpost import Palette
from segpost.color.datasets import list_palettes

ON_CUDA = True

DTYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"]


@pytest.mark.parametrize("alpha", ["0.5", True, np.ma.zeros(21)])
def test_alpha_is_a_number(alpha: Any) -> None:
    """Strings, booleans and masked arrays are refused as alpha."""
    with pytest.raises(TypeError, match="alpha must be a number or 21 numbers"):
        segpost.overlay(
            np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.uint8), "voc", alpha=alpha
        )


@given(data=st.data())
@pytest.mark.parametrize("backend_name", [*FAST, "reference"])
def test_colorize_is_a_table_lookup(backend_name: str, data: st.DataObject) -> None:
    """Any label type, any palette size, any width: palette[labels], and void at ignore_index."""
    classes = data.draw(st.sampled_from([1, 2, 19, 32, 33, 64, 65, 127]))
    dtype = data.draw(st.sampled_from(DTYPES))
    shape = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 70)))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    labels = random.integers(0, classes, shape).astype(dtype)
    colors = random.integers(0, 256, (classes, 3))
    ignore = data.draw(st.sampled_from([None, 0, 127]))
    palette = Palette(colors, void=(9, 8, 7), ignore_index=ignore)
    table = np.concatenate([colors, np.zeros((128, 3), int)])
    if ignore is not None:
        labels[random.random(shape) < 0.1] = ignore
        table[ignore] = (9, 8, 7)
    layout = data.draw(st.sampled_from(["C", "F", "negative", "step"]))
    wanted = table[labels.astype(int)]
    labels = {
        "C": labels,
        "F": np.asfortranarray(labels),
        "negative": labels[:, ::-1, ::-1].copy()[:, ::-1, ::-1],
        "step": np.repeat(labels, 2, axis=2)[:, :, ::2],
    }[layout]
    for _ in switch(backend_name):
        np.testing.assert_array_equal(segpost.colorize(labels, palette), wanted)


@pytest.mark.parametrize("classes", [2, 21, 40, 200])
@pytest.mark.parametrize("width", [1, 15, 16, 17, 31, 32, 33, 64, 65, 255, 256, 257])
def test_colorize_widths(backend: str, classes: int, width: int) -> None:
    """Images of widths around every vector length are colored right."""
    labels = np.random.default_rng(width).integers(0, classes, (3, width)).astype(np.uint8)
    colors = np.random.default_rng(1).integers(0, 256, (classes, 3))
    np.testing.assert_array_equal(segpost.colorize(labels, Palette(colors)), colors[labels])


def test_colorize_any_number_of_axes(backend: str) -> None:
    """(H, W), (N, H, W) and (A, B, H, W) work, empty ones too."""
    labels = np.random.default_rng(1).integers(0, 21, (2, 3, 4, 5)).astype(np.uint8)
    colors = Palette.named("voc").colors
    for part in (labels, labels[0], labels[0, 0], labels[:, :0], labels[:, :, :, :0]):
        np.testing.assert_array_equal(segpost.colorize(part, "voc"), colors[part])


@pytest.mark.parametrize("dtype", DTYPES)
def test_label_without_a_color(backend: str, dtype: str) -> None:
    """The error says how many labels have no color, which is first, and where."""
    labels = np.zeros((2, 3, 4), dtype)
    labels[1, 1, 2] = labels[1, 2, 0] = 77
    with pytest.raises(
        ValueError, match=r"2 of 24 values outside 0..20 or 255, first 77 at \[1, 1, 2\]"
    ):
        segpost.colorize(labels, "voc")


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8"])
def test_negative_label(backend: str, dtype: str) -> None:
    """-1 is not the last color; it is allowed only as the ignore_index."""
    labels = np.array([[0, -1]], dtype)
    with pytest.raises(ValueError, match=r"first -1 at \[0, 1\]"):
        segpost.colorize(labels, "voc")
    palette = Palette([(1, 1, 1)], void=(5, 6, 7), ignore_index=-1)
    np.testing.assert_array_equal(segpost.colorize(labels, palette), [[(1, 1, 1), (5, 6, 7)]])


def test_unsigned_label_is_no_negative_ignore_index(backend: str) -> None:
    """2**64 - 1 as uint64 is not -1."""
    palette = Palette([(1, 1, 1)], ignore_index=-1)
    with pytest.raises(ValueError, match="18446744073709551615"):
        segpost.colorize(np.array([[2**64 - 1]], np.uint64), palette)


@pytest.mark.parametrize("classes", [256, 300])
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2"])
def test_void_of_a_large_palette(backend: str, classes: int, dtype: str) -> None:
    """An ignored label is void also in palettes larger than the label type can count."""
    colors = np.random.default_rng(1).integers(0, 256, (classes, 3))
    palette = Palette(colors, void=(5, 6, 7), ignore_index=3)
    got = segpost.colorize(np.array([[2, 3, 4]], dtype), palette)
    np.testing.assert_array_equal(got, [[colors[2], (5, 6, 7), colors[4]]])


def test_colorize_out(backend: str) -> None:
    """out= of any strides is filled and returned."""
    labels = np.random.default_rng(1).integers(0, 21, (6, 7)).astype(np.uint8)
    wanted = Palette.named("voc").colors[labels]
    for out in (
        np.zeros((6, 7, 3), np.uint8),
        np.zeros((6, 14, 3), np.uint8)[:, ::2],
        np.zeros((3, 6, 7), np.uint8).transpose(1, 2, 0),
        np.zeros((8, 9, 3), np.uint8)[1:7, 1:8],
    ):
        assert segpost.colorize(labels, "voc", out=out) is out
        np.testing.assert_array_equal(out, wanted)


@given(data=st.data())
@pytest.mark.parametrize("backend_name", [*FAST, "reference"])
def test_overlay_is_fixed_point(backend_name: str, data: st.DataObject) -> None:
    """(image (256 - a) + color a + 128) >> 8, for one alpha or one a class."""
    classes = data.draw(st.integers(1, 40))
    shape = data.draw(st.tuples(st.integers(1, 2), st.integers(1, 6), st.integers(1, 70)))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    image = random.integers(0, 256, (*shape, 3)).astype(np.uint8)
    labels = random.integers(0, classes, shape).astype(data.draw(st.sampled_from(DTYPES)))
    colors = random.integers(0, 256, (classes, 3))
    alpha: Any = data.draw(st.sampled_from([0.0, 0.3, 0.5, 1.0]))
    weights: Any = np.full(classes, alpha)
    if data.draw(st.booleans()):
        weights = random.normal(0.5, 0.5, classes).clip(0, 1)
        alpha = list(weights)
    a = np.rint(weights * 256).astype(int)[labels.astype(int)][..., None]
    wanted = (image * (256 - a) + colors[labels.astype(int)] * a + 128) >> 8
    for _ in switch(backend_name):
        got = segpost.overlay(image, labels, Palette(colors), alpha=alpha)
        np.testing.assert_array_equal(got, wanted)


def test_overlay_ends(backend: str) -> None:
    """alpha 0 is the image and alpha 1 the colors, exactly."""
    random = np.random.default_rng(1)
    image = random.integers(0, 256, (9, 31, 3)).astype(np.uint8)
    labels = random.integers(0, 21, (9, 31)).astype(np.uint8)
    np.testing.assert_array_equal(segpost.overlay(image, labels, "voc", alpha=0), image)
    np.testing.assert_array_equal(
        segpost.overlay(image, labels, "voc", alpha=1), segpost.colorize(labels, "voc")
    )


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_contour_has_its_width(backend: str, width: int) -> None:
    """A straight border gets an opaque line of exactly `contour` pixels, drawn in both colors."""
    labels = np.zeros((12, 20), np.uint8)
    labels[:, 10:] = 1
    image = np.full((12, 20, 3), 50, np.uint8)
    palette = Palette([(255, 0, 0), (0, 255, 0)])
    got = segpost.overlay(image, labels, palette, alpha=0, contour=width)
    line = (got != 50).any(-1)
    assert (line.sum(1) == width).all()
    np.testing.assert_array_equal(got[line], palette.colors[labels[line]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_contours_agree_with_the_definition(fast_backend: str, dtype: str) -> None:
    """Contours of noise equal the reference for every label type, image borders included."""
    labels = (
        np.random.default_rng(1).integers(0, 3, (2, 9, 14)).repeat(3, 1).repeat(2, 2).astype(dtype)
    )
    image = np.random.default_rng(2).integers(0, 256, (*labels.shape, 3)).astype(np.uint8)
    for contour in (1, 2, 3):
        with segpost.use_backend("reference"):
            wanted = segpost.overlay(image, labels, "voc", contour=contour)
        got = segpost.overlay(image, labels, "voc", contour=contour)
        np.testing.assert_array_equal(got, wanted)


def test_overlay_image_layouts(backend: str) -> None:
    """Channels-first memory, mirrored and stepped images are read in place."""
    random = np.random.default_rng(1)
    image = random.integers(0, 256, (9, 31, 3)).astype(np.uint8)
    labels = random.integers(0, 21, (9, 31)).astype(np.uint8)
    wanted = segpost.overlay(image, labels, "voc")
    chw = np.ascontiguousarray(image.transpose(2, 0, 1)).transpose(1, 2, 0)
    bgr = image[..., ::-1].copy()[..., ::-1]
    step = np.repeat(image, 2, axis=1)[:, ::2]
    for other in (chw, bgr, step, image[::-1].copy()[::-1]):
        np.testing.assert_array_equal(segpost.overlay(other, labels, "voc"), wanted)


@pytest.mark.parametrize("name", [n for n in list_palettes() if not Palette.named(n).duplicates])  # type: ignore[arg-type]
def test_colors_read_back(backend: str, name: Any) -> None:
    """labels_from_colors undoes colorize, void included."""
    palette = Palette.named(name)
    labels = np.random.default_rng(1).integers(0, len(palette), (2, 7, 40)).astype(np.uint8)
    if palette.ignore_index is not None:
        labels[0, 0, :5] = palette.ignore_index
    got = segpost.labels_from_colors(segpost.colorize(labels, palette), palette)
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, labels)


def test_colors_read_back_beyond_uint8(backend: str) -> None:
    """Palettes of more than 256 classes give int32."""
    palette = Palette.distinct(400)
    labels = np.arange(400, dtype=np.int32).reshape(20, 20)
    got = segpost.labels_from_colors(segpost.colorize(labels, palette), palette)
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, labels)


@pytest.mark.parametrize("name", [n for n in list_palettes() if Palette.named(n).duplicates])  # type: ignore[arg-type]
def test_shared_colors_cannot_be_read_back(name: Any) -> None:
    """A palette that gives one color to two labels is refused, and the labels are named."""
    with pytest.raises(ValueError, match=r"to more than one label.*\d+ = \d+"):
        segpost.labels_from_colors(np.zeros((2, 2, 3), np.uint8), name)


def test_foreign_color(backend: str) -> None:
    """A color that is not in the palette: how many pixels, which and where."""
    image = np.zeros((4, 5, 3), np.uint8)
    image[2, 3] = image[3, 0] = (1, 2, 3)
    with pytest.raises(ValueError, match=r"2 of 20 pixels .* first \(1, 2, 3\) at \[2, 3\]"):
        segpost.labels_from_colors(image, "voc")
