"""Outputs of `segpost evaluate`: the report, JSON, CSV, Markdown, HTML and the counts."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
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

from segpost import ConfusionMatrix
from segpost.render.html.pictures import photograph_format

pytest.importorskip("PIL.Image")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Five pairs, in folders below two folders."""
    return write_pairs(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Evaluate:
    """The command, with the classes of the pairs."""
    return Evaluate(capsys, CLASSES)


def test_scores_are_those_of_the_api(data: Path, run: Evaluate) -> None:
    """The report, the JSON, the CSV files and the state say what ConfusionMatrix says."""
    files = {
        "--json": "x.json", "--csv": "x.csv", "--per-image": "i.csv", "--markdown": "x.md",
        "--cityscapes-json": "c.json", "--state": "s.json",
    }  # fmt: skip
    options = [str(data / part) if "." in part else part for pair in files.items() for part in pair]
    status, out, err = run(data / "preds", data / "gt", *options)
    assert (status, err) == (0, "")
    scores = expected_matrix(0, 1, 2, 3, 4).compute()
    assert f"{scores.miou:.4f}  mean of 4 of 4 classes" in out
    content = read_json(data / "x.json")
    assert content["summary"]["miou"] == scores.miou
    assert (content["complete"], content["counted"], content["failed"]) == (True, 5, [])
    assert [image["id"] for image in content["images"]] == ["a/1", "a/2", "b/1", "b/2", "c"]
    assert (data / "x.csv").read_bytes().startswith(b"class,name,iou,")
    rows = list(csv.DictReader((data / "i.csv").read_text().splitlines()))
    alone = expected_matrix(2, per_image=True).compute()
    assert rows[2]["id"] == "b/1"
    assert float(rows[2]["miou"]) == alone.miou
    assert int(rows[2]["void_pixels"]) == 64
    assert float(rows[2]["iou_3"]) == float(alone.iou[3])
    assert "### Classes" in (data / "x.md").read_text()
    assert read_json(data / "c.json")["averageScoreClasses"] == scores.miou
    cm = ConfusionMatrix.from_json((data / "s.json").read_text())
    np.testing.assert_array_equal(cm.state, expected_matrix(0, 1, 2, 3, 4).state)
    assert not [path for path in data.iterdir() if path.name.startswith(".")]


def test_bytes_do_not_depend_on_jobs(
    data: Path, run: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread and three write the same files, failures and their order included."""
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
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
        own = f"{jobs}-x.", f"{jobs}-i.", f"{jobs}-s.", f"--jobs {jobs} "  # of the command line
        texts = [path.read_text() for path in places]
        for words in own:
            texts = [text.replace(words, "") for text in texts]
        seen.append((printed, texts))
    assert seen[0] == seen[1]


def test_html_needs_nothing_else(data: Path, run: Evaluate) -> None:
    """One file with the matrix, the classes and the worst images; names cannot become markup."""
    pytest.importorskip("matplotlib")
    names = data / "names.txt"
    names.write_text("sky\n<script>alert(1)</script>\nc & d\ne\n")
    for name in ("a/1", "a/2", "b/1", "c"):
        picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
        write_labels(data / "photos" / f"{name}_leftImg8bit.png", picture)
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
    assert 2 <= page.count(f"data:image/{photograph_format()};base64,") <= 3
    assert "prefers-color-scheme: dark" in page
    assert not re.search(r"(src|href|srcset)=.http", page)
    assert "What other libraries would say" in page


def test_html_says_what_may_be_wrong_with_the_worst(tmp_path: Path, run: Evaluate) -> None:
    """Predictions that lie five pixels beside their target are said to; right ones are not."""
    pytest.importorskip("matplotlib")
    y, x = np.mgrid[:96, :128]
    target = ((x + 20 + 9 * np.sin(y / 9)) // 40).astype(np.uint8)
    for folder, labels in (("gt", target), ("right", target), ("moved", np.roll(target, 5, 1))):
        (tmp_path / folder).mkdir()
        write_labels(tmp_path / folder / "a.png", labels)
    for folder in ("right", "moved"):
        page = tmp_path / f"{folder}.html"
        assert run(tmp_path / folder, tmp_path / "gt", "--html", page, "--quiet")[0] == 0
        found = page.read_text()
        assert ("likely: shifted" in found) == (folder == "moved")
        assert ("labels[..., :, 5:]" in found) == (folder == "moved")


def test_compare_and_dialect(data: Path, run: Evaluate) -> None:
    """A library's score on demand; one that has none is said to have none."""
    status, out, _ = run(data / "preds", data / "gt", "--dialect", "smp", "--compare")
    assert status == 0
    assert "as smp has it" in out
    assert re.search(r"^torchvision +0\.\d{4}", out, re.MULTILINE)
    write_labels(data / "preds/c.png", np.full(SIZE, 9, np.uint8))
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


def test_quiet(data: Path, run: Evaluate) -> None:
    """Nothing is printed where nothing is wrong."""
    assert run(data / "preds", data / "gt", "--quiet") == (0, "", "")


def test_many_failures_do_not_flood_the_terminal(data: Path, run: Evaluate) -> None:
    """Their message is printed once, all are in the JSON."""
    for i in range(30):
        (data / f"preds/x{i}.png").write_bytes(b"")
        write_labels(data / f"gt/x{i}.png", label_pair(0)[1])
    status, _, err = run(data / "preds", data / "gt", "--json", data / "x.json")
    assert status == 1
    assert err.count("it is empty") == 1
    assert "the same of 29 files more as of" in err
    assert "--json FILE names all that failed" in err
    assert len(read_json(data / "x.json")["failed"]) == 30


def test_a_file_that_cannot_be_written_costs_no_other(data: Path, run: Evaluate) -> None:
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
    assert read_json(data / "x.json")["complete"] is True
    assert not list(target.parent.iterdir())
