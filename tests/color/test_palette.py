"""`Palette`: colors, names, values derived from them, pickles."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from segpost import Palette


def test_unknown_palette_lists_the_known() -> None:
    """The error of an unknown name lists the known names."""
    with pytest.raises(ValueError, match=r"no palette named 'vocc'; did .* Known are voc \(also"):
        Palette.named("vocc")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("colors", "error", "text"),
    [
        ([[0.0, 0.5, 1.0]], TypeError, "must be integers in 0..255, got dtype float64"),
        ([[0, 0, 256]], ValueError, r"1 values outside 0..255, first 256 at \(0, 2\)"),
        ([[0, -1, 0]], ValueError, "outside 0..255, first -1"),
        ([[0, 0, 0, 255]], ValueError, r"must have shape \(K, 3\), got \(1, 4\)"),
        (np.zeros((0, 3), int), ValueError, r"must have shape \(K, 3\)"),
        (np.zeros((2, 3), bool), TypeError, "bool"),
        (np.ma.zeros((2, 3), int), TypeError, "masked array"),
        ([[1, 2, 3], [4, 5]], ValueError, r"colors must have shape \(K, 3\)"),
        ([], ValueError, r"colors must have shape \(K, 3\), got \(0,\)"),
    ],
)
def test_bad_colors(colors: Any, error: type[Exception], text: str) -> None:
    """Wrong tables are refused with the first wrong value."""
    with pytest.raises(error, match=text):
        Palette(colors)


def test_bad_names_and_ignore_index() -> None:
    """The number of names must be that of colors, and ignore_index an integer."""
    with pytest.raises(ValueError, match="names must have 2 entries"):
        Palette([(0, 0, 0), (1, 1, 1)], names=["a"])
    with pytest.raises(TypeError, match="sequence of strings"):
        Palette([(0, 0, 0)], names="a")
    with pytest.raises(TypeError, match="ignore_index must be an integer"):
        Palette([(0, 0, 0)], ignore_index=1.5)  # type: ignore[arg-type]


def test_palette_is_a_value() -> None:
    """Equal palettes are equal and hash alike; the colors cannot be changed."""
    one, other = Palette([(1, 2, 3)], ["a"]), Palette([(1, 2, 3)], ["a"])
    assert one == other
    assert hash(one) == hash(other)
    assert one != Palette([(1, 2, 3)], ["b"])
    with pytest.raises(ValueError, match="read-only"):
        one.colors[0, 0] = 9
    with pytest.raises(ValueError, match="WRITEABLE"):
        one.colors.flags.writeable = True
    with pytest.raises(ValueError, match="read-only"):
        one.packed()[0] = 0


def test_names_outside_the_palette() -> None:
    """A label without a color has no name: an error."""
    for label in (-1, 21):
        with pytest.raises(ValueError, match=r"label must be in 0\.\.20"):
            Palette.named("voc").name(label)
    with pytest.raises(TypeError, match="name must be a string"):
        Palette.named(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="sequence of strings"):
        Palette([(0, 0, 0), (1, 1, 1)], names={"a", "b"})  # type: ignore[arg-type]


def test_distinct_colors_are_stable_and_far_apart() -> None:
    """The first k are the same for every n, and no two are near each other."""
    many = Palette.distinct(60).colors.astype(int)
    np.testing.assert_array_equal(Palette.distinct(7).colors, many[:7])
    difference = np.abs(many[:, None] - many[None]).sum(-1) + 999 * np.eye(60, dtype=int)
    assert difference.min() >= 30
    assert not Palette.distinct(256).duplicates


def test_colormap() -> None:
    """A matplotlib colormap is sampled from end to end."""
    pytest.importorskip("matplotlib")
    palette = Palette.from_colormap("viridis", 5)
    assert palette.color(0) == (68, 1, 84)
    assert palette.color(4) == (253, 231, 37)


@pytest.mark.parametrize("ignore_index", [None, 1, 9])
def test_lookup_table_is_the_colors_of_the_classes(ignore_index: int | None) -> None:
    """Rows of `packed` for as many classes as asked for, then void's; an ignored class is void."""
    palette = Palette(
        [(1, 2, 3), (4, 5, 6), (7, 8, 9)], void=(10, 11, 12), ignore_index=ignore_index
    )
    for n in (1, 2, 3):
        rows, lut = palette.lookup_table(n)
        expected = [3 if label == ignore_index else label for label in range(n)]
        assert rows.tolist() == [*expected, 3]
        np.testing.assert_array_equal(lut, palette.packed()[rows])
    assert palette.packed().tolist() == [0x030201, 0x060504, 0x090807, 0x0C0B0A]


