"""Segpost run of volumes: nnU-Net's files, sizes, affines, and what is drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from volume_files import AFFINE, SIZE, label_volume, logit_volume, nibabel, write_volume

import segpost
from segpost.cli import main

pytest.importorskip("PIL.Image")

LARGE = (9, 12, 20)


@pytest.fixture
def cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Logits of the same values as .npy, .npz and NIfTI, and the images of two of them."""
    monkeypatch.chdir(tmp_path)
    logits = logit_volume()
    folder = tmp_path / "logits"
    folder.mkdir()
    np.save(folder / "case_0001.npy", logits)
    np.savez(folder / "case_0002.npz", probabilities=probabilities())
    write_volume(folder / "case_0003.nii.gz", logits)
    image = np.zeros(SIZE, np.int16)
    for k in (1, 2, 3):
        for channel in ("_0000", "_0001"):
            write_volume(tmp_path / "imagesTs" / f"case_{k:04}{channel}.nii.gz", image)
    return folder


def probabilities() -> np.ndarray:
    """The softmax of the logits, in float32."""
    values = np.exp(logit_volume())
    return np.asarray(values / values.sum(0))


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """Run the command with --volume into the folder out; return the status and the errors."""
    status = main(["run", *map(str, words), "--volume", "--out", "out"])
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return status, error


def read(name: str) -> np.ndarray:
    """The array of an output."""
    path = Path("out") / name
    if path.suffix == ".npy":
        return np.asarray(np.load(path))
    image = nibabel.load(path)
    np.testing.assert_array_equal(image.affine, AFFINE)
    return np.asarray(image.dataobj).T


