"""Label maps of five classes, and the matrix that counts them."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost import ConfusionMatrix


def maps(images: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Predictions and targets of five classes with void, and some predictions of no class."""
    random = np.random.default_rng(seed)
    target = np.repeat(random.integers(0, 5, (images, 12, 4)), 4, axis=2).astype(np.uint8)
    preds = np.where(random.random(target.shape) < 0.2, random.integers(0, 7, target.shape), target)
    target[random.random(target.shape) < 0.1] = 255
    return preds.astype(np.uint8), target


def count_maps(images: int = 4, seed: int = 0, **options: Any) -> ConfusionMatrix:
    """A matrix that has counted `maps`."""
    cm = ConfusionMatrix(5, ignore_index=255, **options)
    cm.update(*maps(images, seed))
    return cm
