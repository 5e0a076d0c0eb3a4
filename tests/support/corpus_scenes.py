"""Scenes of the diagnosis corpus: images and targets of five data kinds, from seeds.

The legacy generator `RandomState` has a stream that never changes, so that the targets beside
stored logits can be drawn again in every version of NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
VOID = 255


class Scene(NamedTuple):
    """An image and its target."""

    image: np.ndarray  # (H, W, 3) uint8
    target: np.ndarray  # (H, W) uint8


class Kind(NamedTuple):
    """A kind of data: its number of classes, and the function that draws a scene of a seed."""

    classes: int
    draw: Callable[[int], Scene]


def normalize(image: np.ndarray) -> np.ndarray:
    """Return the network's input of an image, (3, H, W) float32."""
    return ((image / 255 - MEAN) / STD).transpose(2, 0, 1).astype(np.float32)


def draw_shapes(seed: int, height: int = 96, width: int = 128, void: bool = True) -> Scene:
    """Return ellipses, boxes, triangles and bars in five colors before a textured background."""
    random = np.random.RandomState(seed)
    image = _texture(random, height, width, random.uniform(70, 150, 3), 60)
    target = np.zeros((height, width), np.uint8)
    y, x = np.mgrid[:height, :width]
    colors = ((200, 40, 40), (40, 60, 200), (50, 170, 60), (220, 200, 50), (150, 60, 170))
    for _ in range(random.randint(2, 7)):
        label = random.randint(1, 6)
        size = random.uniform(0.1, 0.3) * height
        dy, dx = y - random.uniform(0, height), x - random.uniform(0, width)
        if label == 1:
            inside = dy**2 + dx**2 < size**2
        elif label == 2:
            inside = (abs(dx) < size) & (abs(dy) < 0.7 * size)
        elif label == 3:
            inside = (abs(dy) < size) & (abs(dx) < (dy + size) / 2)
        elif label == 4:
            inside = dx**2 + 4 * dy**2 < size**2
        else:
            inside = (abs(dx) < 4) & (abs(dy) < 2 * size)
        target[inside] = label
        color = np.array(colors[label - 1]) + random.uniform(-25, 25, 3)
        image[inside] = 0.75 * color + 0.25 * image[inside]
    return Scene(_as_bytes(random, image), _mark_edges(target) if void else target)


def draw_lesion(seed: int, side: int = 128) -> Scene:
    """Return one lesion with a rough outline near the middle of a square picture."""
    random = np.random.RandomState(seed)
    image = _texture(random, side, side, np.array((200.0, 160.0, 140.0)), 25)
    y, x = np.mgrid[:side, :side]
    dy = y - side * random.uniform(0.42, 0.58)
    dx = x - side * random.uniform(0.42, 0.58)
    angle, radius = np.arctan2(dy, dx), np.hypot(dy, dx)
    outline = side * random.uniform(0.12, 0.36)
    for k in range(2, 7):
        outline = outline * (1 + random.uniform(0, 0.12) * np.cos(k * angle + random.uniform(0, 6)))
    inside = radius < outline
    fade = np.clip((outline - radius) / 6, -1, 1)[..., None] / 2 + 0.5
    image = image * (1 - fade) + (random.uniform(80, 130) * np.array((1, 0.7, 0.6))) * fade
    return Scene(_as_bytes(random, image), inside.astype(np.uint8))


