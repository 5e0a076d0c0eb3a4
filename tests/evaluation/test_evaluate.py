"""`segpost evaluate` as a user meets it: files in, scores and sentences out."""

from __future__ import annotations

import csv
import os
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import scene
from evaluation_files import SIZE, maps, report, write

import segpost
from segpost import ConfusionMatrix
from segpost.cli import main

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Five pairs, in folders below two folders."""
    for seed, name in enumerate(("a/1", "a/2", "b/1", "b/2", "c")):
        preds, target = maps(seed)
        write(tmp_path / "preds" / f"{name}.png", preds, palette=True)
        write(tmp_path / "gt" / f"{name}.png", target)
    return tmp_path


def expected(*seeds: int, **options: Any) -> ConfusionMatrix:
    """What the API counts of the same maps."""
    cm = ConfusionMatrix(4, ignore_index=255, **options)
    for seed in seeds:
        preds, target = maps(seed)
        cm.update(preds=preds, target=target)
    return cm


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command; its status, standard output and standard error."""

    def call(*arguments: object, classes: bool = True) -> tuple[int, str, str]:
        options = ["--num-classes", "4", "--ignore-index", "255"] if classes else []
        status = main(["evaluate", *map(str, arguments), *options])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return call


def state(path: Path, run: Run, *arguments: object, classes: bool = True) -> Any:
    """The matrix of a run that must succeed."""
    file = path / "state-of-the-test.json"
    status, _, err = run(*arguments, "--state", file, "--quiet", classes=classes)
    assert (status, err) == (0, "")
    return ConfusionMatrix.from_json(file.read_text()).state


# What comes out


def test_scores_are_those_of_the_api(data: Path, run: Run) -> None:
    """The report, the JSON, the CSV files and the state say what ConfusionMatrix says."""
    files = {
        "--json": "x.json", "--csv": "x.csv", "--per-image": "i.csv", "--markdown": "x.md",
        "--cityscapes-json": "c.json", "--state": "s.json",
    }  # fmt: skip
    options = [str(data / part) if "." in part else part for pair in files.items() for part in pair]
    status, out, err = run(data / "preds", data / "gt", *options)
    assert (status, err) == (0, "")
    scores = expected(0, 1, 2, 3, 4).compute()
    assert f"{scores.miou:.4f}  mean of 4 of 4 classes" in out
    content = report(data / "x.json")
    assert content["summary"]["miou"] == scores.miou
    assert (content["complete"], content["counted"], content["failed"]) == (True, 5, [])
    assert [image["id"] for image in content["images"]] == ["a/1", "a/2", "b/1", "b/2", "c"]
    assert (data / "x.csv").read_bytes().startswith(b"class,name,iou,")
    rows = list(csv.DictReader((data / "i.csv").read_text().splitlines()))
    alone = expected(2, per_image=True).compute()
    assert rows[2]["id"] == "b/1"
    assert float(rows[2]["miou"]) == alone.miou
    assert int(rows[2]["void_pixels"]) == 64
    assert float(rows[2]["iou_3"]) == float(alone.iou[3])
    assert "### Classes" in (data / "x.md").read_text()
    assert report(data / "c.json")["averageScoreClasses"] == scores.miou
    cm = ConfusionMatrix.from_json((data / "s.json").read_text())
    np.testing.assert_array_equal(cm.state, expected(0, 1, 2, 3, 4).state)
    assert not [path for path in data.iterdir() if path.name.startswith(".")]


def test_bytes_do_not_depend_on_jobs(data: Path, run: Run) -> None:
    """One thread and three write the same files, failures and their order included."""
    pytest.importorskip("matplotlib")
    (data / "preds/a/2.png").write_bytes(b"nothing")
    (data / "preds/c.png").write_bytes(b"")
    seen = []
    for jobs in (1, 3):
        names = ("x.json", "x.csv", "i.csv", "x.md", "x.html", "s.json")
        options = ("--json", "--csv", "--per-image", "--markdown", "--html", "--state")
        places = [data / f"{jobs}-{name}" for name in names]
        pairs = [part for pair in zip(options, places, strict=True) for part in pair]
        printed = run(
            data / "preds", data / "gt", *pairs, "--jobs", jobs, "--allow-partial", "--compare"
        )
        assert printed[0] == 1
        seen.append((printed, [path.read_bytes() for path in places]))
    assert seen[0] == seen[1]


