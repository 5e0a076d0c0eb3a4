"""Files for the tests of `segpost evaluate`, and what it writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image")

SIZE = (24, 32)


def write(path: Path, labels: np.ndarray, palette: bool = False) -> Path:
    """A label map as PNG, TIFF or .npy, in folders that are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, labels)
        return path
    picture = Image.fromarray(labels)
    if palette:
        picture.putpalette(
            np.random.default_rng(0).integers(0, 256, 768).astype(np.uint8).tobytes()
        )
    picture.save(path)
    return path


def maps(seed: int, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """A prediction and its target, with some void."""
    random = np.random.default_rng(seed)
    target = np.repeat(np.repeat(random.integers(0, classes, (6, 8)), 4, 0), 4, 1).astype(np.uint8)
    preds = np.where(random.random(SIZE) < 0.2, random.integers(0, classes, SIZE), target)
    target[:2] = 255
    return preds.astype(np.uint8), target


def report(path: Path) -> dict[str, Any]:
    """The JSON that was written."""
    content: dict[str, Any] = json.loads(path.read_text())
    return content
