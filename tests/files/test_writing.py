"""Writers: a file is there as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from segpost.files import atomic_write, write_png, write_text


def test_a_failure_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """The old content stays, and no temporary file does."""
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half() -> None:
        with atomic_write(path) as temporary:
            temporary.write_text("new")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half"):
        write_half()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_errors_name_the_file_and_not_the_temporary_one(tmp_path: Path) -> None:
    """Whoever reads the error knows the file by its own name."""
    path = tmp_path / "missing" / "a.txt"
    with pytest.raises(FileNotFoundError) as caught:
        write_text(path, "text")
    assert caught.value.filename == str(path)


def test_text_keeps_the_bytes_of_file_names(tmp_path: Path) -> None:
    """A name that is no Unicode is written as the bytes that it has on disk."""
    write_text(tmp_path / "a.txt", os.fsdecode(b"\xff") + "é")
    assert (tmp_path / "a.txt").read_bytes() == b"\xff\xc3\xa9"


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 3)])
def test_png_has_the_pixels(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Gray and RGB, of any strides."""
    image_module = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)[::-1]
    write_png(tmp_path / "a.png", pixels)
    with image_module.open(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
