"""Scenes that the diagnosis corpus does not have: for runs on which no rank was chosen."""

from __future__ import annotations

import numpy as np
from corpus_scenes import VOID, Kind, Scene


def draw_street(seed: int, height: int = 128, width: int = 256) -> Scene:
    """Return a street in perspective: road, pavement, houses, sky, cars, poles, people, trees."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[:height, :width]
    horizon, middle = height * random.uniform(0.35, 0.5), width * random.uniform(0.4, 0.6)
    target = np.where(y < horizon * random.uniform(0.5, 0.9), 3, 2).astype(np.uint8)
    depth = (y - horizon) / (height - horizon)
    target[depth > 0] = 1
    target[(depth > 0) & (abs(x - middle) < depth * width * random.uniform(0.4, 0.8))] = 0
    for _ in range(random.randint(1, 5)):
        near = random.uniform(0.1, 0.8)
        left = middle + (random.rand() - 0.5) * width * near * 1.4
        bottom, side = horizon + near * (height - horizon), near * height * 0.45
        label = random.choice([4, 4, 6])
        sides = (side * 0.9, side) if label == 4 else (side, side / 3)
        inside = (y < bottom) & (y > bottom - sides[0]) & (abs(x - left) < sides[1] / 2)
        target[inside] = label
    for _ in range(random.randint(1, 6)):
        left = random.uniform(0, width)
        target[(abs(x - left) < 1.5) & (y > horizon * 0.3) & (y < horizon * 1.3)] = 5
    for _ in range(random.randint(1, 5)):
        left, top, side = random.uniform(0, width), horizon * 0.8, random.uniform(6, 18)
        target[(x - left) ** 2 + (y - top) ** 2 < side**2] = 7
    target[int(height * 0.92) :, :] = VOID  # the bonnet
    colors = np.array([(90, 90, 95), (150, 120, 120), (130, 110, 90), (150, 190, 230),
                       (60, 60, 140), (190, 190, 190), (190, 60, 60), (60, 120, 60)])  # fmt: skip
    shown = np.where(target == VOID, 0, target)
    return Scene(_as_image(random, colors[shown], 22), target)


def draw_organs(seed: int, side: int = 160) -> Scene:
    """Return a slice of a body: organs in a dark square, all of them gray."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[:side, :side] / side - 0.5
    target = np.zeros((side, side), np.uint8)
    body = (x / 0.42) ** 2 + (y / random.uniform(0.3, 0.36)) ** 2 < 1
    places = ((0.2, -0.08), (-0.22, -0.03), (0.02, 0.12), (0.05, -0.16))
    for label, (down, right) in enumerate(places, 1):
        a, b = random.uniform(0.05, 0.13, 2)
        angle = random.uniform(0, 3)
        dx, dy = x - right * 1.5 - random.normal(0, 0.02), y - down - random.normal(0, 0.02)
        u, v = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
        inside = (u / a) ** 2 + (v / b) ** 2 < 1
        if random.rand() < 0.85:
            target[inside & body] = label
    gray = np.array([95, 150, 135, 60, 190])[target] * body
    return Scene(_as_image(random, np.repeat(gray[..., None], 3, 2), 14), target)


def draw_vessels(seed: int, side: int = 144) -> Scene:
    """Return thin branching vessels in a round field of view; outside of it is void."""
    random = np.random.RandomState(seed)
    target = np.zeros((side, side), np.uint8)
    y, x = np.mgrid[:side, :side]
    for _ in range(random.randint(6, 12)):
        py, px = random.uniform(0.3, 0.7, 2) * side
        angle, width = random.uniform(0, 6.28), random.uniform(1.0, 2.6)
        for _ in range(random.randint(30, 70)):
            target[(y - py) ** 2 + (x - px) ** 2 < width**2] = 1
            angle += random.normal(0, 0.2)
            py, px, width = py + 1.5 * np.sin(angle), px + 1.5 * np.cos(angle), width * 0.99
    image = np.array([(180, 90, 50), (120, 40, 30)])[target]
    outside = (y - side / 2) ** 2 + (x - side / 2) ** 2 > (side * 0.48) ** 2
    target[outside], image[outside] = VOID, 0
    return Scene(_as_image(random, image, 14), target)


def draw_cover(seed: int, height: int = 112, width: int = 112) -> Scene:
    """Return cells of twelve kinds of land, as polygons that touch; nothing is void."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[:height, :width]
    cells = random.randint(10, 40)
    points = random.uniform(0, 1, (cells, 2)) * (height, width)
    near = ((y[..., None] - points[:, 0]) ** 2 + (x[..., None] - points[:, 1]) ** 2).argmin(-1)
    target = random.choice(12, cells, p=_shares(12))[near].astype(np.uint8)
    colors = np.random.RandomState(1).uniform(40, 210, (12, 3))
    return Scene(_as_image(random, colors[target], 26), target)


def draw_page(seed: int, height: int = 192, width: int = 144) -> Scene:
    """Return a page: background, lines of text, a figure, a title."""
    random = np.random.RandomState(seed)
    target = np.zeros((height, width), np.uint8)
    image = np.full((height, width, 3), random.uniform(200, 240))
    top = random.randint(8, 20)
    target[top : top + 8, 20 : random.randint(60, width - 20)] = 3
    row = top + 16
    while row < height - 24:
        if random.rand() < 0.12 and row < height - 70:
            tall = random.randint(25, 45)
            target[row : row + tall, 16 : width - 16] = 2
            row += tall + 8
        else:
            target[row : row + 5, 12 : random.randint(width // 2, width - 12)] = 1
            row += 9
    image[target == 2] = random.uniform(60, 190, 3)
    ink = (target == 1) | (target == 3)
    image[ink & (random.rand(height, width) < 0.55)] = 40
    return Scene(_as_image(random, image, 6), target)


def draw_defect(seed: int, height: int = 80, width: int = 200) -> Scene:
    """Return a surface that mostly has no defect; a scratch or a stain otherwise."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[:height, :width]
    target = np.zeros((height, width), np.uint8)
    for _ in range(random.randint(1, 4)):
        label = random.randint(1, 3)
        down, right = random.uniform(0.1, 0.9) * height, random.uniform(0.1, 0.9) * width
        slope, side = random.uniform(-1, 1), random.uniform(4, 11)
        if label == 1:
            inside = (abs(y - down - slope * (x - right)) < 2) & (abs(x - right) < 3 * side)
        else:
            inside = (y - down) ** 2 + 0.5 * (x - right) ** 2 < side**2
        target[inside] = label
    image = np.array([(140, 140, 145), (210, 210, 200), (90, 70, 50)])[target]
    return Scene(_as_image(random, image + 10 * np.sin(y / 3)[..., None], 10), target)


KINDS = {
    "street": Kind(8, draw_street),
    "organs": Kind(5, draw_organs),
    "vessels": Kind(2, draw_vessels),
    "cover": Kind(12, draw_cover),
    "page": Kind(4, draw_page),
    "defect": Kind(3, draw_defect),
}


def _shares(count: int) -> np.ndarray:
    shares = 1 / np.arange(1, count + 1)
    return np.asarray(shares / shares.sum())


def _as_image(random: np.random.RandomState, image: np.ndarray, noise: float) -> np.ndarray:
    light = random.uniform(0.75, 1.15)
    return np.clip(image * light + random.normal(0, noise, image.shape), 0, 255).astype(np.uint8)