def test_items_are_the_labels_with_their_colors() -> None:
    """`ignore_index` comes last, and takes the place of a class of that number."""
    colors = [(1, 2, 3), (4, 5, 6)]
    assert list(Palette(colors).items()) == [(0, (1, 2, 3)), (1, (4, 5, 6))]
    ignored = Palette(colors, void=(9, 9, 9), ignore_index=0)
    assert list(ignored.items()) == [(1, (4, 5, 6)), (0, (9, 9, 9))]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles(protocol: int) -> None:
    """A palette comes back equal and unchangeable."""
    for palette in (
        Palette.named("voc"),
        Palette.distinct(3),
        Palette([(1, 2, 3)], ["a"], void=(4, 5, 6)),
    ):
        back = pickle.loads(pickle.dumps(palette, protocol))
        assert back == palette
        np.testing.assert_array_equal(back.packed(), palette.packed())
        assert not back.colors.flags.writeable
    assert copy.deepcopy(palette) == copy.copy(palette) == palette


def test_pickles_of_the_first_release() -> None:
    """Its state was the attributes, of which one has another name now."""
    palette = Palette([(1, 2, 3), (4, 5, 6)], ["a", "b"], (7, 8, 9), 255)
    state: dict[str, Any] = {
        "_colors": np.array(palette.colors),
        "_names": palette.names,
        "_void": palette.void,
        "_ignore_index": 255,
        "_packed": np.array(palette.packed()),
        "_looks": {},
    }
    old = Palette.__new__(Palette)
    old.__setstate__(state)
    assert old == palette
    np.testing.assert_array_equal(old.lookup_table(2)[1], palette.lookup_table(2)[1])
    assert not old.colors.flags.writeable


def as_seen_with_deuteranopia(colors: np.ndarray) -> np.ndarray:
    """CIELAB of sRGB bytes as a person without green cones sees them (Vienot et al. 1999)."""
    linear = np.where(colors / 255 <= 0.04045, colors / 255 / 12.92, 0.0)
    linear = np.where(colors / 255 > 0.04045, ((colors / 255 + 0.055) / 1.055) ** 2.4, linear)
    to_lms = np.array(
        [[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]]
    )
    confused = np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]])
    seen = (linear @ (np.linalg.inv(to_lms) @ confused @ to_lms).T).clip(0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = seen @ np.array(to_xyz).T / [0.95047, 1.0, 1.08883]
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack(
        [
            116 * root[:, 1] - 16,
            500 * (root[:, 0] - root[:, 1]),
            200 * (root[:, 1] - root[:, 2]),
        ],
        axis=1,
    )


def test_twelve_distinct_colors_are_distinct_with_deuteranopia() -> None:
    """By another model than the one that chooses them; a difference of 2.3 is just noticeable."""
    lab = as_seen_with_deuteranopia(Palette.distinct(12).colors)
    differences = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
    assert differences[np.triu_indices(12, 1)].min() > 20
    # the model confuses what such a person does, or the line above would say nothing
    green, ochre = as_seen_with_deuteranopia(np.array([(0, 210, 0), (225, 165, 45)], np.uint8))
    assert np.linalg.norm(green - ochre) < 10


def test_the_first_distinct_colors() -> None:
    """Pictures without a palette have these colors: a change is one for every user."""
    assert Palette.distinct(8).colors.tolist() == [
        [0, 0, 0], [255, 255, 0], [165, 0, 255], [0, 120, 0],
        [255, 75, 45], [45, 195, 255], [105, 15, 75], [0, 0, 210],
    ]  # fmt: skip
