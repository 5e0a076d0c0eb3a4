"""Damaged and hostile files: each is an error, or the values that were written."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from segpost.files import read_array, read_image, read_labels, read_unconverted, write_png
from segpost.files.arrays import read_array_header
from segpost.files.png import check_sums_of_png
from segpost.files.tensors import read_logits

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def label_file(tmp_path: Path) -> Path:
    """An indexed PNG of labels, whose pixels compress as those of scenes do."""
    generator = np.random.default_rng(0)
    labels = np.kron(generator.integers(0, 19, (12, 16)), np.ones((8, 8))).astype(np.uint8)
    labels[generator.random(labels.shape) < 0.01] = 255
    colors = generator.integers(0, 256, (256, 3)).astype(np.uint8)
    write_png(tmp_path / "labels.png", labels, colors)
    return tmp_path / "labels.png"


def silent_flips(path: Path, positions: np.ndarray) -> int:
    """How many flipped bits give other labels without an error."""
    content, right, silent = path.read_bytes(), read_labels(path), 0
    for position in positions.tolist():
        damaged = bytearray(content)
        damaged[position // 8] ^= 1 << position % 8
        path.write_bytes(damaged)
        with contextlib.suppress(ValueError, OSError):
            silent += not np.array_equal(read_labels(path), right)
    return silent


def test_no_flipped_bit_of_a_label_file_is_silent(label_file: Path) -> None:
    """A sample of the bits; all kinds of chunks are among them."""
    bits = 8 * label_file.stat().st_size
    assert silent_flips(label_file, np.random.default_rng(1).integers(0, bits, 150)) == 0


@pytest.mark.faults
def test_no_flipped_bit_of_3000_is_silent(label_file: Path) -> None:
    """As many as the survey that found one of ten."""
    bits = 8 * label_file.stat().st_size
    assert silent_flips(label_file, np.random.default_rng(2).integers(0, bits, 3000)) == 0


def test_without_sums_a_flipped_bit_would_be_silent(
    label_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim above can fail."""
    monkeypatch.setattr("segpost.files.images._check_sums", lambda opened: None)
    bits = 8 * label_file.stat().st_size
    assert silent_flips(label_file, np.random.default_rng(1).integers(0, bits, 150)) > 0


def test_every_cut_of_a_png_is_an_error(label_file: Path) -> None:
    """Also in the last chunk, which holds nothing."""
    content = label_file.read_bytes()
    for end in (*range(0, len(content), 97), len(content) - 12, len(content) - 1):
        with pytest.raises(ValueError, match="damaged"):
            check_sums_of_png(io.BytesIO(content[:end]))
    check_sums_of_png(io.BytesIO(content + b"after the last chunk"))


def test_a_chunk_of_many_blocks_has_its_sum() -> None:
    """Noise of one megabyte does not compress."""
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1000)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, format="PNG")
    check_sums_of_png(file)
    file.getbuffer()[700_000] ^= 1
    with pytest.raises(ValueError, match="'IDAT' is wrong"):
        check_sums_of_png(file)


@pytest.mark.parametrize("read", [read_image, read_labels, read_unconverted])
def test_no_program_is_started_for_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: object
) -> None:
    """PostScript under the name of a PNG is refused; Pillow would start Ghostscript."""
    assert callable(read)

    def forbidden(*arguments: object, **options: object) -> None:
        raise AssertionError(f"started {arguments}")

    monkeypatch.setattr(subprocess, "Popen", forbidden)
    path = tmp_path / "a.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\nshowpage")
    with pytest.raises(ValueError, match="it is no PNG"):
        read(path)


@pytest.mark.parametrize("order", ["C", "F"])
def test_one_element_of_the_first_axis(tmp_path: Path, order: str) -> None:
    """An array in either order, its elements and its header, also in an archive."""
    array = np.asarray(np.arange(24.0).reshape(2, 3, 4), order=order)  # type: ignore[call-overload]
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", logits=array, other=np.zeros(3))
    for name in ("a.npy", "a.npz"):
        np.testing.assert_array_equal(read_array(tmp_path / name), array)
        np.testing.assert_array_equal(read_array(tmp_path / name, 1), array[1])
        header = read_array_header(tmp_path / name)
        assert (header.shape, header.dtype) == (array.shape, array.dtype)


@pytest.mark.parametrize("shape", [(2, 3), (0, 3), ()])
@pytest.mark.parametrize("suffix", ["npy", "npz", "safetensors"])
def test_an_element_that_is_not_there(tmp_path: Path, shape: tuple[int, ...], suffix: str) -> None:
    """A file that was replaced by a shorter one since its header was read."""
    path = tmp_path / f"a.{suffix}"
    if suffix == "safetensors":
        size = 4 * int(np.prod(shape))
        slot = {"dtype": "F32", "shape": shape, "data_offsets": [0, size]}
        header = json.dumps({"a": slot}).encode()
        path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))
    else:
        {"npy": np.save, "npz": np.savez}[suffix](path, np.zeros(shape, np.float32))
    with pytest.raises(ValueError, match="no element 2 on its first axis"):
        read_logits(path, "a" if suffix == "safetensors" else None, 2)


def test_an_array_that_shrinks_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut before it is opened, and cut while it is read: an error, and no signal."""
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((4, 1000)))
    content = path.read_bytes()
    os.truncate(path, 5000)
    with pytest.raises(ValueError, match=r"it is cut: 4,872 bytes of 32,000"):
        read_array(path)
    path.write_bytes(content)
    monkeypatch.setattr("segpost.files.arrays.BLOCK", 4096)
    empty = np.empty

    def cut_and_allocate(*arguments: object) -> np.ndarray:
        os.truncate(path, 5000)
        return empty(*arguments)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(np, "empty", cut_and_allocate)
    with pytest.raises(ValueError, match=r"it became shorter while it was read: 27,128 bytes"):
        read_array(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is empty"),
        (b"no array", "it holds no array"),
        (b"\x93NUMPY\x01\x00", "cannot be read as .npy"),
        (b"\x93NUMPY\x03\x00" + b"\x10\x00\x00\x00" + b" " * 16, "version"),
        (b"PK\x03\x04" + bytes(40), "cannot be read as .npy"),
    ],
)
def test_files_that_hold_no_array(tmp_path: Path, content: bytes, says: str) -> None:
    """Each says why."""
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    for read in (read_array, read_array_header):
        with pytest.raises(ValueError, match=says):
            read(path)


def test_headers_that_lie(tmp_path: Path) -> None:
    """Shapes that are negative, larger than the file, and of elements without bytes."""
    path = tmp_path / "a.npy"
    for shape, kind in (((-1, 5), "<f4"), ((1 << 40, 1 << 40), "<f4"), ((1 << 62,), "|V0")):
        header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117)
        path.write_bytes(b"\x93NUMPY\x01\x00v\x00" + header.encode() + b"\n" + bytes(64))
        with pytest.raises(ValueError, match=r"cut|cannot be read"):
            read_array(path)


def test_a_pipe_is_no_array_file(tmp_path: Path) -> None:
    """Reading one would wait for its writer."""
    os.mkfifo(tmp_path / "a.npy")
    with pytest.raises(ValueError, match="no regular file"):
        read_array(tmp_path / "a.npy")
    assert sys.platform != "win32"
