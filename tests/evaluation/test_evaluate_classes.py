"""Classes of `segpost evaluate`: maps of labels, groups, ignored and invalid labels, mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from evaluation_files import CLASSES, Evaluate, label_pair, read_json, write_labels, write_pairs

from segpost.cli import main

pytest.importorskip("PIL.Image")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Five pairs, in folders below two folders."""
    return write_pairs(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Evaluate:
    """The command, with the classes of the pairs."""
    return Evaluate(capsys, CLASSES)


def test_maps(tmp_path: Path, run: Evaluate) -> None:
    """reduce_zero_label and exact tables; labels that a table does not have are an error."""
    labels = np.array([[0, 1, 4, 2, 255]], np.uint8)
    write_labels(tmp_path / "p.png", np.array([[3, 0, 3, 1, 0]], np.uint8))
    write_labels(tmp_path / "t.png", labels)
    both = (tmp_path / "p.png", tmp_path / "t.png", "--num-classes", 4)
    status, _, err = run(*both, "--ignore-index", 255, classes=False)
    assert status == 1
    assert "do the labels start at 1? --map reduce_zero_label shifts them" in err
    counts = run.state(tmp_path, *both, "--map", "reduce_zero_label", classes=False)
    np.testing.assert_array_equal(np.diag(counts), [1, 1, 0, 1, 0])
    assert counts[-1].sum() == 2
    table = tmp_path / "map.json"
    table.write_text('{"0": 3, "1": 0, "4": -7, "2": 1, "255": 300000}')
    mapped = (*both, "--map", table)
    ignored = ("--ignore-index", -7, "--ignore-index", 300000)
    counts = run.state(tmp_path, *mapped, *ignored, classes=False)
    np.testing.assert_array_equal(np.diag(counts), [1, 1, 0, 1, 0])
    assert counts[-1].sum() == 2
    table.write_text('{"0": 3, "1": 0, "2": 1}')
    status, _, err = run(*mapped, classes=False)
    assert status == 1
    assert "2 of 5 labels are not in the map" in err
    assert "4 (1 times), 255 (1 times), first at [0, 2]" in err
    table.write_text('{"0": 0, "1": 1, "3": 2}')
    write_labels(tmp_path / "t.png", np.array([[0, 0, 0, 1, 0]], np.uint8))
    counts = run.state(tmp_path, *mapped, "--map-to", "preds", classes=False)
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
def test_maps_that_are_none(data: Path, run: Evaluate, text: str, says: str) -> None:
    """A map is an object of integers, each label once."""
    path = data / "map.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    status, _, err = run(data / "preds", data / "gt", "--map", path)
    assert status == 2
    assert says in err


def test_groups(data: Path, run: Evaluate) -> None:
    """Categories by class number or name, whatever joins its words."""
    names, groups = data / "names.txt", data / "groups.json"
    names.write_text("road\ntraffic_sign\nsky\ncar\n\n")
    groups.write_text('{"flat": [0], "signs": ["Traffic Sign"], "rest": ["sky", 3]}')
    both = (data / "preds", data / "gt", "--groups", groups, "--json", data / "x.json")
    assert run(*both, "--class-names", names)[0] == 0
    assert list(read_json(data / "x.json")["categories"]) == ["flat", "signs", "rest"]
    assert "no class is called 'Traffic Sign'" in run(*both)[2]
    groups.write_text('{"flat": "road"}')
    assert "must be a list of classes" in run(*both)[2]
    status, _, err = run(data / "preds", data / "gt", "--groups", "cityscapes")
    assert status == 2
    assert "no class is called 'road'" in err


def test_invalid_predictions(data: Path, run: Evaluate) -> None:
    """Misses by default and said to be so, left out or an error on demand."""
    preds = label_pair(4)[0]
    preds[10] = 77
    write_labels(data / "preds/c.png", preds)
    both = (data / "preds", data / "gt")
    status, out, _ = run(*both)
    assert status == 0
    assert "32 predictions of no class" in out
    assert "77 (32 times)" in out
    assert "left out: 77" in run(*both, "--invalid-preds", "drop")[1]
    status, _, err = run(*both, "--invalid-preds", "raise")
    assert status == 1
    assert f"{data / 'preds/c.png'}: preds have 32 of 768 values outside 0..3" in err


def test_void_has_to_be_named(data: Path, run: Evaluate) -> None:
    """The commonest mistake of all gets its cure."""
    status, out, err = run(data / "preds", data / "gt", "--num-classes", 4, classes=False)
    assert (status, out) == (1, "")
    assert f"{data / 'gt/a/1.png'}: target has 64 of 768 values outside 0..3: 255" in err
    assert "pass --ignore-index 255" in err
    assert "5 of 5 pairs failed, so there are no scores" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["preds", "gt"], "how many classes are there? Give --num-classes N or --palette NAME"),
        (["preds", "gt", "--palette", "vocc"], "no palette named 'vocc'"),
        (["preds", "gt", "--palette", "voc", "--num-classes", "4"], "--palette says 21"),
        (["preds", "gt", "--num-classes", "0"], "must be at least 1"),
        (["nowhere", "gt", "--num-classes", "4"], "nowhere: No such file"),
        (["empty", "gt", "--num-classes", "4"], "PREDS: empty holds no .png"),
        (["preds", "texts", "--num-classes", "4"], "texts holds no .png, .tif, .tiff, .npy, .nii, "
         ".nii.gz file, but 2 of .jpg, .md"),
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
    write_labels(data / "other/q.png", label_pair(0)[1])
    (data / "bad.txt").write_text("a\n\nb\n")
    before = sorted(data.rglob("*"))
    assert main(["evaluate", *arguments]) == 2
    out, err = capsys.readouterr()
    assert says in err
    assert not out
    assert sorted(data.rglob("*")) == before
