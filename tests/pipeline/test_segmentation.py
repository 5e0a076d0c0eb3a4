"""Segmentation: saved labels, shares, and what cannot be shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import scene

import segpost
from segpost import Palette, Segmentation

Image = pytest.importorskip("PIL.Image")
torch = pytest.importorskip("torch")


def test_saved_png_reads_back(tmp_path: Path) -> None:
    """The PNG is indexed: its pixels are the ids, 255 included, in the palette's colors."""
    labels = np.random.default_rng(1).integers(0, 21, (30, 31)).astype(np.uint8)
    labels[0, 0] = 255
    Segmentation(labels=labels, palette=Palette.named("voc")).save(tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.mode == "P"
        np.testing.assert_array_equal(np.asarray(picture), labels)
        np.testing.assert_array_equal(
            np.asarray(picture.convert("RGB")), segpost.colorize(labels, "voc")
        )


def test_save_needs_no_palette(tmp_path: Path) -> None:
    """Without a palette every id still has a color of its own."""
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Segmentation(labels=labels).save(tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), labels)
        assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) == 256


def test_save_needs_a_color_for_every_label(tmp_path: Path) -> None:
    """A label that the palette does not have would be invisible black: an error instead."""
    seg = Segmentation(labels=np.array([[0, 30]], np.uint8))
    with pytest.raises(
        ValueError, match=r"1 of 2 values outside 0\.\.20 or 255, first 30 at \[0, 1\]"
    ):
        seg.save(tmp_path / "x.png", palette="voc")


def test_what_cannot_be_shown() -> None:
    """A notebook shows nothing rather than an error, and figure() says what is wrong."""
    pytest.importorskip("matplotlib")
    assert Segmentation(labels=np.zeros((0, 4), np.uint8))._repr_png_() is None
    assert Segmentation(labels=np.array([[-1]], np.int32))._repr_png_() is None
    assert Segmentation(labels=np.array([[2000]], np.int32))._repr_png_()
    with pytest.raises(ValueError, match="nothing to draw"):
        Segmentation(labels=np.zeros((4, 0), np.uint8)).figure()
    with pytest.raises(TypeError, match="number of one image"):
        Segmentation(labels=np.zeros((2, 4, 4), np.uint8))[0:1]  # type: ignore[index]
    assert Segmentation(labels=np.zeros((2, 2), np.uint8)) != Segmentation()


def test_save_refuses(tmp_path: Path) -> None:
    """Formats that change ids, labels that do not fit, batches, and results without labels."""
    seg = Segmentation(labels=np.full((2, 2), 300, np.int32))
    with pytest.raises(ValueError, match=r"4 are outside, first 300 at \[0, 0\]"):
        seg.save(tmp_path / "x.png")
    with pytest.raises(ValueError, match=r"must end in \.png or \.npy for what='labels'"):
        seg.save(tmp_path / "x.jpg")
    with pytest.raises(ValueError, match=r"save seg\[0\]"):
        Segmentation(labels=np.zeros((2, 3, 3), np.uint8)).save(tmp_path / "x.png")
    with pytest.raises(ValueError, match="ask for them"):
        Segmentation(color=np.zeros((3, 3, 3), np.uint8)).save(tmp_path / "x.png")
    assert not any(tmp_path.iterdir())


def test_shares_sum_to_one() -> None:
    """Shares are of all pixels, largest first."""
    seg = segpost.postprocess(scene(9, 20, 20))
    shares = seg.shares()
    assert sum(shares.values()) == pytest.approx(1)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
