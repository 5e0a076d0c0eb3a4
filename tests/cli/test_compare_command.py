"""`segpost compare`: saved states, outputs, gates and the page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from evaluation_files import CLASSES, label_pair, write_labels, write_pairs

from segpost import ConfusionMatrix, compare
from segpost.cli import main

pytest.importorskip("PIL.Image")


@pytest.fixture
def data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Path:
    """Three runs of five pairs: the first, one with a worse image, and one without an image."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.chdir(write_pairs(tmp_path))
    for name, change in (("main", None), ("branch", "b/1"), ("last", "c")):
        if change is not None:
            write_labels(Path(name) / "preds" / f"{change}.png", label_pair(9)[0])
        for seed, id_ in enumerate(("a/1", "a/2", "b/1", "b/2", "c")):
            path = Path(name) / "preds" / f"{id_}.png"
            if not path.exists():
                write_labels(path, label_pair(seed)[0])
        command = ["evaluate", f"{name}/preds", "gt", "--state", f"{name}.state.json", "--quiet"]
        assert main([*command, *CLASSES]) == 0
    capsys.readouterr()
    return tmp_path


def test_outputs_are_those_of_the_api(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The report, JSON, CSV, Markdown and LaTeX of two comparisons with one baseline."""
    files = ["--json", "x.json", "--csv", "x.csv", "--markdown", "x.md", "--latex", "x.tex"]
    runs = [f"{name}.state.json" for name in ("main", "branch", "last")]
    assert main(["compare", *runs, *files, "--samples", "200", "--seed", "7"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    a, b, _ = (ConfusionMatrix.from_json(Path(name).read_text()) for name in runs)
    expected = compare(a, b, names=("main", "branch"), samples=200, seed=7)
    assert out.startswith(expected.to_text())
    content = json.loads(Path("x.json").read_text())
    assert content["segpost"] == "RunComparisons"
    first, second = content["comparisons"]
    assert first == json.loads(expected.to_json())
    assert (second["a"], second["b"]) == ("main", "last")
    assert Path("x.csv").read_text().count("main,last") == 9
    assert expected.to_markdown() in Path("x.md").read_text()
    assert expected.to_latex() in Path("x.tex").read_text()


def test_gates(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A drop from the first run, in any of the others, is status 3."""
    command = ["compare", "main.state.json", "branch.state.json", "--samples", "10", "--quiet"]
    assert main([*command, "--max-drop", "miou=0.5", "--fail-under", "0.1"]) == 0
    assert main([*command, "--max-drop", "0.001", "--junit", "x.xml"]) == 3
    assert "gate missed: --max-drop miou=0.001: miou is" in capsys.readouterr().err
    assert 'failures="1"' in Path("x.xml").read_text()
    assert main(["compare", "main.state.json", "main.state.json"]) == 2
    assert "a run is there twice" in capsys.readouterr().err


def test_page(data: Path) -> None:
    """Tables with intervals, and the images that fell beside each other; nothing is loaded."""
    write_labels(Path("photos/b/1.png"), np.zeros((24, 32, 3), np.uint8))
    assert main(
        ["compare", "main.state.json", "branch.state.json", "--html", "x.html", "--quiet",
         "--samples", "50", "--preds", "main/preds", "--preds", "branch/preds", "--targets", "gt",
         "--images", "photos", "--percent"]
    ) == 0  # fmt: skip
    page = Path("x.html").read_text()
    assert "branch against main" in page
    assert page.count("<strong>b/1</strong>") == 1
    for title in ("image", "target", "main", "branch"):
        assert f">{title}</figcaption>" in page
    assert page.count('class="interval"') == 9
    deltas = page[: page.index("<h2>Images")]
    assert deltas.count('aria-sort="none"><button type="button">') == 10
    assert ">Compare main and branch</button>" in page
    assert not re.search(r"(src|href|srcset)=.(http|/)", page)
    assert str(data) not in page


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--preds", "main/preds", "--html", "x.html"], "--preds DIR is there 1 times for 2 runs"),
        (["--images", "gt"], "--targets and --images are shown beside --preds DIR"),
        (["--preds", "main/preds", "--preds", "branch/preds"], "is for the pictures of --html"),
        (["--json", "main.state.json"], "would overwrite an input"),
        (["--max-drop", "mio=0.1"], "--max-drop: there is no score 'mio'; did you mean 'miou'?"),
        (["--samples", "0"], "must be at least 1"),
    ],
)
def test_mistakes(
    arguments: list[str], sentence: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2 and a sentence; no file is written."""
    assert main(["compare", "main.state.json", "branch.state.json", *arguments]) == 2
    assert sentence in capsys.readouterr().err
    assert not Path("x.html").exists()