def test_html_needs_nothing_else(data: Path, run: Run) -> None:
    """One file with the matrix, the classes and the worst images; names cannot become markup."""
    pytest.importorskip("matplotlib")
    names = data / "names.txt"
    names.write_text("sky\n<script>alert(1)</script>\nc & d\ne\n")
    for name in ("a/1", "a/2", "b/1", "c"):
        picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
        write(data / "photos" / f"{name}_leftImg8bit.png", picture)
    status, _, err = run(
        data / "preds", data / "gt", "--html", data / "x.html", "--worst", 3, "--quiet",
        "--images", data / "photos", "--class-names", names, "--compare",
    )  # fmt: skip
    assert (status, err) == (0, "")
    page = (data / "x.html").read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "The 3 worst images" in page
    assert page.count(">where they differ<") == 3
    assert 2 <= page.count("data:image/jpeg;base64,") <= 3
    assert "prefers-color-scheme: dark" in page
    assert not re.search(r"(src|href|srcset)=.http", page)
    assert "What other libraries would say" in page


def test_html_says_what_may_be_wrong_with_the_worst(tmp_path: Path, run: Run) -> None:
    """Predictions that lie five pixels beside their target are said to; right ones are not."""
    pytest.importorskip("matplotlib")
    y, x = np.mgrid[:96, :128]
    target = ((x + 20 + 9 * np.sin(y / 9)) // 40).astype(np.uint8)
    for folder, labels in (("gt", target), ("right", target), ("moved", np.roll(target, 5, 1))):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "a.png", labels)
    for folder in ("right", "moved"):
        page = tmp_path / f"{folder}.html"
        assert run(tmp_path / folder, tmp_path / "gt", "--html", page, "--quiet")[0] == 0
        found = page.read_text()
        assert ("likely: shifted" in found) == (folder == "moved")
        assert ("np.roll(labels, (0, -5), (0, 1))" in found) == (folder == "moved")


def test_compare_and_dialect(data: Path, run: Run) -> None:
    """A library's score on demand; one that has none is said to have none."""
    status, out, _ = run(data / "preds", data / "gt", "--dialect", "smp", "--compare")
    assert status == 0
    assert "as smp has it" in out
    assert re.search(r"^torchvision +0\.\d{4}", out, re.MULTILINE)
    write(data / "preds/c.png", np.full(SIZE, 9, np.uint8))
    status, out, err = run(
        data / "preds", data / "gt", "--dialect", "voc", "--csv", data / "x.csv",
        "--state", data / "s.json", "--compare",
    )  # fmt: skip
    assert status == 2
    assert "no scores of Pascal VOC devkit" in err
    assert f"not written: {data / 'x.csv'}" in err
    assert not (data / "x.csv").exists()
    assert (data / "s.json").exists()
    assert re.search(r"^voc +error", out, re.MULTILINE)


def test_quiet(data: Path, run: Run) -> None:
    """Nothing is printed where nothing is wrong."""
    assert run(data / "preds", data / "gt", "--quiet") == (0, "", "")


# What goes in


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("x.png", "uint8"), ("x.png", "uint16"), ("x.tif", "uint8"), ("x.tiff", "uint16"),
     ("x.TIF", "int32"), ("x.npy", "int64"), ("x.npy", "uint16")],
)  # fmt: skip
def test_kinds_of_label_files(tmp_path: Path, run: Run, name: str, dtype: str) -> None:
    """Eight to 64 bits, in PNG, TIFF and .npy."""
    preds, target = maps(7)
    write(tmp_path / "p" / name, preds.astype(dtype))
    write(tmp_path / "t" / name, target.astype(dtype))
    counts = state(tmp_path, run, tmp_path / "p", tmp_path / "t")
    np.testing.assert_array_equal(counts, expected(7).state)


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
    tmp_path: Path, run: Run, depth: int, kind: int
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
    counts = state(tmp_path, run, tmp_path / "p.png", tmp_path / "t.npy", *options, classes=False)
    np.testing.assert_array_equal(counts[:-1, :-1], np.eye(len(labels)))


