"""The four reports of the command line, of one photograph, its labels, and names that hurt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_files import write_labels

import segpost
from segpost.cli import main

IGNORED = 255
EPOCH = 1_790_000_000  # 2026-09-21 14:13:20 UTC
ABSENT = ('<img src=x onerror="alert(1)">', "R&D 'quoted' \"twice\"")  # classes without a pixel
TILE = (140, 160)  # of the photograph, in pixels
BAD_NAME = "a&b <i>'x'\".png"


def tiles(image: np.ndarray) -> dict[str, np.ndarray]:
    """Parts of an image by the names of their files; one name is as bad as a file system allows."""
    height, width = TILE
    parts = {
        f"{y}{x}.png": image[y * height : (y + 1) * height, x * width : (x + 1) * width]
        for y in range(3)
        for x in range(4)
    }
    return {BAD_NAME if name == "11.png" else name: part for name, part in parts.items()}


def write_inputs(folder: Path, scene: Any) -> None:
    """Write photographs, targets, and the predictions of two networks; names of the classes."""
    size = scene.image.shape[:2]
    target = segpost.argmax(scene.logits, size=size)
    names = [*(scene.palette.names or ()), *ABSENT]
    (folder / "names.txt").write_text("\n".join(names) + "\n")
    coarse = scene.logits[:, ::3, ::3]
    of_runs = {
        "main": segpost.argmax(coarse, size=size),
        "branch": np.roll(segpost.argmax(scene.logits[:, ::2, ::2], size=size), 3, axis=1),
    }
    target[:8] = IGNORED
    of_runs["main"][60:70, 300:330] = 99  # no class
    for place, labels in {"gt": target, "photos": scene.image, **of_runs}.items():
        for name, part in tiles(labels).items():
            write_labels(folder / place / name, np.ascontiguousarray(part))
    np.save(folder / "logits.npy", scene.logits)
    write_labels(folder / "target.png", target)
    write_labels(folder / "photo.png", scene.image)
    write_labels(folder / "labels.png", of_runs["branch"])


def make_pages(folder: Path, scene: Any) -> dict[str, Path]:
    """Run the four commands in a folder, and return their pages."""
    write_inputs(folder, scene)
    classes = ["--class-names", "names.txt", "--ignore-index", str(IGNORED)]
    measures = ["--measure", "boundary,surface-distance", "--surface-tolerance", "2"]
    commands = [
        ["demo", "--out", "demo"],
        ["evaluate", "branch", "gt", *classes, "--state", "branch.json", "--quiet"],
        ["evaluate", "main", "gt", *classes, "--state", "main.json", "--quiet", *measures,
         "--html", "evaluate.html", "--images", "photos", "--worst", "3", "--compare"],
        ["diagnose", "--labels", "labels.png", "--target", "target.png", "--image", "photo.png",
         "--class-names", "names.txt", "--ignore-index", str(IGNORED), "--report",
         "diagnose.html", "--quiet"],
        ["compare", "main.json", "branch.json", "--html", "compare.html", "--quiet",
         "--samples", "50", "--preds", "main", "--preds", "branch", "--targets", "gt",
         "--images", "photos", "--shown", "2"],
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SOURCE_DATE_EPOCH", str(EPOCH))
        patch.setattr("segpost.cli.demo.scene.load", lambda: scene)
        for rounds in ("ROUNDS", "SLOW_ROUNDS"):
            patch.setattr(f"segpost.cli.demo.timing.{rounds}", 1)
        for command in commands:
            assert main(command) in (0, 1), json.dumps(command)
    pages = {name: folder / f"{name}.html" for name in ("evaluate", "diagnose", "compare")}
    return {"demo": folder / "demo" / "report.html", **pages}
