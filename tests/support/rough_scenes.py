"""Scenes of a last hold-out: rings, circuit boards, mountain slopes, and crates of fruits."""

from __future__ import annotations

import numpy as np
from corpus_scenes import VOID, Kind, Scene
from unseen_scenes import _as_image, _field


def draw_rings(seed: int, height: int = 116, width: int = 116) -> Scene:
    """Return rings of wood of three seasons about a pith, with bark, before a table."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[:height, :width]
    away = np.hypot(y - random.uniform(40, 76), (x - random.uniform(40, 76)) * 1.1)
    away = away + 3 * _field(random, height, width, 16.0)
    edges = np.cumsum(random.uniform(5, 11, 12))
    target = (np.digitize(away, edges) % 3).astype(np.uint8)
    radius = random.uniform(44, 58)
    target[away > radius] = 3
    target[away > radius + 6] = 4
    colors = [(190, 150, 100), (160, 115, 75), (215, 180, 130), (90, 70, 55), (130, 140, 150)]
    return Scene(_as_image(random, np.array(colors)[target], 34), target)


def draw_boards(seed: int, height: int = 136, width: int = 104) -> Scene:
    """Return a circuit board: laminate, traces, pads, chips, capacitors and holes."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[:height, :width]
    target = np.zeros((height, width), np.uint8)
    for _ in range(random.randint(8, 16)):
        row, column = random.randint(4, height - 4), random.randint(4, width - 4)
        across, down = random.randint(20, 60), random.randint(20, 60)
        target[row : row + 3, column : column + across] = 1
        target[row : row + down, column : column + 3] = 1
        target[(y - row) ** 2 + (x - column) ** 2 < 20] = 2
    for _ in range(random.randint(2, 5)):
        top, left = random.randint(0, height - 30), random.randint(0, width - 30)
        target[top : top + random.randint(14, 36), left : left + random.randint(14, 36)] = 3
    for label, count, size in ((4, 6, 45), (5, 5, 16)):
        for _ in range(count):
            target[(y - random.uniform(0, height)) ** 2
                   + (x - random.uniform(0, width)) ** 2 < size] = label  # fmt: skip
    colors = [(40, 100, 60), (90, 140, 80), (200, 190, 150), (50, 50, 55), (150, 110, 70),
              (25, 30, 25)]  # fmt: skip
    return Scene(_as_image(random, np.array(colors)[target], 30), target)


def draw_slopes(seed: int, height: int = 100, width: int = 180) -> Scene:
    """Return lake, meadow, forest, rock and snow by height, with clouds that are void."""
    random = np.random.RandomState(seed)
    above = _field(random, height, width, 20.0) + 0.3 * _field(random, height, width, 6.0)
    target = np.digitize(above, (-1.0, -0.3, 0.4, 1.0)).astype(np.uint8)
    colors = [(70, 95, 120), (120, 150, 80), (60, 90, 55), (130, 125, 120), (205, 205, 210)]
    image = np.array(colors)[target] * (1 + 0.12 * _field(random, height, width, 9.0)[..., None])
    clouds = _field(random, height, width, 22.0) > 1.3
    target[clouds], image[clouds] = VOID, 235
    return Scene(_as_image(random, image, 30), target)


def draw_crates(seed: int, height: int = 92, width: int = 168) -> Scene:
    """Return three kinds of fruits that hide each other, and leaves, in a crate of wood."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[:height, :width]
    target = np.zeros((height, width), np.uint8)
    image = np.full((height, width, 3), (140.0, 110.0, 75.0))
    hues = np.array([(190, 50, 50), (210, 150, 50), (150, 190, 70), (50, 110, 50)])
    for _ in range(random.randint(14, 30)):
        label = random.randint(1, 5)
        dy, dx = y - random.uniform(0, height), x - random.uniform(0, width)
        turn, size = random.uniform(0, 3.1), random.uniform(8, 15)
        u, v = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
        inside = (u / size) ** 2 + (v / (size * (0.4 if label == 4 else 0.9))) ** 2 < 1
        target[inside] = label
        shade = 1 - 0.35 * ((u + v) / size)[inside][:, None]
        image[inside] = (hues[label - 1] + random.normal(0, 14, 3)) * shade
    return Scene(_as_image(random, image, 26), target)


KINDS = {
    "rings": Kind(5, draw_rings),
    "boards": Kind(6, draw_boards),
    "slopes": Kind(5, draw_slopes),
    "crates": Kind(5, draw_crates),
}
