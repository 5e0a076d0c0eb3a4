"""Inputs that change after they were counted, or are named as outputs; images that fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from evaluation_files import label_pair, write_labels

import segpost
from segpost.cli import main

OPTIONS = ("--num-classes", "4", "--ignore-index", "255")
WINDOWS = ("--windows", "w.json", "--size", "4", "4")


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A folder with three predictions and targets, written an hour ago."""
    for k in range(3):
        preds, target = label_pair(k)
        for name, labels in (("preds", preds), ("gt", target)):
            write_labels(tmp_path / f"{name}/i{k}.png", labels)
    for path in tmp_path.glob("*/*"):
        os.utime(path, ns=(0, path.stat().st_mtime_ns - 3600 * 10**9))
    return tmp_path


def evaluate(folder: Path, *more: str) -> int:
    """The exit status of `segpost evaluate` with a run."""
    places = (str(folder / "preds"), str(folder / "gt"))
    return main(["evaluate", *places, *OPTIONS, "--run", str(folder / "run"), "--quiet", *more])


def miou(path: Path) -> float:
    """The mean IoU of a state."""
    value: float = segpost.ConfusionMatrix.from_json(path.read_text()).compute().miou
    return value


def test_changed_arrays_of_one_size(tmp_path: Path) -> None:
    """Arrays keep their size when values change: the state is that of the new values."""
    target = np.array([[0, 1], [2, 3]], np.uint8)
    for name, labels in (("preds", np.zeros_like(target)), ("gt", target)):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "a.npy", labels)
        os.utime(tmp_path / name / "a.npy", ns=(0, 0))
    assert evaluate(tmp_path, "--state", str(tmp_path / "a.json")) == 0
    shard = next((tmp_path / "run/shards").glob("*"))
    counted = shard.stat().st_mtime_ns
    np.save(tmp_path / "preds/a.npy", target)
    os.utime(tmp_path / "preds/a.npy", ns=(0, counted + 1))
    plan = segpost.evaluation.Plan.read(tmp_path / "run")
    assert plan.has_changed(0, plan.roots())
    assert evaluate(tmp_path, "--state", str(tmp_path / "b.json")) == 0
    assert (miou(tmp_path / "a.json"), miou(tmp_path / "b.json")) == (0.0625, 1.0)
    os.utime(shard, ns=(0, counted + 2))
    assert not plan.has_changed(0, plan.roots())
    assert segpost.count_shard(tmp_path / "run", 0).was_there


def test_a_failed_image_is_failed_at_every_count(
    pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit status of `count` is 1 as long as an image has failed, and the cure works."""
    run = str(pairs / "run")
    places = (str(pairs / "preds"), str(pairs / "gt"))
    assert main(["plan", *places, *OPTIONS, "--run", run]) == 0
    image = pairs / "preds/i1.png"
    content, times = image.read_bytes(), image.stat()
    image.write_bytes(b"x" * len(content))
    os.utime(image, ns=(0, times.st_mtime_ns))
    for _ in range(2):
        assert main(["count", run, "--quiet"]) == 1
        assert f"segpost count {run} --failed" in capsys.readouterr().err
    image.write_bytes(content)
    assert main(["count", run, "--failed", "--quiet"]) == 0
    assert main(["count", run, "--quiet"]) == 0


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "preds", "gt", *OPTIONS, "--json", "preds/i1.png"),
        ("evaluate", "preds", "gt", *OPTIONS, "--csv", "gt/i1.png"),
        ("evaluate", "preds", "gt", "--class-names", "names.txt", "--csv", "names.txt"),
        ("merge", "run", "--json", "run/plan.jsonl"),
        ("merge", "run", "--csv", "link.jsonl"),
        ("raster", "logits.zarr", *WINDOWS, "--out", "logits.zarr/a.tif"),
        ("raster", "logits", *WINDOWS, "--out", "logits/0.npy"),
        ("raster", "logits", *WINDOWS, "--out", "w.json"),
        ("compare-checkpoints", "a.pt", "b.pt", "--json", "a.pt"),
        ("compare-checkpoints", "a.pt", "b.pt", "--markdown", "b.pt"),
        ("fingerprint", "logits/0.npy", "--save", "logits/0.npy"),
        ("diagnose", "--logits", "logits/0.npy", "--json", "logits/0.npy"),
    ],
)
def test_no_output_replaces_an_input(
    words: tuple[str, ...],
    pairs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A command whose output is one of its inputs ends before it writes."""
    monkeypatch.chdir(pairs)
    assert evaluate(pairs) == 0
    (pairs / "link.jsonl").symlink_to(pairs / "run/plan.jsonl")
    (pairs / "logits").mkdir()
    np.save(pairs / "logits/0.npy", np.zeros((2, 4, 4), np.float32))
    (pairs / "logits.zarr").mkdir()
    for name in ("names.txt", "w.json", "a.pt", "b.pt", "logits.zarr/zarr.json"):
        (pairs / name).write_text("a\nb\nc\nd\n")
    before = {path: path.read_bytes() for path in pairs.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert main(list(words)) == 2
    assert "would overwrite an input" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in pairs.rglob("*") if path.is_file()} == before


def test_scores_beside_the_predictions_are_written_again(pairs: Path) -> None:
    """A report in the folder of the predictions is no input, and is replaced."""
    for _ in range(2):
        assert evaluate(pairs, "--json", str(pairs / "preds/scores.json")) == 0


def test_a_closed_standard_error_stops_nothing(pairs: Path) -> None:
    """Commands that print progress do their work where there is no standard error."""
    program = "import os, sys; os.close(2); sys.stderr = None; from segpost.cli import main; "
    program += "sys.exit(main(sys.argv[1:]))"
    places = (str(pairs / "preds"), str(pairs / "gt"))
    words = ("evaluate", *places, *OPTIONS, "--json", str(pairs / "out.json"))
    done = subprocess.run([sys.executable, "-c", program, *words], check=False)
    assert done.returncode == 0
    assert (pairs / "out.json").is_file()


def test_a_shards_folder_is_made_again(pairs: Path) -> None:
    """Stores of objects keep no empty folder: `count` makes it."""
    run = pairs / "run"
    places = (str(pairs / "preds"), str(pairs / "gt"))
    assert main(["plan", *places, *OPTIONS, "--run", str(run)]) == 0
    (run / "shards").rmdir()
    assert main(["count", str(run), "--quiet"]) == 0


def test_an_empty_path_is_refused(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A variable of the shell that is not set does not mean the working folder."""
    assert evaluate(pairs, "--json", "") == 2
    assert "it is empty" in capsys.readouterr().err
