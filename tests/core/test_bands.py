"""Images of 1 to N bands, of 16 bits and of floats: selected, stretched, shown, letterboxed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import segpost
from segpost import Letterbox

RANDOM = np.random.default_rng(0)
SIZE = (9, 12)
AERIAL = RANDOM.integers(100, 4000, (*SIZE, 4)).astype(np.uint16)  # blue, green, red, infrared
LABELS = RANDOM.integers(0, 3, SIZE).astype(np.uint8)
PALETTE = [[0, 0, 0], [255, 0, 0], [0, 0, 255]]


def shown(image: Any, **settings: Any) -> Any:
    """Return an image as the overlay shows it below transparent labels."""
    return segpost.overlay(image, LABELS, PALETTE, alpha=0.0, **settings)


def stretched(values: Any, low: float, high: float) -> Any:
    """Return bytes of values, by the definition."""
    return np.rint(255 * np.clip((values.astype(float) - low) / (high - low), 0, 1))


@pytest.mark.parametrize("kind", [np.uint16, np.int16, np.int32, np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("is_first", [False, True])
def test_overlays_of_aerial_images(kind: Any, is_first: bool) -> None:
    """Bands count from 1, wherever their axis is; the stretch is that of the values."""
    image = (AERIAL % 256 if kind == np.uint8 else AERIAL).astype(kind)
    given = image.transpose(2, 0, 1) if is_first else image
    low, high = (50, 200) if kind == np.uint8 else (500, 3000)
    made = shown(given, bands=(3, 2, 1), stretch=(low, high))
    np.testing.assert_array_equal(made, stretched(image[..., [2, 1, 0]], low, high))
    infrared = shown(given, bands=4, stretch=(low, high))
    assert (infrared == infrared[..., :1]).all()
    np.testing.assert_array_equal(infrared[..., 0], stretched(image[..., 3], low, high))


def test_stretches() -> None:
    """A pair for each band, percentages of each band, NaN as black; bytes as they are."""
    image = AERIAL[..., :3].astype(np.float32) / 4000
    image[0, 0] = np.nan
    pairs = ((0.1, 0.5), (0.2, 0.9), (0, 1))
    made = shown(image, stretch=pairs)
    for band, (low, high) in enumerate(pairs):
        expected = np.nan_to_num(stretched(image[..., band], low, high))
        np.testing.assert_array_equal(made[..., band], expected)
    made = shown(image, stretch=("2%", "98%"))
    for band in range(3):
        low, high = np.nanpercentile(image[..., band], (2, 98))
        expected = np.nan_to_num(stretched(image[..., band], low, high))
        assert np.abs(made[..., band] - expected).max() <= 1  # next to a tie
    assert (made[0, 0] == 0).all()
    grey = (AERIAL[..., 0] % 256).astype(np.uint8)
    for one in (grey, grey[..., None], grey[None]):
        np.testing.assert_array_equal(shown(one), np.stack([grey] * 3, -1))


def test_tensors_keep_their_library() -> None:
    """The overlay of a tensor is one."""
    torch = pytest.importorskip("torch")
    image = torch.from_numpy(AERIAL.astype(np.float32)).permute(2, 0, 1)
    made = shown(image, bands=(3, 2, 1), stretch=(500, 3000))
    assert isinstance(made, torch.Tensor)
    np.testing.assert_array_equal(made, shown(AERIAL, bands=(3, 2, 1), stretch=(500, 3000)))


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_letterboxes_of_bands(antialias: bool, layout: Any) -> None:
    """Four bands of 16 bits, normalized each: those of RGB images where these have three."""
    box = Letterbox.fit(SIZE, (8, 8))
    bytes_ = (AERIAL % 256).astype(np.uint8)
    settings: Any = {"antialias": antialias, "layout": layout, "mean": (0.1, 0.2, 0.3, 0.4)}
    settings |= {"std": (0.5, 0.6, 0.7, 0.8), "pad": (1, 2, 3, 4)}
    made = box.apply(bytes_, **settings)
    assert made.shape == ((4, 8, 8) if layout == "nchw" else (8, 8, 4))
    pick = (2, 1, 0)
    three = {name: tuple(np.array(settings[name])[list(pick)]) for name in ("mean", "std", "pad")}
    rgb = box.apply(np.ascontiguousarray(bytes_[..., pick]), **{**settings, **three})
    same = np.array(made)[list(pick)] if layout == "nchw" else made[..., pick]
    np.testing.assert_allclose(same, rgb, atol=1e-5)
    chosen = box.apply(bytes_, **{**settings, **three}, bands=(3, 2, 1))
    np.testing.assert_allclose(chosen, rgb, atol=1e-5)
    # 16 bits: the values times scale, or those between two limits as 0..255.
    wide = bytes_.astype(np.uint16) * 100
    scaled = settings | {"scale": 1 / 25500, "pad": (100, 200, 300, 400)}
    np.testing.assert_allclose(box.apply(wide, **scaled), made, atol=1e-5)
    np.testing.assert_allclose(box.apply(wide, **settings, stretch=(0, 25500)), made, atol=1e-5)
    batch = box.apply(np.stack([wide, wide[::-1]]), **settings, stretch=(0, 25500))
    np.testing.assert_array_equal(batch[0], box.apply(wide, **settings, stretch=(0, 25500)))


def test_a_stretch_clips_where_it_says() -> None:
    """Values beyond the limits are those of the limits, and without a stretch none is changed."""
    box = Letterbox.fit(SIZE)
    made = box.apply(AERIAL, stretch=(500, 3000))
    expected = np.clip((AERIAL.astype(float) - 500) / 2500, 0, 1).transpose(2, 0, 1)
    np.testing.assert_allclose(made, expected, atol=1e-6)
    np.testing.assert_allclose(box.apply(AERIAL, scale=1e-4), AERIAL.transpose(2, 0, 1) * 1e-4)
    assert box.apply(AERIAL[..., 0], scale=1).shape == (1, *SIZE)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({}, ValueError, r"image has 4 bands.*bands=\(1, 2, 3\)"),
        ({"bands": (3, 2, 1)}, TypeError, r"must be uint8, got uint16; pass stretch=\(low, high\)"),
        ({"bands": (0, 1, 2)}, ValueError, "counted from 1, .* to 4 of this image"),
        ({"bands": (1, 2, 5)}, ValueError, "counted from 1, .* to 4 of this image"),
        ({"bands": (1, 2)}, ValueError, r"got bands=\(1, 2\)"),
        ({"bands": "321"}, TypeError, "bands must be a number or a sequence"),
        ({"bands": 1, "stretch": (9, 9)}, ValueError, "from 9 to 9: the first must be smaller"),
        ({"bands": 1, "stretch": 4000}, TypeError, r"stretch must be \(low, high\)"),
        ({"bands": 1, "stretch": ("2", "98%")}, ValueError, 'percentages such as "2%"'),
        ({"bands": 1, "stretch": (0, np.nan)}, ValueError, "stretch must be finite"),
        ({"stretch": ((0, 1), (0, 1)), "bands": (1, 2, 3)}, ValueError, "2 pairs.* 3 bands"),
        ({"image": AERIAL[1:], "bands": 1, "stretch": (0, 9)}, ValueError, "image must have shape"),
    ],
)
def test_errors_of_overlays(settings: Any, error: type[Exception], words: str) -> None:
    """Nothing is selected or stretched that was not asked for."""
    with pytest.raises(error, match=words):
        shown(**{"image": AERIAL, **settings})


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({}, TypeError, r"must be uint8, got uint16; pass scale=.* or stretch=\(low, high\)"),
        ({"scale": 1, "mean": (1, 2, 3)}, TypeError, "mean must be one number or 4, one for each"),
        ({"scale": 1, "channel_order": "bgr"}, ValueError, "is for three bands, got 4"),
        ({"scale": 100, "dtype": "float16"}, ValueError, "no value beyond 65504"),
        ({"image": np.full(SIZE, np.nan), "scale": 1}, ValueError, "108 values of 108 .* y 0, x 0"),
        ({"image": AERIAL > 9, "scale": 1}, TypeError, "got bool"),
    ],
)
def test_errors_of_letterboxes(settings: Any, error: type[Exception], words: str) -> None:
    """Images of 16 bits are never divided by 255."""
    box = Letterbox.fit(SIZE, (8, 8))
    with pytest.raises(error, match=words):
        box.apply(**{"image": AERIAL, **settings})
