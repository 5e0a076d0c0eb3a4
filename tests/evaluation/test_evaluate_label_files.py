"""Files that `segpost evaluate` reads: label maps and logits, whole, damaged and unsuitable."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import scene
from evaluation_files import (
    CLASSES,
    SIZE,
    Evaluate,
    expected_matrix,
    label_pair,
    read_json,
    write_labels,
    write_pairs,
)

import segpost
from segpost import ConfusionMatrix

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Five pairs, in folders below two folders."""
    return write_pairs(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Evaluate:
    """The command, with the classes of the pairs."""
    return Evaluate(capsys, CLASSES)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("x.png", "uint8"), ("x.png", "uint16"), ("x.tif", "uint8"), ("x.tiff", "uint16"),
     ("x.TIF", "int32"), ("x.npy", "int64"), ("x.npy", "uint16")],
)  # fmt: skip
def test_kinds_of_label_files(tmp_path: Path, run: Evaluate, name: str, dtype: str) -> None:
    """Eight to 64 bits, in PNG, TIFF and .npy."""
    preds, target = label_pair(7)
    write_labels(tmp_path / "p" / name, preds.astype(dtype))
    write_labels(tmp_path / "t" / name, target.astype(dtype))
    counts = run.state(tmp_path, tmp_path / "p", tmp_path / "t")
    np.testing.assert_array_equal(counts, expected_matrix(7).state)


