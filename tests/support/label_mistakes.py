"""What people do to label maps by mistake, for failing runs of several kinds."""

from __future__ import annotations

from typing import Any

import numpy as np
from corpus_scenes import VOID
from diagnosis_scenes import Image, open_saved

import segpost


def fill_void(target: np.ndarray) -> np.ndarray:
    """Return a target in which void is class 0."""
    return np.where(target == VOID, 0, target).astype(np.uint8)


def paint(target: np.ndarray, palette: segpost.Palette) -> np.ndarray:
    """Return the colors of a target without its void."""
    return np.asarray(segpost.colorize(fill_void(target), palette))


def paint_gray(target: np.ndarray, palette: segpost.Palette) -> np.ndarray:
    """Return the colors of a target without its void, read as gray values."""
    return np.asarray(Image.fromarray(paint(target, palette)).convert("L"))


def stretch_to_255(labels: np.ndarray) -> np.ndarray:
    """Return labels spread over 0..255, as `plt.imsave` writes them."""
    largest = max(int(labels.max()), 1)
    return np.asarray(np.minimum(labels.astype(int) * 256 // largest, 255), np.uint8)


def save_in_order(labels: np.ndarray, order: list[int], palette: segpost.Palette) -> Any:
    """Return an indexed picture in a palette's colors, of other indices than the labels."""
    indices = np.array(order, np.uint8)
    colors = np.zeros((256, 3), np.uint8)
    colors[indices] = palette.colors[: len(order)]
    return open_saved(indices[labels], palette=colors)
