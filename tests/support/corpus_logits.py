"""The stored logits of the diagnosis corpus, in bytes with a scale."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

LEVELS = 127  # to which the logits of each image and class are rounded
FOLDER = Path(__file__).resolve().parents[1] / "data" / "diagnosis"


def store(name: str, logits: np.ndarray) -> None:
    """Write (N, C, h, w) logits, rounded to levels of the range of each image and class."""
    low = logits.min(axis=(2, 3), keepdims=True)
    scale = np.maximum(np.ptp(logits, axis=(2, 3), keepdims=True) / LEVELS, 1e-9)
    values = np.rint((logits - low) / scale).astype(np.uint8)
    np.savez_compressed(
        FOLDER / f"{name}.npz",
        values=values,
        low=low.astype(np.float32),
        scale=scale.astype(np.float32),
    )


@cache
def load(name: str) -> np.ndarray:
    """Return stored logits, (N, C, h, w) float32."""
    with np.load(FOLDER / f"{name}.npz") as content:
        logits: np.ndarray = content["values"] * content["scale"] + content["low"]
    logits.flags.writeable = False
    return logits


def names() -> list[str]:
    """Return the names of the stored runs."""
    return sorted(path.stem for path in FOLDER.glob("*.npz"))
