"""`Palette`: colors, names, values derived from them, pickles."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from segpost import Palette
from segpost.color.distinct import distinct_colors


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
    many = Palette.distinct(60).colors
    np.testing.assert_array_equal(Palette.distinct(7).colors, many[:7])
    assert smallest_difference(linear_of(many)) >= 8
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


TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
# Severity 1 of Machado, Oliveira and Fernandes (2009), on linear RGB.
MACHADO = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def linear_of(colors: np.ndarray) -> np.ndarray:
    """Linear RGB of sRGB bytes."""
    encoded = colors / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def with_machado(colors: np.ndarray, vision: str) -> np.ndarray:
    """Linear RGB as a person with a vision deficiency sees it."""
    seen: np.ndarray = (linear_of(colors) @ np.array(MACHADO[vision]).T).clip(0, 1)
    return seen


def with_vienot(colors: np.ndarray, vision: str) -> np.ndarray:
    """The same without red or green cones (Vienot et al. 1999)."""
    to_lms = np.array(
        [[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]]
    )
    confused = {
        "protanopia": np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]]),
        "deuteranopia": np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]),
    }[vision]
    seen: np.ndarray = linear_of(colors) @ (np.linalg.inv(to_lms) @ confused @ to_lms).T
    return seen.clip(0, 1)


def cielab(linear: np.ndarray) -> np.ndarray:
    """CIELAB of linear RGB, of the white D65."""
    xyz = linear @ TO_XYZ.T / [0.95047, 1.0, 1.08883]
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack(
        [
            116 * root[:, 1] - 16,
            500 * (root[:, 0] - root[:, 1]),
            200 * (root[:, 1] - root[:, 2]),
        ],
        axis=1,
    )


def ciede2000(one: Sequence[float], other: Sequence[float]) -> float:
    """The difference of two colors of CIELAB, step by step as Sharma, Wu and Dalal (2005) have it.

    The hues are in degrees, with their cases written out.
    """
    (l1, a1, b1), (l2, a2, b2) = (map(float, color) for color in (one, other))
    mean = (math.hypot(a1, b1) + math.hypot(a2, b2)) / 2
    g = 0.5 * (1 - math.sqrt(mean**7 / (mean**7 + 25**7)))
    (c1, h1), (c2, h2) = (
        (math.hypot((1 + g) * a, b), math.degrees(math.atan2(b, (1 + g) * a)) % 360)
        for a, b in ((a1, b1), (a2, b2))
    )
    turn, hue = h2 - h1, h1 + h2
    if c1 * c2 == 0:
        turn = 0
    elif abs(h2 - h1) <= 180:
        hue /= 2
    else:
        turn += 360 if h2 <= h1 else -360
        hue = (hue + 360) / 2 if hue < 360 else (hue - 360) / 2

    def cos(degrees: float) -> float:
        return math.cos(math.radians(degrees))

    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    t = 1 - 0.17 * cos(hue - 30) + 0.24 * cos(2 * hue) + 0.32 * cos(3 * hue + 6)
    t -= 0.2 * cos(4 * hue - 63)
    away = (light - 50) ** 2
    lightness = (l2 - l1) / (1 + 0.015 * away / math.sqrt(20 + away))
    chromatic = (c2 - c1) / (1 + 0.045 * chroma)
    difference = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turn / 2))
    difference /= 1 + 0.015 * chroma * t
    angle = 30 * math.exp(-(((hue - 275) / 25) ** 2))
    rotation = -2 * math.sqrt(chroma**7 / (chroma**7 + 25**7))
    rotation *= math.sin(math.radians(2 * angle))
    squares = lightness**2 + chromatic**2 + difference**2 + rotation * chromatic * difference
    return math.sqrt(max(squares, 0.0))


def smallest_difference(linear: np.ndarray) -> float:
    """The smallest CIEDE2000 of two of the colors."""
    return min(ciede2000(one, other) for one, other in combinations(cielab(linear).tolist(), 2))


def test_the_formula_of_differences() -> None:
    """Pairs of the table of Sharma, Wu and Dalal, also those where hues go around the circle."""
    for one, other, difference in (
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ):
        assert ciede2000(one, other) == pytest.approx(difference, abs=1e-4)


def test_twelve_colors_differ_with_every_vision() -> None:
    """At least 14 with each vision deficiency, by every model, and 29 with normal vision."""
    colors = Palette.distinct(12).colors
    assert smallest_difference(linear_of(colors)) >= 29
    for vision in MACHADO:
        assert smallest_difference(with_machado(colors, vision)) >= 14, vision
    for vision in ("protanopia", "deuteranopia"):
        assert smallest_difference(with_vienot(colors, vision)) >= 14, vision
    # the models confuse what such persons do, or the lines above would say nothing
    for vision, one, other in (
        ("protanopia", (255, 60, 60), (110, 110, 60)),
        ("deuteranopia", (0, 210, 0), (225, 165, 45)),
        ("tritanopia", (0, 170, 170), (60, 165, 235)),
    ):
        pair = np.array([one, other], np.uint8)
        assert smallest_difference(linear_of(pair)) > 15
        assert smallest_difference(with_machado(pair, vision)) < 14, vision


def test_many_colors_differ() -> None:
    """What the docstring says of the first 32."""
    colors = Palette.distinct(32).colors
    assert smallest_difference(linear_of(colors)) >= 13
    assert min(smallest_difference(with_machado(colors, vision)) for vision in MACHADO) >= 6


def test_the_first_distinct_colors() -> None:
    """Pictures without a palette have these colors: a change is one for every user."""
    assert Palette.distinct(8).colors.tolist() == [
        [0, 0, 0], [187, 255, 0], [238, 153, 187], [0, 136, 119],
        [170, 51, 238], [0, 255, 255], [85, 85, 0], [119, 51, 68],
    ]  # fmt: skip


def test_cached_colors_are_read_only() -> None:
    """Nobody can change the colors of later palettes."""
    for n in (5, 300):
        with pytest.raises(ValueError, match="read-only"):
            distinct_colors(n)[0] = 1
    assert len(np.unique(distinct_colors(1024), axis=0)) == 1024
    np.testing.assert_array_equal(distinct_colors(300)[:64], distinct_colors(64))
