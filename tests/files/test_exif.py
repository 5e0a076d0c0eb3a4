"""Images and label maps of a camera that was not held upright."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from exif_images import SIDEWAYS, save_oriented

from segpost.files.images import read_image, read_labels


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_images_are_turned(tmp_path: Path, suffix: str, orientation: int) -> None:
    """Every orientation of every format, as EXIF means it."""
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3)).astype(np.uint8)
    seen = save_oriented(tmp_path / f"a{suffix}", pixels, orientation)
    assert seen.shape[:2] == ((9, 6) if orientation in SIDEWAYS else (6, 9))
    np.testing.assert_array_equal(read_image(tmp_path / f"a{suffix}"), seen)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_label_maps_are_turned(tmp_path: Path, suffix: str, orientation: int) -> None:
    """A mask drawn on an image fits it when both are read."""
    labels = np.random.default_rng(1).integers(0, 9, (6, 9)).astype(np.uint8)
    seen = save_oriented(tmp_path / f"a{suffix}", labels, orientation)
    sizes: list[tuple[int, int]] = []
    labels_read = read_labels(tmp_path / f"a{suffix}", check=sizes.append)
    np.testing.assert_array_equal(labels_read, seen)
    assert labels_read.dtype == np.uint8
    assert sizes == [seen.shape]


def test_an_orientation_after_the_pixels_counts(tmp_path: Path) -> None:
    """PNG lets the chunk come last; the size is then checked once more."""
    labels = np.arange(54, dtype=np.uint8).reshape(6, 9)
    seen = save_oriented(tmp_path / "a.png", labels, 6)
    whole = (tmp_path / "a.png").read_bytes()
    start = whole.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(whole[start : start + 4], "big")
    last = whole.index(b"IEND") - 4
    moved = whole[:start] + whole[end:last] + whole[start:end] + whole[last:]
    (tmp_path / "b.png").write_bytes(moved)
    sizes: list[tuple[int, int]] = []
    labels_read = read_labels(tmp_path / "b.png", check=sizes.append)
    np.testing.assert_array_equal(labels_read, seen)
    assert sizes == [(6, 9), (9, 6)]
