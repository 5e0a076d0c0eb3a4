"""Files for the tests of `segpost evaluate`, the command itself, and what it writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segpost import ConfusionMatrix
from segpost.cli import main

Image = pytest.importorskip("PIL.Image")

SIZE = (24, 32)
CLASSES = ("--num-classes", "4", "--ignore-index", "255")  # of `label_pair`


class Evaluate:
    """The command `segpost evaluate`, with arguments that every run gets.

    Called with further arguments, it returns the status, standard output and standard error.
    """

    def __init__(self, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...] = ()) -> None:
        self.capsys = capsys
        self.arguments = arguments

    def __call__(self, *arguments: object, classes: bool = True) -> tuple[int, str, str]:
        """Run the command; without `classes` the common arguments are left out."""
        status = main(["evaluate", *map(str, arguments), *(self.arguments if classes else ())])
        out, err = self.capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    def state(self, folder: Path, *arguments: object, classes: bool = True) -> Any:
        """Run a command that must succeed, and return the state of its confusion matrix."""
        file = folder / "state-of-the-test.json"
        status, _, err = self(*arguments, "--state", file, "--quiet", classes=classes)
        assert (status, err) == (0, "")
        return ConfusionMatrix.from_json(file.read_text()).state


def write_labels(path: Path, labels: np.ndarray, palette: bool = False) -> Path:
    """Write a label map as PNG, TIFF or .npy, and make its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, labels)
        return path
    image = Image.fromarray(labels)
    if palette:
        image.putpalette(np.random.default_rng(0).integers(0, 256, 768).astype(np.uint8).tobytes())
    image.save(path)
    return path


def label_pair(seed: int, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Return a prediction and its target, in which some pixels are ignored."""
    random = np.random.default_rng(seed)
    target = np.repeat(np.repeat(random.integers(0, classes, (6, 8)), 4, 0), 4, 1).astype(np.uint8)
    preds = np.where(random.random(SIZE) < 0.2, random.integers(0, classes, SIZE), target)
    target[:2] = 255
    return preds.astype(np.uint8), target


def instance_map(target: np.ndarray) -> np.ndarray:
    """Return ids of blocks of one class, as 16 bits; 0 where the class is 0 or ignored."""
    blocks = np.arange(48).reshape(6, 8).repeat(4, 0).repeat(4, 1)
    return np.where((target > 0) & (target < 255), 300 + blocks, 0).astype(np.uint16)


def write_pairs(folder: Path) -> Path:
    """Write five pairs, with seeds 0 to 4, into folders below ``preds`` and ``gt``."""
    for seed, name in enumerate(("a/1", "a/2", "b/1", "b/2", "c")):
        preds, target = label_pair(seed)
        write_labels(folder / "preds" / f"{name}.png", preds, palette=True)
        write_labels(folder / "gt" / f"{name}.png", target)
    return folder


def pass_folders(folder: Path) -> list[str]:
    """Return the arguments that say where predictions and targets are."""
    return [str(folder / "preds"), str(folder / "gt")]


def write_counted_pairs(folder: Path, images: int, options: tuple[str, ...]) -> Path:
    """Write pairs, and the state that the command counts of them into ``evaluate.json``."""
    for k in range(images):
        preds, target = label_pair(k)
        write_labels(folder / f"preds/i{k:03d}.png", preds)
        write_labels(folder / f"gt/i{k:03d}.png", target)
    state = ["--state", str(folder / "evaluate.json"), "--quiet"]
    assert main(["evaluate", *pass_folders(folder), *options, *state]) == 0
    return folder


def expected_matrix(*seeds: int, **options: Any) -> ConfusionMatrix:
    """Return what the API counts of the label pairs of these seeds."""
    cm = ConfusionMatrix(4, ignore_index=255, **options)
    for seed in seeds:
        preds, target = label_pair(seed)
        cm.update(preds=preds, target=target)
    return cm


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON of a file."""
    content: dict[str, Any] = json.loads(path.read_text())
    return content