def draw_tile(seed: int, side: int = 128) -> Scene:
    """Return an aerial tile of land, water, forest, roads and roofs, with no data in a corner."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[:side, :side]
    field = _smooth(random, side, side, 5)
    target = np.zeros((side, side), np.uint8)
    target[field > 0.62] = 2
    target[field < 0.3] = 1
    for _ in range(random.randint(1, 4)):
        slope, offset = random.uniform(-1, 1), random.uniform(0, side)
        along, across = (x, y) if random.rand() < 0.5 else (y, x)
        target[abs(across - slope * along - offset) < 4] = 3
    for _ in range(random.randint(3, 12)):
        top, left = random.randint(0, side, 2)
        target[top : top + random.randint(8, 18), left : left + random.randint(8, 18)] = 4
    colors = np.array([(150, 140, 90), (40, 70, 110), (40, 90, 50), (130, 130, 130), (190, 90, 70)])
    image = colors[target] + _texture(random, side, side, np.zeros(3), 50)
    if random.rand() < 0.6:
        no_data = x + y * random.uniform(0.3, 2) < side * random.uniform(0.2, 0.8)
        target[no_data] = VOID
        image[no_data] = 0
    return Scene(_as_bytes(random, image), target)


def draw_layers(seed: int, height: int = 96, width: int = 128) -> Scene:
    """Return seven layers that touch in order, as in a scan of a retina; some are thin."""
    random = np.random.RandomState(seed)
    x = np.arange(width)
    base = height * random.uniform(0.2, 0.35) + height * 0.06 * np.sin(
        x / width * random.uniform(2, 6) + random.uniform(0, 6)
    )
    y = np.arange(height)[:, None]
    target = np.zeros((height, width), np.uint8)
    for layer in range(1, 7):
        target[y >= base] = layer
        base = base + random.uniform(3, 14) + 1.5 * np.sin(x / 17 + random.uniform(0, 6))
    gray = np.array([30, 140, 80, 170, 60, 200, 110])[target] + random.uniform(-15, 15)
    image = gray[..., None] + _texture(random, height, width, np.zeros(3), 40)
    return Scene(_as_bytes(random, image), target)


def draw_spots(seed: int, side: int = 128) -> Scene:
    """Return many small cells as the foreground of a microscope picture."""
    random = np.random.RandomState(seed)
    image = _texture(random, side, side, np.array((60.0, 70.0, 80.0)), 30)
    target = np.zeros((side, side), np.uint8)
    y, x = np.mgrid[:side, :side]
    for _ in range(random.randint(5, 26)):
        dy, dx = y - random.uniform(0, side), x - random.uniform(0, side)
        a, b = random.uniform(4, 13, 2)
        inside = (dx / a) ** 2 + (dy / b) ** 2 < 1
        target[inside] = 1
        image[inside] += random.uniform(40, 100)
    return Scene(_as_bytes(random, image), target)


KINDS = {
    "shapes": Kind(6, draw_shapes),
    "lesion": Kind(2, draw_lesion),
    "tile": Kind(5, draw_tile),
    "layers": Kind(7, draw_layers),
    "spots": Kind(2, draw_spots),
}


def _smooth(random: np.random.RandomState, height: int, width: int, knots: int) -> np.ndarray:
    """Return smooth noise in 0..1."""
    values = random.uniform(0, 1, (knots + 1, knots + 1))
    rows, columns = np.linspace(0, knots, height), np.linspace(0, knots, width)
    down = np.stack([np.interp(rows, np.arange(knots + 1), column) for column in values.T], 1)
    return np.stack([np.interp(columns, np.arange(knots + 1), row) for row in down])


def _texture(
    random: np.random.RandomState, height: int, width: int, color: np.ndarray, contrast: float
) -> np.ndarray:
    """Return (H, W, 3) floats: a color with smooth noise of several scales."""
    noise = sum(_smooth(random, height, width, knots) - 0.5 for knots in (3, 9, 21))
    tint = random.uniform(0.7, 1.3, 3)
    return np.asarray(color + contrast * np.asarray(noise)[..., None] * tint)


def _as_bytes(random: np.random.RandomState, image: np.ndarray) -> np.ndarray:
    return np.clip(image + random.normal(0, 6, image.shape), 0, 255).astype(np.uint8)


def _mark_edges(target: np.ndarray) -> np.ndarray:
    """Return a target whose class boundaries are void, as those of VOC."""
    edge = np.zeros(target.shape, bool)
    edge[:, 1:] |= target[:, 1:] != target[:, :-1]
    edge[1:] |= target[1:] != target[:-1]
    edge[:, :-1] |= target[:, 1:] != target[:, :-1]
    edge[:-1] |= target[1:] != target[:-1]
    return np.where(edge, VOID, target).astype(np.uint8)
