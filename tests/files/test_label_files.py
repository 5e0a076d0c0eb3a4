"""Readers of label maps: what they return and what they refuse, without a command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from evaluation_files import write_labels

import segpost
from segpost.files import limit_pixels, list_files, read_labels, read_unconverted

LABELS = np.array([[0, 1, 15, 255]], np.uint8)


def test_colors_are_decoded_by_the_caller(tmp_path: Path) -> None:
    """The reader knows no palette: it hands the colors over, or refuses them with a fix."""
    color = segpost.colorize(LABELS, "voc")
    path = write_labels(tmp_path / "a.png", color)
    with pytest.raises(ValueError, match=r"in colors \(RGB\), not labels; decode= turns"):
        read_labels(path)
    with pytest.raises(ValueError, match="not labels; ask somebody"):
        read_labels(path, cure="ask somebody")
    decoded = read_labels(path, lambda image: segpost.labels_from_colors(image, "voc"))
    np.testing.assert_array_equal(decoded, LABELS)


def test_the_size_is_checked_before_the_pixels(tmp_path: Path) -> None:
    """A file whose pixels are damaged is refused for its size."""
    path = write_labels(tmp_path / "a.png", np.zeros((64, 64), np.uint8))
    path.write_bytes(path.read_bytes()[:60])

    def refuse(size: tuple[int, int]) -> None:
        raise ValueError(f"too large: {size}")

    with pytest.raises(ValueError, match=r"too large: \(64, 64\)"):
        read_labels(path, check=refuse)


@pytest.mark.parametrize("read", [read_labels, read_unconverted])
def test_the_limit_of_pixels_is_named(tmp_path: Path, read: object) -> None:
    """Pillow's limit holds inside the block alone, and its error names the argument."""
    assert callable(read)
    path = write_labels(tmp_path / "a.png", np.zeros((64, 64), np.uint8))
    with limit_pixels(100), pytest.raises(ValueError, match="max_pixels= takes another limit"):
        read(path)
    read(path)


def test_keys_have_no_suffixes(tmp_path: Path) -> None:
    """The files of a folder, sorted by what pairs them; a wrong folder says what it holds."""
    for name in ("b_pred.png", "a/c_gtFine_labelIds.png", "a/c_gtFine_color.png", ".hidden.png"):
        write_labels(tmp_path / name, LABELS)
    assert [file.key for file in list_files(tmp_path, "preds=", [".png"])] == ["a/c", "b"]
    assert [f.key for f in list_files(tmp_path, "preds=", [".png"], ["_pred"])] == ["b"]
    with pytest.raises(ValueError, match=r"^preds=: .* holds no \.tif file, but 3 of \.png$"):
        list_files(tmp_path, "preds=", [".tif"])