def test_logits(tmp_path: Path, run: Run) -> None:
    """Logits are upsampled to their target; .npy, .npz and channels last alike."""
    logits, target = scene(4, 6, 8), maps(0)[1]
    wanted = ConfusionMatrix(4, ignore_index=255)
    wanted.update(preds=logits, target=target, grid="align_corners")
    write(tmp_path / "t" / "x.png", target)
    for name in ("x.npy", "x_logits.npy", "x.npz"):
        place = tmp_path / f"of-{name}"
        place.mkdir()
        if name == "x.npz":
            np.savez_compressed(place / name, logits=logits, more=np.zeros(2))
        else:
            np.save(place / name, logits if name == "x.npy" else logits[None].astype(np.float64))
        counts = state(tmp_path, run, place, tmp_path / "t", "--grid", "align_corners")
        np.testing.assert_array_equal(counts, wanted.state)
    np.save(tmp_path / "last.npy", logits.transpose(1, 2, 0))
    both = (tmp_path / "last.npy", tmp_path / "t/x.png", "--grid", "align_corners", "--quiet")
    status, _, err = run(*both)
    assert status == 1
    assert "--axis -1" in err
    assert run(*both, "--axis", -1)[0] == 0


def test_sigmoid_head(tmp_path: Path, run: Run) -> None:
    """One channel and a threshold are two classes."""
    np.save(tmp_path / "p.npy", np.linspace(-1, 1, 8, dtype=np.float32).reshape(1, 2, 4))
    write(tmp_path / "t.png", np.repeat(np.arange(2, dtype=np.uint8), 4).reshape(2, 4))
    both = (tmp_path / "p.npy", tmp_path / "t.png", "--num-classes", 2)
    assert "--threshold 0.5" in run(*both, classes=False)[2]
    counts = state(tmp_path, run, *both, "--threshold", 0.5, classes=False)
    np.testing.assert_array_equal(counts[:2, :2], [[4, 0], [0, 4]])


def test_colors_are_labels_only_where_that_is_said(tmp_path: Path, run: Run) -> None:
    """An RGB picture is refused, unless its palette is named; alpha must be opaque."""
    labels = np.array([[0, 1, 15, 255]], np.uint8)
    color = segpost.colorize(labels, "voc")
    write(tmp_path / "p" / "x.png", color)
    write(tmp_path / "t" / "x.png", np.dstack([color, np.full((1, 4), 255, np.uint8)]))
    folders = (tmp_path / "p", tmp_path / "t", "--palette", "voc")
    status, out, err = run(*folders, classes=False)
    assert (status, out) == (1, "")
    assert "it is a picture in colors (RGBA), not labels; --colors PALETTE" in err
    counts = state(tmp_path, run, *folders, "--colors", "voc", classes=False)
    assert counts[15, 15] == 1
    assert counts[-1].sum() == 1
    write(tmp_path / "t" / "x.png", np.dstack([color, np.zeros((1, 4), np.uint8)]))
    assert "transparent" in run(*folders, "--colors", "voc", classes=False)[2]
    write(tmp_path / "t" / "x.png", np.full((1, 4, 3), 1, np.uint8))
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
    data: Path, run: Run, content: Callable[[bytes], bytes], says: str
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
    content_ = report(data / "x.json")
    assert content_["complete"] is False
    assert content_["failed"][0]["id"] == "x"
    assert "summary" not in content_
    status, out, err = run(data / "preds", data / "gt", "--allow-partial", *files)
    assert status == 1
    assert "INCOMPLETE: 1 of 5 pairs failed: 'x'." in out
    assert report(data / "x.json")["complete"] is False
    assert report(data / "x.json")["summary"]["miou"] == expected(1, 2, 3, 4).compute().miou


