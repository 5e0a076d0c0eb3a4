"""An image and real logits for it: a small classifier stands in for the network."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segpost import Palette

Floats = npt.NDArray[np.float32]

STRIDE = 8  # the output stride of most segmentation networks

CLASSES: dict[str, tuple[int, int, int]] = {
    "sky": (92, 164, 232),
    "far shore": (156, 112, 196),
    "water": (38, 198, 190),
    "roof": (244, 140, 44),
    "walls": (200, 48, 72),
    "trees": (92, 168, 62),
}

# Drawn by hand on china.jpg: left, top, right, bottom in pixels.
RECTANGLES: dict[str, tuple[tuple[int, int, int, int], ...]] = {
    "sky": (
        (0, 0, 184, 88),
        (20, 88, 88, 160),
        (220, 0, 270, 85),
        (320, 0, 640, 130),
        (325, 130, 560, 197),
        (35, 150, 80, 200),
        (8, 88, 40, 136),
        (92, 84, 116, 97),
        (298, 84, 330, 102),
        (328, 150, 340, 196),
        (16, 146, 32, 168),
        (34, 164, 52, 190),
    ),
    "far shore": (
        (328, 208, 420, 232),
        (424, 208, 552, 219),
        (428, 230, 496, 241),
        (48, 209, 94, 221),
        (78, 226, 92, 240),
        (36, 252, 62, 270),
    ),
    "water": (
        (345, 242, 420, 310),
        (420, 248, 540, 270),
        (510, 226, 540, 262),
        (360, 280, 452, 295),
        (26, 277, 76, 318),
    ),
    "roof": (
        (184, 78, 232, 118),
        (140, 100, 280, 116),
        (94, 166, 320, 182),
        (80, 258, 340, 278),
        (210, 358, 304, 386),
        (314, 336, 352, 356),
        (98, 107, 150, 118),
        (280, 108, 314, 120),
        (86, 168, 110, 182),
        (150, 168, 190, 180),
        (155, 258, 180, 278),
    ),
    "walls": (
        (124, 136, 292, 160),
        (102, 192, 318, 246),
        (84, 290, 338, 326),
        (96, 326, 280, 345),
        (110, 122, 300, 132),
        (198, 32, 214, 60),
        (286, 394, 306, 424),
    ),
    "trees": (
        (0, 300, 56, 427),
        (0, 190, 50, 240),
        (0, 150, 8, 190),
        (8, 172, 24, 200),
        (566, 176, 585, 230),
        (322, 396, 344, 427),
        (50, 216, 70, 242),
        (60, 372, 196, 427),
        (360, 340, 540, 427),
        (400, 310, 540, 340),
        (566, 230, 640, 427),
        (590, 160, 630, 220),
        (110, 345, 160, 372),
    ),
}


class Scene(NamedTuple):
    """An image, the logits of the classifier for it, and the palette of its classes."""

    image: npt.NDArray[np.uint8]  # (H, W, 3)
    logits: Floats  # (C, H / STRIDE, W / STRIDE)
    palette: Palette
    rectangles: npt.NDArray[np.uint8]  # (H, W): the class drawn by hand, 255 elsewhere


def load() -> Scene:
    """Fit the classifier on the hand-drawn rectangles and apply it to the whole image."""
    from sklearn.datasets import load_sample_image  # type: ignore[import-untyped]

    image = np.ascontiguousarray(load_sample_image("china.jpg"))
    rectangles = np.full(image.shape[:2], 255, np.uint8)
    for label, name in enumerate(CLASSES):
        for left, top, right, bottom in RECTANGLES[name]:
            rectangles[top:bottom, left:right] = label
    palette = Palette(list(CLASSES.values()), names=list(CLASSES), ignore_index=255)
    cells = _cell_means(_pixel_features(image))
    return Scene(image, _classify(cells, rectangles), palette, rectangles)


def _classify(cells: Floats, rectangles: npt.NDArray[np.uint8]) -> Floats:
    """Return scores of every cell, from a kernel classifier fitted on cells in rectangles."""
    from sklearn.kernel_approximation import Nystroem  # type: ignore[import-untyped]
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
    from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
    from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]

    height, width, depth = cells.shape
    y, x = (
        ((edges[:-1] + edges[1:]) // 2)
        for edges in (
            _cell_edges(n, m) for n, m in zip(rectangles.shape, (height, width), strict=True)
        )
    )
    labels = rectangles[np.ix_(y, x)].ravel()
    samples = cells.reshape(-1, depth)
    is_labeled = labels != 255
    model: Any = make_pipeline(
        StandardScaler(),
        Nystroem(gamma=0.02, n_components=300, random_state=0),
        LogisticRegression(C=30.0, max_iter=300, class_weight="balanced"),
    )
    model.fit(samples[is_labeled], labels[is_labeled])
    # Unlike log-probabilities these are always finite.
    scores = model.decision_function(samples).reshape(height, width, -1)
    return np.ascontiguousarray(scores.transpose(2, 0, 1), np.float32)


def _pixel_features(image: npt.NDArray[np.uint8]) -> Floats:
    """Return color, color of the surroundings, texture and position of every pixel."""
    rgb = image.astype(np.float32) / 255.0
    gray = rgb.mean(axis=2, keepdims=True)
    chroma = rgb - gray
    down = np.abs(np.diff(gray, axis=0, append=gray[-1:]))
    across = np.abs(np.diff(gray, axis=1, append=gray[:, -1:]))
    deviations = [np.sqrt(np.maximum(_blur(gray**2, r) - _blur(gray, r) ** 2, 0.0)) for r in (3, 9)]
    colors = np.concatenate([rgb, chroma * 2], axis=2)
    y, x = np.mgrid[0 : rgb.shape[0], 0 : rgb.shape[1]].astype(np.float32)
    position = np.stack([y / rgb.shape[0] * 2.0, x / rgb.shape[1]], axis=2)
    nearby = [_blur(colors, r) for r in (5, 12)]
    return np.concatenate([colors, *nearby, down, across, *deviations, position], axis=2)


def _blur(values: Floats, radius: int) -> Floats:
    """Return the mean over a square window, by running sums; pixels at the edge are repeated."""
    for axis in (0, 1):
        pad = [(0, 0)] * 3
        pad[axis] = (radius + 1, radius)
        sums = np.cumsum(np.pad(values, pad, mode="edge"), axis=axis, dtype=np.float64)
        window = 2 * radius + 1
        ahead = np.take(sums, range(window, sums.shape[axis]), axis)
        behind = np.take(sums, range(sums.shape[axis] - window), axis)
        values = ((ahead - behind) / window).astype(np.float32)
    return values


def _cell_means(features: Floats) -> Floats:
    """Return the mean of every cell of the coarse grid, whose cells tile the image evenly."""
    for axis in (0, 1):
        count = -(-features.shape[axis] // STRIDE)
        edges = _cell_edges(features.shape[axis], count)
        sums = np.add.reduceat(features, edges[:-1], axis=axis)
        shape = [1, 1, 1]
        shape[axis] = count
        features = (sums / np.diff(edges).reshape(shape)).astype(np.float32)
    return features


def _cell_edges(pixels: int, cells: int) -> npt.NDArray[np.intp]:
    """Return where cells of a side start, and where the last one ends."""
    return np.rint(np.linspace(0, pixels, cells + 1)).astype(np.intp)
