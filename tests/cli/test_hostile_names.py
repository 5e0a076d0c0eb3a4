"""Names that are commands of a terminal or formulas, and outputs that are no files."""

from __future__ import annotations

import csv
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from evaluation_files import write_labels

import segpost
from segpost.cli import main
from segpost.render.text import escape_csv

pytest.importorskip("PIL.Image")

ESCAPE = "\x1b[2J"
LABELS = np.array([[0, 1, 1, 0]], np.uint8)
NAMES = ["=1+1", "@SUM(1)", "+2", "-2", f"a{ESCAPE}", "[a](javascript:x)", "road"]


@pytest.fixture
def scores() -> segpost.Scores:
    """Scores of classes whose names are formulas, control characters and a link."""
    cm = segpost.ConfusionMatrix(len(NAMES), class_names=NAMES)
    cm.update(np.arange(len(NAMES))[None], np.arange(len(NAMES))[None])
    return cm.compute()


def test_no_cell_of_csv_is_a_formula(scores: segpost.Scores) -> None:
    """Names are texts for every spreadsheet; the numbers stay numbers."""
    rows = list(csv.DictReader(scores.to_csv().splitlines()))
    assert [row["name"] for row in rows] == [
        *(f"'{name}" for name in NAMES[:4]),
        r"a\x1b[2J",
        *NAMES[5:],
    ]
    assert {float(row["iou"]) for row in rows} == {1.0}


def test_a_name_that_is_no_unicode_keeps_its_bytes() -> None:
    """Files of results name what was evaluated."""
    name = os.fsdecode(b"a\xff")
    assert escape_csv(name) == name


def test_markdown_has_no_link(scores: segpost.Scores) -> None:
    """Brackets of names are escaped."""
    assert r"\[a\](javascript:x)" in scores.to_markdown()


def test_file_names_of_the_image_table_are_no_formulas(tmp_path: Path) -> None:
    """The identifiers of images come from file names."""
    for folder in ("preds", "targets"):
        write_labels(tmp_path / folder / "=cmd|calc!A1.png", LABELS)
    command = ["evaluate", str(tmp_path / "preds"), str(tmp_path / "targets"), "--num-classes", "2"]
    table = tmp_path / "images.csv"
    assert main([*command, "--quiet", "--per-image", str(table)]) == 0
    assert [row["id"] for row in csv.DictReader(table.read_text().splitlines())] == [
        "'=cmd|calc!A1"
    ]


@pytest.mark.parametrize("name", [f"a{ESCAPE}\n.npy", f"a{ESCAPE}\n.txt"])
def test_names_are_escaped_on_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Errors of items, of commands and of options, and the last line."""
    out = tmp_path / f"out{ESCAPE}"
    main(["run", str(tmp_path / name), "--out", str(out)])
    main(["diagnose", "--logits", str(tmp_path / name)])
    main(["evaluate", "a", "b", "c" + ESCAPE])
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    assert r"a\x1b[2J" in captured.err
    assert "\n.npy" not in captured.err


@pytest.fixture
def evaluation(tmp_path: Path) -> list[str]:
    """The arguments of an evaluation of one pair."""
    for folder in ("preds", "targets"):
        write_labels(tmp_path / folder / "a.png", LABELS)
    return ["evaluate", str(tmp_path / "preds"), str(tmp_path / "targets"), "--num-classes", "2"]


@pytest.mark.parametrize("kind", ["null", "link", "output"])
def test_a_report_replaces_no_device_or_link(
    tmp_path: Path, evaluation: list[str], capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """A device takes the report, a link stays one, and standard output prints it."""
    path = {"null": Path(os.devnull), "link": tmp_path / "link", "output": Path("/dev/stdout")}[
        kind
    ]
    (tmp_path / "link").symlink_to("report.json")
    assert main([*evaluation, "--json", str(path)]) == 0
    printed = capsys.readouterr().out
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    if kind == "link":
        assert path.is_symlink()
        assert json.loads((tmp_path / "report.json").read_text())["complete"]
    if kind == "output":
        assert json.loads(printed)["complete"]


def test_a_closed_standard_output() -> None:
    """Nothing is printed and nothing is wrong, unless an option asks for it to be printed."""
    for arguments, status, says in (
        (["info"], 0, ""),
        (["evaluate", "a", "b", "--json", "-"], 2, "standard output is closed"),
    ):
        command = " ".join([sys.executable, "-m", "segpost", *arguments])
        result = subprocess.run(["sh", "-c", f"{command} >&-"], stderr=subprocess.PIPE, text=True)
        assert result.returncode == status
        assert says in result.stderr
        assert "Traceback" not in result.stderr