def test_damage_of_any_kind_is_an_error_of_its_file(tmp_path: Path, run: Run) -> None:
    """Whatever Pillow raises on a broken PNG or TIFF, one line says so."""
    random = np.random.default_rng(1)
    for suffix in ("png", "tif"):
        good = write(tmp_path / f"good.{suffix}", maps(0)[0]).read_bytes()
        for i in range(60):
            broken = np.frombuffer(good, np.uint8).copy()
            places = random.integers(0, 120 if suffix == "png" else len(good), 4)
            broken[places] = random.integers(0, 256, 4)
            (tmp_path / f"p{suffix}").mkdir(exist_ok=True)
            (tmp_path / f"p{suffix}" / f"{i}.{suffix}").write_bytes(broken.tobytes())
            write(tmp_path / f"t{suffix}" / f"{i}.png", maps(0)[1])
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
def test_pictures_that_hold_no_labels(tmp_path: Path, run: Run, kind: str, says: str) -> None:
    """TIFF can hold nearly anything; labels are one picture of integers."""
    refused(tmp_path / "p.tif", kind)
    write(tmp_path / "t.png", np.zeros(SIZE, np.uint8))
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
    tmp_path: Path, run: Run, array: np.ndarray, says: str
) -> None:
    """What .npy files may hold is labels of integers, or logits of one image."""
    np.save(tmp_path / "p.npy", array, allow_pickle=True)
    write(tmp_path / "t.png", np.zeros(SIZE, np.uint8))
    status, _, err = run(tmp_path / "p.npy", tmp_path / "t.png")
    assert status == 1
    assert says in err


