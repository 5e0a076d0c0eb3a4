"""`segpost fingerprint` saves, compares and writes the probe image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segpost
from segpost.cli import main

IMAGE = segpost.probe_image((64, 80)).astype(np.float32).transpose(2, 0, 1) / 255


RNG = np.random.default_rng(5)
LOGITS = (RNG.normal(size=(7, 33, 41)) * np.arange(1, 8)[:, None, None]).astype(np.float32)


def test_the_command_saves_and_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit status is 0 where the network is the same, 1 where not, 2 on errors."""
    pytest.importorskip("PIL")
    kept, made = str(tmp_path / "net.json"), str(tmp_path / "diff.json")
    files = {name: str(tmp_path / f"{name}.npy") for name in ("a", "b", "x", "bgr")}
    arrays: tuple[Any, ...] = (LOGITS, LOGITS[::-1], IMAGE, IMAGE[::-1])
    for path, array in zip(files.values(), arrays, strict=True):
        np.save(path, array)
    fed = f"input={files['x']}"
    record = ["--preprocessing", '{"mean": [0, 0, 0]}', "--grid", "half_pixel"]
    assert main(["fingerprint", files["a"], "--save", kept, "--stage", fed, *record]) == 0
    again = ["fingerprint", files["a"], "--compare", kept, "--stage", fed]
    assert main(again) == 0
    assert "the same to the bit" in capsys.readouterr().out
    swapped = f"input={files['bgr']}"
    code = main(["fingerprint", files["b"], "--compare", kept, "--stage", swapped, "--json", made])
    assert code == 1
    assert "certain  channel-order" in capsys.readouterr().out
    assert json.loads(Path(made).read_text())["verdict"] == "changed"
    assert main(["fingerprint", files["a"], "--compare", files["a"]]) == 2
    assert "no fingerprint" in capsys.readouterr().err


def test_the_command_writes_the_probe(tmp_path: Path) -> None:
    """The command writes the probe that the API returns."""
    image = pytest.importorskip("PIL.Image")
    path = tmp_path / "probe.png"
    assert main(["fingerprint", "--probe", str(path), "--size", "40", "50"]) == 0
    with image.open(path) as opened:
        np.testing.assert_array_equal(np.asarray(opened), segpost.probe_image((40, 50)))
    assert main(["fingerprint", "--probe", str(tmp_path / "probe.jpg")]) == 2


@pytest.mark.parametrize(
    "arguments", [[], ["a.npy"], ["--save", "f"], ["a.npy", "--save", "f", "--json", "g"]]
)
def test_an_incomplete_command_says_what_is_missing(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, exit status 2."""
    assert main(["fingerprint", *arguments]) == 2
    assert capsys.readouterr().err.startswith("segpost: error: ")


def test_precision_and_convention_are_options(tmp_path: Path) -> None:
    """The command reads the output of a runtime, and is told what the network computes in."""
    rng = np.random.default_rng(7)
    logits = rng.normal(size=(20, 24, 5)).astype(np.float32)
    near = logits + np.float32(0.02) * rng.normal(size=logits.shape).astype(np.float32)
    for name, array in (("before", logits), ("after", near)):
        np.save(tmp_path / f"{name}.npy", array)
    kept = str(tmp_path / "net.json")
    common = ["--convention", "keras-hub"]
    before, after = str(tmp_path / "before.npy"), str(tmp_path / "after.npy")
    assert main(["fingerprint", before, *common, "--save", kept]) == 0
    assert main(["fingerprint", after, *common, "--compare", kept]) == 1
    command = ["fingerprint", after, *common, "--compare", kept, "--precision", "bfloat16"]
    assert main(command) == 0
