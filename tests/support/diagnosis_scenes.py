"""Scenes, and what people do to them, for the tests of `segpost.diagnose`."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import segpost

Image = pytest.importorskip("PIL.Image")

SIZE = (192, 256)
CLASSES = 7

Arguments = dict[str, Any]


class Failure(NamedTuple):
    """A mistake, the code that must name it, and the arguments that show it."""

    code: str
    what: str
    make: Callable[[], Arguments]


class Run(NamedTuple):
    """A run with nothing wrong in it."""

    what: str
    make: Callable[[], Arguments]


def regions(classes: int = CLASSES, size: tuple[int, int] = SIZE, seed: int = 0) -> np.ndarray:
    """(H, W) uint8: areas of all classes with rough borders."""
    random = np.random.default_rng(seed)
    height, width = size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    y += 3 * np.sin(x / 7 + seed)
    x += 3 * np.sin(y / 9)
    nearest = np.full(size, np.inf, np.float32)
    labels = np.zeros(size, np.uint8)
    for i in range(max(24, 2 * classes)):
        cy, cx = random.uniform(0, height), random.uniform(0, width)
        away = (y - cy) ** 2 + (x - cx) ** 2
        labels[away < nearest] = i % classes
        np.minimum(nearest, away, out=nearest)
    return labels


def logits_of(
    target: np.ndarray,
    classes: int = CLASSES,
    stride: int = 8,
    grid: str = "half_pixel",
    noise: float = 0.4,
    seed: int = 0,
) -> np.ndarray:
    """(C, h, w) float32: how much of the surroundings of each grid point every class covers."""
    random = np.random.default_rng(seed)
    height, width = target.shape
    h, w = -(-height // stride), -(-width // stride)
    if grid == "align_corners":
        h, w = h + 1, w + 1
    rows, columns = (_centers(n, size, grid) for n, size in ((h, height), (w, width)))
    sums = np.zeros((classes, height + 1, width + 1))
    for label in range(classes):
        sums[label, 1:, 1:] = (target == label).cumsum(0).cumsum(1)
    half = stride / 2
    y0, y1 = (np.clip(np.rint(rows + side), 0, height).astype(int) for side in (-half, half))
    x0, x1 = (np.clip(np.rint(columns + side), 0, width).astype(int) for side in (-half, half))
    y1, x1 = np.maximum(y1, y0 + 1), np.maximum(x1, x0 + 1)
    area = (y1 - y0)[:, None] * (x1 - x0)
    y0, y1 = y0[:, None], y1[:, None]
    share: np.ndarray = (
        sums[:, y1, x1] - sums[:, y0, x1] - sums[:, y1, x0] + sums[:, y0, x0]
    ) / area
    return (12 * share - 4 + noise * random.standard_normal(share.shape)).astype(np.float32)


def _centers(n: int, size: int, grid: str) -> np.ndarray:
    """Where grid points lie, in pixel edges: pixel 0 is from 0 to 1."""
    if grid == "half_pixel":
        return (np.arange(n) + 0.5) * size / n
    if grid == "align_corners":
        return np.arange(n) * (size - 1) / (n - 1) + 0.5
    starts: np.ndarray = np.arange(n) * size / n
    return starts + 0.5


def softmax(logits: np.ndarray) -> np.ndarray:
    """Over the first axis."""
    shares: np.ndarray = np.exp(logits - logits.max(0))
    shares /= shares.sum(0)
    return shares


def photograph(size: tuple[int, int] = SIZE, seed: int = 0) -> np.ndarray:
    """(H, W, 3) uint8: smooth, more blue than red."""
    random = np.random.default_rng(seed)
    knots = random.uniform(0, 255, (3, 8, 8))
    rows, columns = (np.linspace(0, 7, n) for n in size)
    result = np.empty((*size, 3))
    for k in range(3):
        down = np.stack([np.interp(rows, np.arange(8), c) for c in knots[k].T], 1)
        result[..., k] = np.stack([np.interp(columns, np.arange(8), r) for r in down])
    return (result * (0.6, 0.8, 1.0)).round().astype(np.uint8)


def open_saved(labels: np.ndarray, mode: str = "L", palette: Any = None, kind: str = "PNG") -> Any:
    """The labels as a file that Pillow has opened."""
    picture = Image.fromarray(labels)
    if palette is not None:
        picture.putpalette(np.asarray(palette, np.uint8).tobytes())
    elif mode != picture.mode:
        picture = picture.convert(mode)
    buffer = io.BytesIO()
    picture.save(buffer, format=kind)
    buffer.seek(0)
    return Image.open(buffer)


def mark_void(target: np.ndarray) -> np.ndarray:
    """Void along the borders between regions."""
    result = target.copy()
    result[:, 1:][target[:, 1:] != target[:, :-1]] = 255
    return result


def pair(classes: int = CLASSES, **more: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits, the labels that they give, and the target that they nearly fit."""
    target = regions(classes, **more)
    logits = logits_of(target, classes)
    return logits, segpost.argmax(logits, size=target.shape), target


def resize_nearest(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """By nearest neighbor."""
    rows, columns = (
        ((np.arange(n) + 0.5) * old / n).astype(int)
        for n, old in zip(size, labels.shape, strict=True)
    )
    return np.asarray(labels[rows[:, None], columns])


def resize_smoothly(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """As nobody should: ids mixed with their neighbors'."""
    return np.asarray(np.rint(interpolate(labels, size)), labels.dtype)


def interpolate(values: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """(..., H, W) float64: values at another size, bilinear on half_pixel."""
    height, width = values.shape[-2:]
    rows, columns = (
        ((np.arange(n) + 0.5) * old / n - 0.5).clip(0, old - 1)
        for n, old in zip(size, (height, width), strict=True)
    )
    y, x = rows.astype(int).clip(max=height - 2), columns.astype(int).clip(max=width - 2)
    v, u = (rows - y)[:, None], columns - x
    y = y[:, None]
    top = values[..., y, x] * (1 - u) + values[..., y, x + 1] * u
    down = values[..., y + 1, x] * (1 - u) + values[..., y + 1, x + 1] * u
    return np.asarray(top * (1 - v) + down * v)


def letterbox(target: np.ndarray, where: float) -> np.ndarray:
    """What the network sees of a picture padded to a square, at the picture's size again."""
    return resize_nearest(pad_to_square(target, where), target.shape)


def pad_to_square(labels: np.ndarray, where: float) -> np.ndarray:
    """Zeros around the labels: all below and at the right (0), or the same at all sides (0.5)."""
    side = max(labels.shape)
    square = np.zeros((side, side), labels.dtype)
    y, x = (int((side - n) * where) for n in labels.shape)
    square[y : y + labels.shape[0], x : x + labels.shape[1]] = labels
    return square