def test_files_that_claim_too_much(tmp_path: Path, run: Run) -> None:
    """Sizes are looked at before anything is decoded."""
    write(tmp_path / "t.png", np.zeros(SIZE, np.uint8))
    (tmp_path / "p.png").write_bytes(png([b""], 10**6, 8, 0))
    assert "its target 24 x 32" in run(tmp_path / "p.png", tmp_path / "t.png")[2]
    (tmp_path / "u.png").write_bytes(png([b""] * 2000, 10**6, 8, 0))
    assert "--max-pixels" in run(tmp_path / "p.png", tmp_path / "u.png")[2]
    status, _, err = run(tmp_path / "t.png", tmp_path / "t2.png", "--max-pixels", 10)
    assert status == 2
    write(tmp_path / "t2.png", np.zeros(SIZE, np.uint8))
    status, _, err = run(tmp_path / "t.png", tmp_path / "t2.png", "--max-pixels", 10)
    assert "--max-pixels" in err
    head = np.lib.format.header_data_from_array_1_0(np.zeros(SIZE, np.uint8))
    with (tmp_path / "p.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {**head, "shape": (2**40, 2**10)})
    assert run(tmp_path / "p.npy", tmp_path / "t.png")[0] == 1


# Sizes


def test_sizes(tmp_path: Path, run: Run) -> None:
    """Unequal sizes are an error; nearest takes the pixel that a center lies in."""
    small = np.arange(12, dtype=np.uint8).reshape(3, 4) % 4
    large = np.kron(small, np.ones((2, 2), np.uint8))
    write(tmp_path / "p.png", small)
    write(tmp_path / "t.png", large)
    both = (tmp_path / "p.png", tmp_path / "t.png")
    status, _, err = run(*both)
    assert status == 1
    assert "the prediction is 3 x 4, its target 6 x 8 (height x width); --resize nearest" in err
    assert np.trace(state(tmp_path, run, *both, "--resize", "nearest")) == large.size
    write(tmp_path / "t.png", small.T.copy())
    assert "are height and width swapped?" in run(*both)[2]
    odd = maps(3)[0]
    write(tmp_path / "p.png", odd)
    write(tmp_path / "t.png", np.zeros((7, 13), np.uint8))
    rows = [int((y + 0.5) * 24 / 7) for y in range(7)]
    columns = [int((x + 0.5) * 32 / 13) for x in range(13)]
    counts = state(tmp_path, run, *both, "--resize", "nearest")
    wanted = np.bincount(odd[np.ix_(rows, columns)].ravel(), minlength=5)
    np.testing.assert_array_equal(counts[0], wanted)


# Names


@pytest.mark.parametrize("option", ["--allow-missing", ""])
def test_files_that_pair_with_nothing(data: Path, run: Run, option: str) -> None:
    """They are named; --allow-missing goes on, and the report says that it is of a part."""
    (data / "preds/a/2.png").unlink()
    write(data / "preds/z.png", maps(0)[0])
    arguments = [data / "preds", data / "gt", "--json", data / "x.json"]
    status, out, err = run(*arguments, *([option] if option else []))
    if not option:
        assert status == 2
        assert "1 of 5 targets have no prediction: 'a/2'; 1 predictions have no target: 'z'" in err
        assert "--allow-missing goes on with the 4 that pair" in err
        return
    assert (status, err) == (0, "")
    assert "INCOMPLETE: 1 of 5 targets have no prediction: 'a/2'" in out
    content = report(data / "x.json")
    assert content["complete"] is False
    assert content["targets_without_prediction"] == ["a/2"]
    assert content["predictions_without_target"] == ["z"]
    assert content["summary"]["miou"] == expected(0, 2, 3, 4).compute().miou


@pytest.mark.parametrize(
    ("pred", "target"),
    [
        ("x_leftImg8bit_pred.png", "x_gtFine_labelIds.png"),
        ("x_pred.png", "x_mask.tif"),
        ("x.npy", "x_labels.png"),
        ("deep/down/x.png", "x.png"),
        ("x.tar.png", "x.tar.tif"),
    ],
)
def test_names_that_pair(tmp_path: Path, run: Run, pred: str, target: str) -> None:
    """Common ends are taken off, and folders do not matter where they have nothing in common."""
    preds, truth = maps(5)
    write(tmp_path / "p" / pred, preds)
    write(tmp_path / "t" / target, truth)
    write(tmp_path / "p" / pred.replace("x", "y"), preds)
    write(tmp_path / "t" / target.replace("x", "y"), truth)
    counts = state(tmp_path, run, tmp_path / "p", tmp_path / "t")
    np.testing.assert_array_equal(counts, 2 * expected(5).state)


def test_ends_by_option(tmp_path: Path, run: Run) -> None:
    """Both kinds of file in one folder, told apart by how their names end."""
    preds, target = maps(5)
    for name in ("x", "y"):
        write(tmp_path / "d" / f"{name}.out.png", preds)
        write(tmp_path / "d" / f"{name}.true.png", target)
        write(tmp_path / "d" / f"{name}.png", target)
    place = tmp_path / "d"
    ends = ("--pred-suffix", ".out", "--target-suffix", ".true")
    counts = state(tmp_path, run, place, place, *ends)
    np.testing.assert_array_equal(counts, 2 * expected(5).state)
    assert "ends with '_nope'" in run(place, place, "--pred-suffix", "_nope")[2]
    status, _, err = run(place, place)
    assert status == 2
    assert "is prediction and target at once" in err


def test_cityscapes_folders(tmp_path: Path, run: Run) -> None:
    """The folders of the data set as they are; ids become trainIds."""
    random = np.random.default_rng(0)
    for city in ("ulm", "bonn"):
        name = f"{city}/{city}_000000_000019"
        ids = random.integers(0, 34, SIZE).astype(np.uint8)
        write(tmp_path / "gtFine" / f"{name}_gtFine_labelIds.png", ids)
        for other in ("color", "instanceIds"):
            write(tmp_path / "gtFine" / f"{name}_gtFine_{other}.png", ids)
        write(tmp_path / "preds" / f"{Path(name).name}_leftImg8bit.png", ids)
    (tmp_path / "gtFine/ulm/ulm_000000_000019_gtFine_polygons.json").write_text("{}")
    folders = (tmp_path / "preds", tmp_path / "gtFine", "--palette", "cityscapes")
    status, _, err = run(*folders, classes=False)
    assert status == 1
    assert "are these Cityscapes labelIds? --map cityscapes makes trainIds of them" in err
    mapped = ("--map", "cityscapes", "--map-to", "both", "--groups", "cityscapes")
    counts = state(tmp_path, run, *folders, *mapped, classes=False)
    assert (counts[:19, :19] == np.diag(np.diag(counts[:19, :19]))).all()
    assert counts[-1].sum() > 0
    assert counts[:19, 19].sum() == 0
    write(
        tmp_path / "gtFine/ulm/ulm_000000_000019_gtFine_labelTrainIds.png", np.zeros(SIZE, np.uint8)
    )
    status, _, err = run(*folders, classes=False)
    assert status == 2
    assert "1 name belongs to more than one file" in err
    assert "--target-suffix says which are meant" in err


def test_names_alone_may_be_ambiguous(tmp_path: Path, run: Run) -> None:
    """Folders that are called otherwise pair by name only where each name is there once."""
    for folder in ("p/x", "p/y", "t/u", "t/v"):
        write(tmp_path / folder / "1.png", np.zeros(SIZE, np.uint8))
    status, _, err = run(tmp_path / "p", tmp_path / "t")
    assert status == 2
    assert "their folders are called otherwise" in err


def test_lists_and_single_files(data: Path, run: Run) -> None:
    """A .txt file names paths relative to itself; two files pair whatever their names."""
    (data / "preds/list.txt").write_text("c.png\r\n\r\na/1.png\n")
    (data / "targets.txt").write_text(f"gt/a/1.png\n{data / 'gt/c.png'}\n")
    counts = state(data, run, data / "preds/list.txt", data / "targets.txt")
    np.testing.assert_array_equal(counts, expected(0, 4).state)
    counts = state(data, run, data / "preds/a/1.png", data / "gt/c.png")
    assert counts.sum() == 24 * 32
    assert run(data / "preds/c.png", data / "gt", "--allow-missing", "--quiet")[0] == 0
    (data / "preds/list.txt").write_text("c.png\nno.png\n")
    err = run(data / "preds/list.txt", data / "targets.txt")[2]
    assert "names 1 of 2 files that are not there" in err
    assert "'no.png'" in err
    (data / "preds/list.txt").write_text("c.png\nc.png\n")
    assert "'c.png' more than once" in run(data / "preds/list.txt", data / "targets.txt")[2]
    (data / "preds/list.txt").write_text("\n")
    assert "names no file" in run(data / "preds/list.txt", data / "targets.txt")[2]


def test_worst_file_names(tmp_path: Path, run: Run) -> None:
    """Names of any bytes are evaluated, listed as they are, and do nothing to a terminal."""
    names = [
        "-n", "a b", "it's \"this\"", "=1+1", "<b>&amp;", "日本", "%s{0}", "new\nline", "\x1b[31m",
        "com,ma", "x" * 200, os.fsdecode(b"\xff\xfe"), "tab\there", "[bold]", "a.b.c",
    ]  # fmt: skip
    for seed, name in enumerate(names):
        preds, target = maps(seed)
        write(tmp_path / "p" / f"{name}.png", preds)
        write(tmp_path / "t" / f"{name}.png", target)
    (tmp_path / "p/.hidden.png").write_bytes(b"")
    files = ("--per-image", tmp_path / "i.csv", "--json", tmp_path / "x.json")
    more = ("--html", tmp_path / "x.html", "--worst", len(names), "--markdown", tmp_path / "x.md")
    pytest.importorskip("matplotlib")
    status, out, err = run(tmp_path / "p", tmp_path / "t", *files, *more)
    assert (status, err) == (0, "")
    assert "\x1b" not in out
    with (tmp_path / "i.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        ids = [row["id"] for row in csv.DictReader(file)]
    assert sorted(ids) == sorted(names)
    assert [image["id"] for image in report(tmp_path / "x.json")["images"]] == ids
    page = (tmp_path / "x.html").read_text("utf-8")
    assert "<b>&amp;<" not in page
    assert "\x1b" not in page + (tmp_path / "x.md").read_text("utf-8")
    (tmp_path / "p" / "\x1b[31m.png").write_bytes(b"no")
    err = run(tmp_path / "p", tmp_path / "t")[2]
    assert "\x1b" not in err
    assert r"\x1b[31m.png" in err


def test_links_and_pipes(data: Path, run: Run) -> None:
    """Links are followed and never in a circle; a dead one fails, a pipe is no file."""
    (data / "gt/loop").symlink_to(data / "gt")
    (data / "preds/loop").symlink_to(data / "preds")
    os.mkfifo(data / "preds/pipe.png")
    assert run(data / "preds", data / "gt", "--quiet")[0] == 0
    (data / "preds/dead.png").symlink_to(data / "nowhere.png")
    write(data / "gt/dead.png", maps(0)[1])
    status, _, err = run(data / "preds", data / "gt", "--quiet")
    assert status == 1
    assert "dead.png: No such file" in err


# What the labels mean


def test_maps(tmp_path: Path, run: Run) -> None:
    """reduce_zero_label and exact tables; labels that a table does not have are an error."""
    labels = np.array([[0, 1, 4, 2, 255]], np.uint8)
    write(tmp_path / "p.png", np.array([[3, 0, 3, 1, 0]], np.uint8))
    write(tmp_path / "t.png", labels)
    both = (tmp_path / "p.png", tmp_path / "t.png", "--num-classes", 4)
    status, _, err = run(*both, "--ignore-index", 255, classes=False)
    assert status == 1
    assert "do the labels start at 1? --map reduce_zero_label shifts them" in err
    counts = state(tmp_path, run, *both, "--map", "reduce_zero_label", classes=False)
    np.testing.assert_array_equal(np.diag(counts), [1, 1, 0, 1, 0])
    assert counts[-1].sum() == 2
    table = tmp_path / "map.json"
    table.write_text('{"0": 3, "1": 0, "4": -7, "2": 1, "255": 300000}')
    mapped = (*both, "--map", table)
    ignored = ("--ignore-index", -7, "--ignore-index", 300000)
    counts = state(tmp_path, run, *mapped, *ignored, classes=False)
    np.testing.assert_array_equal(np.diag(counts), [1, 1, 0, 1, 0])
    assert counts[-1].sum() == 2
    table.write_text('{"0": 3, "1": 0, "2": 1}')
    status, _, err = run(*mapped, classes=False)
    assert status == 1
    assert "2 of 5 labels are not in the map" in err
    assert "4 (1 times), 255 (1 times), first at [0, 2]" in err
    table.write_text('{"0": 0, "1": 1, "3": 2}')
    write(tmp_path / "t.png", np.array([[0, 0, 0, 1, 0]], np.uint8))
    counts = state(tmp_path, run, *mapped, "--map-to", "preds", classes=False)
    assert counts[0, 2] == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1]", "must hold an object"),
        ("{}", "the map is empty"),
        ('{"a": 1}', "'a' is no label"),
        ('{"1": 1.5}', "1.5 is no label"),
        ('{"1": true}', "True is no label"),
        ('{"1": 1, "1": 2}', "'1' is there twice"),
        ('{"1": 1, "01": 2}', "label 1 is there twice"),
        ("{", "map.json: "),
        ("[" * 100000, "map.json: "),
        ("\udcff", "no UTF-8 text"),
    ],
)
def test_maps_that_are_none(data: Path, run: Run, text: str, says: str) -> None:
    """A map is an object of integers, each label once."""
    path = data / "map.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    status, _, err = run(data / "preds", data / "gt", "--map", path)
    assert status == 2
    assert says in err


