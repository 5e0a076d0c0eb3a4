"""`segpost run --crf`, and the demo's CRF."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import scene
from crf_cases import problem

import segpost
from segpost.cli import main
from segpost.cli.demo import timing

Image = pytest.importorskip("PIL.Image")

IMAGE = problem(21, 64, 80)[1]
KINDS: Any = ("labels", "color", "overlay")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A network's output and its photograph, and files that no CRF can refine."""
    np.save(tmp_path / "a.npy", scene(21, 8, 10) / 4)
    Image.fromarray(IMAGE).save(tmp_path / "a.png")
    np.save(tmp_path / "head.npy", scene(1, 8, 10))
    np.save(tmp_path / "labels.npy", np.zeros((64, 80), np.uint8))
    np.save(tmp_path / "integers.npy", scene(21, 8, 10).astype(np.int8))
    return tmp_path


def read(path: Path) -> np.ndarray:
    """The pixels of a picture, ids where it is indexed."""
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize("name", ["pydensecrf", "deeplab"])
def test_run_refines(folder: Path, name: Any) -> None:
    """Labels and pictures are those of postprocess with the preset, and others than without."""
    command = ["run", str(folder / "a.npy"), "--image", str(folder / "a.png"), "--palette", "voc"]
    command += ["--want", "labels,color,overlay,confidence", "--out"]
    assert main([*command, str(folder / "plain")]) == 0
    assert main([*command, str(folder / "out"), "--crf", name]) == 0
    seg = segpost.postprocess(
        np.load(folder / "a.npy"),
        size=(64, 80),
        image=IMAGE,
        palette="voc",
        crf=name,
        want=(*KINDS, "confidence"),
    )
    for kind in KINDS:
        got = read(folder / "out" / f"a.{kind}.png")
        np.testing.assert_array_equal(got, getattr(seg, kind))
        assert (got != read(folder / "plain" / f"a.{kind}.png")).any()
    grey = read(folder / "out" / "a.confidence.png").astype(int)
    assert np.abs(grey - seg.confidence * 255).max() <= 1


def test_run_refines_a_batch(folder: Path) -> None:
    """Every image of a batch with its own photograph."""
    np.save(folder / "b.npy", np.stack([scene(4, 8, 10, seed) / 4 for seed in range(2)]))
    photos = folder / "photos"
    photos.mkdir()
    for index in range(2):
        Image.fromarray(IMAGE[:: 1 - 2 * index]).save(photos / f"b-{index}.png")
    out = folder / "out"
    command = ["run", str(folder / "b.npy"), "--image", str(photos), "--crf", "deeplab"]
    assert main([*command, "--batch", "--out", str(out)]) == 0
    images = np.stack([IMAGE, IMAGE[::-1]])
    seg = segpost.postprocess(np.load(folder / "b.npy"), size=(64, 80), image=images, crf="deeplab")
    for index in range(2):
        np.testing.assert_array_equal(read(out / f"b-{index}.labels.png"), seg.labels[index])


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["a.npy", "--crf", "deeplab"], 2, "--crf deeplab follows the edges of a photograph: give"),
        (["a.npy", "--crf", "voc", "--image", "a.png"], 2, "invalid choice: 'voc'"),
        (
            ["head.npy", "--crf", "deeplab", "--image", "a.png", "--threshold", "0.5"],
            *(2, "--threshold is for heads of one: leave one of them out"),
        ),
        (["labels.npy", "--crf", "deeplab", "--image", "a.png"], 1, "labels.npy: it holds labels"),
        (["integers.npy", "--crf", "deeplab", "--image", "a.png"], 1, "--quantization SCALE ZERO"),
        (
            ["a.npy", "--crf", "deeplab", "--image", "a.png", "--size", "32", "40"],
            *(1, "pass --size 64 80"),
        ),
    ],
)
def test_mistakes(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    text: str,
) -> None:
    """Each mistake has its exit code and one line that says what to do."""
    monkeypatch.chdir(folder)
    assert main(["run", *arguments, "--out", "out"]) == code
    message = capsys.readouterr().err
    assert text in message
    assert "Traceback" not in message


def table(crf: segpost.DenseCRF) -> timing.Table:
    """A small CRF's times."""
    return timing.measure_crf(crf, scene(4, 6, 8), problem(4, 24, 30)[1])


def test_times_without_pydensecrf(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rival that is not installed is not in the table, which says so."""
    monkeypatch.setitem(sys.modules, "pydensecrf", None)
    monkeypatch.setitem(sys.modules, "pydensecrf.densecrf", None)
    made = table(segpost.DenseCRF(iterations=2))
    assert [row.name for row in made.rows] == ["segpost"]
    assert "pydensecrf is not installed" in timing.format_table(made)
    assert "full-size logits" not in timing.format_table(made)


def test_times_beside_pydensecrf() -> None:
    """The rival has the same task: next to all labels agree."""
    pytest.importorskip("pydensecrf.densecrf")
    rows = table(segpost.DenseCRF(iterations=2)).rows
    assert [row.name for row in rows] == ["segpost", "pydensecrf"]
    assert rows[1].compared == 24 * 30
    assert rows[1].different <= 0.02 * rows[1].compared


def test_demo_without_a_crf(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    demo_scene: Any,
) -> None:
    """The reference would sum for hours over pairs of pixels: the demo goes without."""
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("segpost.cli.demo.scene.load", lambda: demo_scene)
    with segpost.use_backend("reference"):
        assert main(["demo", "--no-timing", "--out", str(tmp_path)]) == 0
    assert "no CRF: the reference backend" in capsys.readouterr().out
    assert not list(tmp_path.glob("refined.*"))
    assert "Dense CRF" not in (tmp_path / "report.html").read_text()