def test_a_folder_with_the_images_of_its_cases(
    cases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All formats have the same labels; confidence is that of the probabilities."""
    words = (cases, "--like", "imagesTs", "--want", "labels,confidence")
    status, error = run(capsys, *words)
    assert (status, error) == (0, "")
    assert sorted(path.name for path in Path("out").glob("[!.]*")) == [
        f"case_{k:04}.{what}.nii.gz" for k in (1, 2, 3) for what in ("confidence", "labels")
    ]
    for k in (1, 2, 3):
        np.testing.assert_array_equal(read(f"case_{k:04}.labels.nii.gz"), logit_volume().argmax(0))
        confidence = read(f"case_{k:04}.confidence.nii.gz")
        np.testing.assert_allclose(confidence, probabilities().max(0), atol=2e-6)
    assert run(capsys, *words, "--resume") == (0, "")


def test_without_like_the_outputs_are_arrays(
    cases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size = ("--size", *LARGE)
    assert run(capsys, *size, cases / "case_0001.npy", "--nearest-axis", "0") == (0, "")
    expected = segpost.argmax(logit_volume(), size=LARGE, nearest_axis=0)
    np.testing.assert_array_equal(read("case_0001.labels.npy"), expected)


def test_the_size_is_that_of_like(cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also of probabilities, whose labels are those of the interpolated values."""
    image = write_volume(cases.parent / "large.nii", np.zeros(LARGE, np.int16))
    for name in ("case_0001.npy", "case_0002.npz"):
        assert run(capsys, cases / name, "--like", image) == (0, "")
    assert nibabel.load("out/case_0001.labels.nii.gz").shape == LARGE[::-1]
    expected = segpost.argmax(probabilities(), size=LARGE)
    np.testing.assert_array_equal(read("case_0002.labels.nii.gz"), expected)


def test_probabilities_of_other_files(cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a word they are an error where confidence is wanted, which says how to go on."""
    np.save(cases / "p.npy", probabilities())
    words = (cases / "p.npy", "--want", "confidence")
    status, error = run(capsys, *words)
    assert status == 1
    assert "they are probabilities already" in error
    assert "pass --probabilities" in error
    assert run(capsys, *words, "--probabilities", "--overwrite") == (0, "")
    np.testing.assert_array_equal(read("p.confidence.npy"), probabilities().max(0))


@pytest.mark.parametrize("kind", ["html", "gif"])
def test_the_overlay(cases: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    like = Path("imagesTs") / "case_0001_0000.nii.gz"
    Path("names.txt").write_text("background\nliver\ntumor\ncyst\n")
    words = (
        "--like",
        like,
        "--want",
        "overlay",
        "--overlay-as",
        kind,
        "--class-names",
        "names.txt",
    )
    assert run(capsys, cases / "case_0001.npy", *words) == (0, "")
    (path,) = Path("out").glob("[!.]*")
    assert path.name == f"case_0001.overlay.{kind}"
    if kind == "html":
        text = path.read_text()
        assert "<h1>case_0001</h1>" in text
        assert "</svg>liver <span" in text


@pytest.mark.filterwarnings("default::segpost.InputWarning")
def test_sizes_in_the_order_of_nibabel(cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The warning has the words of the command line; what it prints gives no warning."""
    np.save(cases / "a.npy", np.random.default_rng(0).normal(size=(3, 8, 12, 16)))
    status, error = run(capsys, cases / "a.npy", "--size", 32, 24, 16)
    assert status == 0
    assert "in the order x, y, z it has one" in error
    assert "pass --size 16 24 32" in error
    assert run(capsys, cases / "a.npy", "--size", 16, 24, 32, "--overwrite") == (0, "")


MISTAKES: list[tuple[tuple[object, ...], str]] = [
    (("logits/case_0001.npy", "--size", "4", "4"), "--size takes D H W with --volume, got 4 4"),
    (("logits/case_0001.npy", "--size", "4"), "takes H W, of volumes D H W, got 4"),
    (("logits/case_0001.npy", "--axis", "-3"), "--axis -3 is of images"),
    (("logits/case_0001.npy", "--image", "x.png"), "--like IMAGE.nii.gz is the image of a volume"),
    (("logits/case_0001.npy", "--palette", "voc"), "--palette is for --want overlay"),
    (("logits/case_0001.npy", "--want", "color"), "--want color is for images"),
    (("logits/case_0001.npy", "--alpha", "0.4"), "--alpha is for images"),
    (("logits/case_0001.npy", "--like", "none.nii"), "No such file"),
    (("logits/case_0001.npy", "--like", "logits/case_0002.npz"), "it is no NIfTI file"),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES)
def test_mistakes_in_the_command(
    cases: Path, capsys: pytest.CaptureFixture[str], words: tuple[object, ...], message: str
) -> None:
    """They stop it before anything is written."""
    try:
        status, error = run(capsys, *words)
    except SystemExit as stop:
        status, error = int(str(stop.code)), capsys.readouterr().err
    assert status == 2
    assert message in error
    assert not Path("out").exists()


def test_inputs_that_do_not_fit(cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each fails with both values, and nothing is written of it."""
    like = Path("imagesTs") / "case_0001_0000.nii.gz"
    logits = logit_volume()
    nan = logits.copy()
    nan[1, 2, 3, 4] = np.nan
    arrays: dict[str, tuple[Any, str]] = {
        "last": (np.moveaxis(logits, 0, -1), "the classes are on the other end, pass --axis -1"),
        "turned": (logits.transpose(0, 3, 2, 1), "save logits.transpose(0, 3, 2, 1)"),
        "nan": (nan, "NaN"),
        "labels": (label_volume(), "takes one volume (C, D, H, W)"),
        "three": (logits[:, None], "save each of its 4 volumes"),
    }
    for name, (array, message) in arrays.items():
        np.save(f"{name}.npy", array)
        status, error = run(capsys, f"{name}.npy", "--like", like)
        assert (status, message in error) == (1, True), error
    status, error = run(
        capsys, cases / "case_0001.npy", "--like", like, "--size", "5", "6", "9", "--overwrite"
    )
    assert (status, "--size is 5 x 6 x 9, and --like" in error) == (1, True)
    status, error = run(capsys, cases / "case_0001.npy", "--like", "logits", "--overwrite")
    assert (status, "should be called 'case_0001' or 'case_0001_0000', found none" in error) == (
        *(1, True),
    )
    assert not list(Path("out").glob("[!.]*"))
    np.testing.assert_array_equal(np.load("last.npy").shape, (*SIZE, 4))
    assert run(capsys, "last.npy", "--like", like, "--axis", "-1", "--overwrite") == (0, "")


@pytest.mark.filterwarnings("default::segpost.InputWarning")
def test_the_nearest_sample_along_the_finest_axis_is_a_warning(
    cases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    like = Path("imagesTs") / "case_0001_0000.nii.gz"
    words = (cases / "case_0001.npy", "--like", like, "--overwrite")
    status, error = run(capsys, *words, "--nearest-axis", "2")
    assert status == 0
    assert "--nearest-axis 2 takes the nearest sample along the axis with the finest" in error
    assert "3 x 1.5 x 1.25 mm (D x H x W). It is meant for the coarsest: --nearest-axis 0" in error
    assert run(capsys, *words, "--nearest-axis", "0") == (0, "")


def test_what_is_for_volumes_needs_the_word(
    cases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, message in (
        (["--like", "x.nii"], "--like is for volumes: pass --volume"),
        (["--class-names", "x.txt"], "--class-names is for volumes"),
        (["--nearest-axis", "0"], "--nearest-axis is for volumes"),
        (["--probabilities"], "--probabilities is for volumes"),
        (["--size", "4", "4", "4"], "--size takes H W; D H W with --volume"),
    ):
        assert main(["run", "logits/case_0001.npy", "--out", "out", *words]) == 2
        assert message in capsys.readouterr().err
    assert main(["run", "logits/case_0003.nii.gz", "--out", "out"]) == 2
    assert "pass --volume if it is a volume" in capsys.readouterr().err


def test_labels_beside_the_probabilities(cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As nnU-Net saves both: the printed option chooses one of them."""
    write_volume(cases / "case_0002.nii.gz", label_volume())
    status, error = run(capsys, cases)
    assert status == 2
    assert "case_0002.nii.gz" in error
    assert "case_0002.npz" in error
    assert "choose by --glob" in error
    assert run(capsys, cases, "--glob", "*.npz") == (0, "")


def test_from_probabilities_to_scores(cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What run writes, evaluate reads: the names of the classes are those of dataset.json."""
    for k in (1, 2, 3):
        write_volume(
            Path("labelsTs") / f"case_{k:04}.nii.gz", logit_volume().argmax(0).astype("u1")
        )
    names = {"background": 0, "liver": 1, "tumor": 2, "cyst": 3}
    Path("dataset.json").write_text(json.dumps({"labels": names}))
    assert run(capsys, cases, "--like", "imagesTs", "--want", "labels")[0] == 0
    words = ["--pred-suffix", ".labels", "--class-names", "dataset.json", "--json", "scores.json"]
    assert main(["evaluate", "out", "labelsTs", *words]) == 0
    scores = json.loads(Path("scores.json").read_text())
    assert (scores["counted"], scores["summary"]["miou"]) == (3, 1.0)