def test_groups(data: Path, run: Run) -> None:
    """Categories by class number or name, whatever joins its words."""
    names, groups = data / "names.txt", data / "groups.json"
    names.write_text("road\ntraffic_sign\nsky\ncar\n\n")
    groups.write_text('{"flat": [0], "signs": ["Traffic Sign"], "rest": ["sky", 3]}')
    both = (data / "preds", data / "gt", "--groups", groups, "--json", data / "x.json")
    assert run(*both, "--class-names", names)[0] == 0
    assert list(report(data / "x.json")["categories"]) == ["flat", "signs", "rest"]
    assert "no class is called 'Traffic Sign'" in run(*both)[2]
    groups.write_text('{"flat": "road"}')
    assert "must be a list of classes" in run(*both)[2]
    status, _, err = run(data / "preds", data / "gt", "--groups", "cityscapes")
    assert status == 2
    assert "no class is called 'road'" in err


def test_invalid_predictions(data: Path, run: Run) -> None:
    """Misses by default and said to be so, left out or an error on demand."""
    preds = maps(4)[0]
    preds[10] = 77
    write(data / "preds/c.png", preds)
    both = (data / "preds", data / "gt")
    status, out, _ = run(*both)
    assert status == 0
    assert "32 predictions of no class" in out
    assert "77 (32 times)" in out
    assert "left out: 77" in run(*both, "--invalid-preds", "drop")[1]
    status, _, err = run(*both, "--invalid-preds", "raise")
    assert status == 1
    assert f"{data / 'preds/c.png'}: preds have 32 of 768 values outside 0..3" in err