def png(rows: list[bytes], width: int, depth: int, kind: int) -> bytes:
    """A PNG of any depth and kind, written by hand."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    head = struct.pack(">IIBBBBB", width, len(rows), depth, kind, 0, 0, 0)
    colors = chunk(b"PLTE", bytes(3 * 2**depth)) if kind == 3 else b""
    pixels = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + colors + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", [0, 3])
@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_every_depth_gives_the_values_in_the_file(
    tmp_path: Path, run: Evaluate, depth: int, kind: int
) -> None:
    """Grey and indexed PNG of 1, 2, 4 and 8 bits; Pillow alone spreads grey over 0..255."""
    labels = np.arange(2**depth)[: 2**4]
    bits = "".join(f"{label:0{depth}b}" for label in labels)
    row = int(bits, 2).to_bytes(len(bits) // 8 or 1, "big")
    if depth == 1:
        row = bytes([0b01000000])
    (tmp_path / "p.png").write_bytes(png([row], len(labels), depth, kind))
    np.save(tmp_path / "t.npy", labels[None])
    options = ("--num-classes", len(labels))
    counts = run.state(tmp_path, tmp_path / "p.png", tmp_path / "t.npy", *options, classes=False)
    np.testing.assert_array_equal(counts[:-1, :-1], np.eye(len(labels)))


def test_logits(tmp_path: Path, run: Evaluate) -> None:
    """Logits are upsampled to their target; .npy, .npz and channels last alike."""
    logits, target = scene(4, 6, 8), label_pair(0)[1]
    wanted = ConfusionMatrix(4, ignore_index=255)
    wanted.update(preds=logits, target=target, grid="align_corners")
    write_labels(tmp_path / "t" / "x.png", target)
    for name in ("x.npy", "x_logits.npy", "x.npz"):
        place = tmp_path / f"of-{name}"
        place.mkdir()
        if name == "x.npz":
            np.savez_compressed(place / name, logits=logits, more=np.zeros(2))
        else:
            np.save(place / name, logits if name == "x.npy" else logits[None].astype(np.float64))
        counts = run.state(tmp_path, place, tmp_path / "t", "--grid", "align_corners")
        np.testing.assert_array_equal(counts, wanted.state)
    np.save(tmp_path / "last.npy", logits.transpose(1, 2, 0))
    both = (tmp_path / "last.npy", tmp_path / "t/x.png", "--grid", "align_corners", "--quiet")
    status, _, err = run(*both)
    assert status == 1
    assert "--axis -1" in err
    assert run(*both, "--axis", -1)[0] == 0


def test_sigmoid_head(tmp_path: Path, run: Evaluate) -> None:
    """One channel and a threshold are two classes."""
    np.save(tmp_path / "p.npy", np.linspace(-1, 1, 8, dtype=np.float32).reshape(1, 2, 4))
    write_labels(tmp_path / "t.png", np.repeat(np.arange(2, dtype=np.uint8), 4).reshape(2, 4))
    both = (tmp_path / "p.npy", tmp_path / "t.png", "--num-classes", 2)
    assert "--threshold 0.5" in run(*both, classes=False)[2]
    counts = run.state(tmp_path, *both, "--threshold", 0.5, classes=False)
    np.testing.assert_array_equal(counts[:2, :2], [[4, 0], [0, 4]])


def test_colors_are_labels_only_where_that_is_said(tmp_path: Path, run: Evaluate) -> None:
    """An RGB picture is refused, unless its palette is named; alpha must be opaque."""
    labels = np.array([[0, 1, 15, 255]], np.uint8)
    color = segpost.colorize(labels, "voc")
    write_labels(tmp_path / "p" / "x.png", color)
    write_labels(tmp_path / "t" / "x.png", np.dstack([color, np.full((1, 4), 255, np.uint8)]))
    folders = (tmp_path / "p", tmp_path / "t", "--palette", "voc")
    status, out, err = run(*folders, classes=False)
    assert (status, out) == (1, "")
    assert "it is a picture in colors (RGBA), not labels; --colors PALETTE" in err
    counts = run.state(tmp_path, *folders, "--colors", "voc", classes=False)
    assert counts[15, 15] == 1
    assert counts[-1].sum() == 1
    write_labels(tmp_path / "t" / "x.png", np.dstack([color, np.zeros((1, 4), np.uint8)]))
    assert "transparent" in run(*folders, "--colors", "voc", classes=False)[2]
    write_labels(tmp_path / "t" / "x.png", np.full((1, 4, 3), 1, np.uint8))
    assert "not in the palette" in run(*folders, "--colors", "voc", classes=False)[2]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (lambda png: b"", "it is empty"),
        (lambda png: png[:60], "x.png: "),
        (lambda png: png[:40] + b"\xff" * 30 + png[70:], "x.png: "),
        (lambda png: b"\xff\xd8\xff\xe0" + bytes(50), "JPEG changes labels"),
        (lambda png: b"GIF89a" + bytes(50), "it is no PNG or TIFF picture"),
    ],
)
def test_damaged_picture(
    data: Path, run: Evaluate, content: Callable[[bytes], bytes], says: str
) -> None:
    """It is named, the others go on, no score is printed, and the JSON says so."""
    path = data / "preds/a/1.png"
    path.rename(data / "preds/x.png")
    (data / "gt/a/1.png").rename(data / "gt/x.png")
    path = data / "preds/x.png"
    path.write_bytes(content(path.read_bytes()))
    files = ("--json", data / "x.json", "--csv", data / "x.csv")
    status, out, err = run(data / "preds", data / "gt", *files)
    assert (status, out) == (1, "")
    assert says in err
    assert str(path) in err
    assert "1 of 5 pairs failed, so there are no scores; --allow-partial gives those of" in err
    assert not (data / "x.csv").exists()
    content_ = read_json(data / "x.json")
    assert content_["complete"] is False
    assert content_["failed"][0]["id"] == "x"
    assert "summary" not in content_
    status, out, err = run(data / "preds", data / "gt", "--allow-partial", *files)
    assert status == 1
    assert "INCOMPLETE: 1 of 5 pairs failed: 'x'." in out
    assert read_json(data / "x.json")["complete"] is False
    assert (
        read_json(data / "x.json")["summary"]["miou"] == expected_matrix(1, 2, 3, 4).compute().miou
    )


def test_damage_of_any_kind_is_an_error_of_its_file(tmp_path: Path, run: Evaluate) -> None:
    """Whatever Pillow raises on a broken PNG or TIFF, one line says so."""
    random = np.random.default_rng(1)
    for suffix in ("png", "tif"):
        good = write_labels(tmp_path / f"good.{suffix}", label_pair(0)[0]).read_bytes()
        for i in range(60):
            broken = np.frombuffer(good, np.uint8).copy()
            places = random.integers(0, 120 if suffix == "png" else len(good), 4)
            broken[places] = random.integers(0, 256, 4)
            (tmp_path / f"p{suffix}").mkdir(exist_ok=True)
            (tmp_path / f"p{suffix}" / f"{i}.{suffix}").write_bytes(broken.tobytes())
            write_labels(tmp_path / f"t{suffix}" / f"{i}.png", label_pair(0)[1])
        status, out, err = run(tmp_path / f"p{suffix}", tmp_path / f"t{suffix}")
        assert status in (0, 1)
        assert not out
        assert len(err.splitlines()) == err.count("segpost: ") >= 2


def refused(path: Path, kind: str) -> None:
    """Write a file that holds no labels."""
    grey = Image.fromarray(np.zeros(SIZE, np.uint8))
    if kind == "float":
        Image.fromarray(np.zeros(SIZE, np.float32)).save(path)
    elif kind == "pages":
        grey.save(path, save_all=True, append_images=[grey])
    elif kind == "jpeg":
        grey.save(path, compression="jpeg")
    elif kind == "white":
        grey.save(path, tiffinfo={262: 0})
    elif kind == "cmyk":
        grey.convert("CMYK").save(path)


@pytest.mark.parametrize(
    ("kind", "says"),
    [("float", "mode F hold no labels"), ("pages", "it holds 2 pictures"),
     ("jpeg", "compressed with JPEG"), ("white", "0 is white"), ("cmyk", "mode CMYK")],
)  # fmt: skip
def test_pictures_that_hold_no_labels(tmp_path: Path, run: Evaluate, kind: str, says: str) -> None:
    """TIFF can hold nearly anything; labels are one picture of integers."""
    refused(tmp_path / "p.tif", kind)
    write_labels(tmp_path / "t.png", np.zeros(SIZE, np.uint8))
    status, _, err = run(tmp_path / "p.tif", tmp_path / "t.png")
    assert status == 1
    assert says in err


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros(SIZE, np.float32), "wanted are integer labels"),
        (np.zeros((2, 4, *SIZE), np.float32), "of one image"),
        (np.zeros(5, np.int64), "wanted are integer labels"),
        (np.array([{}], object), "Python objects"),
        (np.full((4, *SIZE), np.nan, np.float32), "NaN"),
        (np.zeros((5, *SIZE), np.float32), "5 classes"),
    ],
)
def test_arrays_that_hold_no_prediction(
    tmp_path: Path, run: Evaluate, array: np.ndarray, says: str
) -> None:
    """What .npy files may hold is labels of integers, or logits of one image."""
    np.save(tmp_path / "p.npy", array, allow_pickle=True)
    write_labels(tmp_path / "t.png", np.zeros(SIZE, np.uint8))
    status, _, err = run(tmp_path / "p.npy", tmp_path / "t.png")
    assert status == 1
    assert says in err


def test_files_that_claim_too_much(tmp_path: Path, run: Evaluate) -> None:
    """Sizes are looked at before anything is decoded."""
    write_labels(tmp_path / "t.png", np.zeros(SIZE, np.uint8))
    (tmp_path / "p.png").write_bytes(png([b""], 10**6, 8, 0))
    assert "its target 24 x 32" in run(tmp_path / "p.png", tmp_path / "t.png")[2]
    (tmp_path / "u.png").write_bytes(png([b""] * 2000, 10**6, 8, 0))
    assert "--max-pixels" in run(tmp_path / "p.png", tmp_path / "u.png")[2]
    status, _, err = run(tmp_path / "t.png", tmp_path / "t2.png", "--max-pixels", 10)
    assert status == 2
    write_labels(tmp_path / "t2.png", np.zeros(SIZE, np.uint8))
    status, _, err = run(tmp_path / "t.png", tmp_path / "t2.png", "--max-pixels", 10)
    assert "--max-pixels" in err
    head = np.lib.format.header_data_from_array_1_0(np.zeros(SIZE, np.uint8))
    with (tmp_path / "p.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {**head, "shape": (2**40, 2**10)})
    assert run(tmp_path / "p.npy", tmp_path / "t.png")[0] == 1


def test_sizes(tmp_path: Path, run: Evaluate) -> None:
    """Unequal sizes are an error; nearest takes the pixel that a center lies in."""
    small = np.arange(12, dtype=np.uint8).reshape(3, 4) % 4
    large = np.kron(small, np.ones((2, 2), np.uint8))
    write_labels(tmp_path / "p.png", small)
    write_labels(tmp_path / "t.png", large)
    both = (tmp_path / "p.png", tmp_path / "t.png")
    status, _, err = run(*both)
    assert status == 1
    assert "the prediction is 3 x 4, its target 6 x 8 (height x width); --resize nearest" in err
    assert np.trace(run.state(tmp_path, *both, "--resize", "nearest")) == large.size
    write_labels(tmp_path / "t.png", small.T.copy())
    assert "are height and width swapped?" in run(*both)[2]
    odd = label_pair(3)[0]
    write_labels(tmp_path / "p.png", odd)
    write_labels(tmp_path / "t.png", np.zeros((7, 13), np.uint8))
    rows = [int((y + 0.5) * 24 / 7) for y in range(7)]
    columns = [int((x + 0.5) * 32 / 13) for x in range(13)]
    counts = run.state(tmp_path, *both, "--resize", "nearest")
    wanted = np.bincount(odd[np.ix_(rows, columns)].ravel(), minlength=5)
    np.testing.assert_array_equal(counts[0], wanted)