def test_void_has_to_be_named(data: Path, run: Run) -> None:
    """The commonest mistake of all gets its cure."""
    status, out, err = run(data / "preds", data / "gt", "--num-classes", 4, classes=False)
    assert (status, out) == (1, "")
    assert f"{data / 'gt/a/1.png'}: target has 64 of 768 values outside 0..3: 255" in err
    assert "pass --ignore-index 255" in err
    assert "5 of 5 pairs failed, so there are no scores" in err


def test_many_failures_do_not_flood_the_terminal(data: Path, run: Run) -> None:
    """Twenty are printed, all are in the JSON."""
    for i in range(30):
        (data / f"preds/x{i}.png").write_bytes(b"")
        write(data / f"gt/x{i}.png", maps(0)[1])
    status, _, err = run(data / "preds", data / "gt", "--json", data / "x.json")
    assert status == 1
    assert err.count("it is empty") == 20
    assert "and 10 more failed; --json FILE has all" in err
    assert len(report(data / "x.json")["failed"]) == 30


# Mistakes before any file is read


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["preds", "gt"], "how many classes are there? Give --num-classes N or --palette NAME"),
        (["preds", "gt", "--palette", "vocc"], "no palette named 'vocc'"),
        (["preds", "gt", "--palette", "voc", "--num-classes", "4"], "--palette says 21"),
        (["preds", "gt", "--num-classes", "0"], "must be at least 1"),
        (["nowhere", "gt", "--num-classes", "4"], "nowhere: No such file"),
        (["empty", "gt", "--num-classes", "4"], "PREDS: empty holds no .png"),
        (["preds", "texts", "--num-classes", "4"], "texts holds no .png, .tif, .tiff, .npy file, "
         "but 2 of .jpg, .md"),
        (["preds", "other", "--num-classes", "4"], "no prediction has the name of a target"),
        (["preds", "preds", "--num-classes", "4"], "is prediction and target at once"),
        (["preds", "gt", "--num-classes", "4", "--map", "cityscape"], "--map takes cityscapes,"),
        (["preds", "gt", "--num-classes", "4", "--map", "no.json"], "no.json: No such file"),
        (["preds", "gt", "--num-classes", "4", "--groups", "x"], "--groups takes cityscapes"),
        (["preds", "gt", "--class-names", "bad.txt"], "line 2 is empty"),
        (["preds", "gt", "--num-classes", "4", "--json", "no/x.json"], "there is no folder no"),
        (["preds", "gt", "--num-classes", "4", "--json", "gt"], "--json gt is a folder"),
        (["preds", "gt", "--num-classes", "4", "--json", "x", "--csv", "./x"], "the same file"),
        (["preds/c.png", "gt/c.png", "--num-classes", "4", "--csv", "gt/c.png"], "overwrite"),
        (["preds", "gt", "--num-classes", "4", "--images", "preds"], "--html FILE"),
        (["preds", "gt", "--num-classes", "4", "--dialect", "mmsg"], "invalid choice: 'mmsg'"),
        (["preds", "gt", "--num-classes", "4", "--jobs", "x"], "invalid integer value: 'x'"),
        (["preds"], "TARGETS"),
    ],
)  # fmt: skip
def test_mistakes(
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    """Each is one line on stderr and status 2, before anything is counted or written."""
    monkeypatch.chdir(data)
    (data / "empty").mkdir()
    (data / "texts").mkdir()
    for name in ("a.jpg", "b.md"):
        (data / "texts" / name).write_text("")
    write(data / "other/q.png", maps(0)[1])
    (data / "bad.txt").write_text("a\n\nb\n")
    before = sorted(data.rglob("*"))
    assert main(["evaluate", *arguments]) == 2
    out, err = capsys.readouterr()
    assert says in err
    assert not out
    assert sorted(data.rglob("*")) == before


def test_a_file_that_cannot_be_written_costs_no_other(data: Path, run: Run) -> None:
    """The other files and the report are still made; the status is 2."""
    locked = data / "locked"
    locked.mkdir()
    (locked / "x.csv").mkdir()
    target = locked / "x.csv" / "y"
    files = ("--csv", target, "--json", data / "x.json")
    before = os.replace

    def broken(source: Any, place: Any) -> None:
        if Path(place) == target:
            raise OSError(28, "No space left on device", str(source))
        before(source, place)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.replace", broken)
        status, out, err = run(data / "preds", data / "gt", *files)
    assert status == 2
    assert f"{target}: No space left on device" in err
    assert "mIoU" in out
    assert report(data / "x.json")["complete"] is True
    assert not list(target.parent.iterdir())
