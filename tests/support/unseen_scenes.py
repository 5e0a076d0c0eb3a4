"""Scenes that neither the corpus of diagnosis nor the first hold-out has."""

from __future__ import annotations

import numpy as np
from corpus_scenes import VOID, Kind, Scene


def draw_shelf(seed: int, height: int = 96, width: int = 144) -> Scene:
    """Return boards with boxes of six kinds on them, in several colors a kind; nothing is void."""
    random = np.random.RandomState(seed)
    target = np.zeros((height, width), np.uint8)
    image = np.full((height, width, 3), random.uniform(60, 110))
    hues = np.random.RandomState(7).uniform(40, 220, (7, 3))
    boards = random.randint(2, 4)
    for board in range(boards):
        bottom, left = (board + 1) * height // boards - 4, random.randint(0, 8)
        target[bottom : bottom + 4], image[bottom : bottom + 4] = 1, (150, 120, 80)
        while left < width - 8:
            label, wide = random.randint(2, 8), random.randint(8, 22)
            tall = random.randint(height // boards // 3, height // boards - 8)
            box = slice(bottom - tall, bottom), slice(left, left + wide)
            target[box] = label
            image[box] = hues[label - 1] + random.normal(0, 18, 3)
            left += wide + random.randint(0, 9)
    return Scene(_as_image(random, image, 16), target)


def draw_ice(seed: int, height: int = 120, width: int = 120) -> Scene:
    """Return water, new ice, old ice and land of a radar: smooth fields with speckle, one channel.

    What lies outside of the strip that the radar sees is void.
    """
    random = np.random.RandomState(seed)
    y, x = np.mgrid[:height, :width]
    ice, land = _field(random, height, width, 9.0), _field(random, height, width, 18.0)
    target = np.digitize(ice, (-0.3, 0.6)).astype(np.uint8)
    target[land > 1.0] = 3
    gray = np.array([40, 90, 150, 120])[target] * random.gamma(6.0, 1 / 6, (height, width))
    slope = random.uniform(-0.3, 0.3)
    outside = abs(x - width / 2 - slope * (y - height / 2)) > 0.46 * width
    target[outside], gray[outside] = VOID, 0
    return Scene(_as_image(random, np.repeat(gray[..., None], 3, 2), 3), target)


def draw_field(seed: int, height: int = 88, width: int = 152) -> Scene:
    """Return rows of plants and weeds between them on soil: small leaves, most pixels are soil."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[:height, :width]
    target = np.zeros((height, width), np.uint8)
    places = []
    for row in np.arange(random.uniform(8, 20), height, random.uniform(22, 30)):
        for column in np.arange(random.uniform(0, 12), width, random.uniform(14, 20)):
            places.append((1, row + random.normal(0, 1.5), column + random.normal(0, 2)))
    for _ in range(random.randint(6, 16)):
        places.append((2, random.uniform(0, height), random.uniform(0, width)))
    for label, down, right in places:
        for _ in range(random.randint(3, 6)):
            angle, long = random.uniform(0, 3.14), random.uniform(3, 7) / label**0.5
            u = (x - right) * np.cos(angle) + (y - down) * np.sin(angle)
            v = (y - down) * np.cos(angle) - (x - right) * np.sin(angle)
            target[(u / long) ** 2 + (v / (0.4 * long)) ** 2 < 1] = label
    image = np.array([(115, 90, 70), (70, 140, 60), (120, 150, 40)])[target]
    return Scene(_as_image(random, image, 14), target)


def draw_face(seed: int, height: int = 128, width: int = 96) -> Scene:
    """Return background, clothes, hair, skin, eyes and mouth: parts in a fixed arrangement."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[:height, :width]
    down, right = height * random.uniform(0.38, 0.46), width * random.uniform(0.42, 0.58)
    side = random.uniform(20, 27)

    def inside(top: float, left: float, tall: float, wide: float) -> np.ndarray:
        part = ((y - down - top * side) / tall) ** 2 + ((x - right - left * side) / wide) ** 2
        return np.asarray(part < side**2)

    target = np.zeros((height, width), np.uint8)
    target[inside(2.9, 0, 1.5, 1.6)] = 1
    target[inside(-0.3, 0, random.uniform(1.35, 1.7), 1.2)] = 2
    target[inside(0.1, 0, 1.25, 0.95)] = 3
    for left in (-0.4, 0.4):
        target[inside(-0.15, left, 0.1, 0.2)] = 4
    target[inside(0.65, 0, random.uniform(0.08, 0.16), 0.35)] = 5
    colors = np.array([(120, 130, 140), (60, 70, 120), (60, 45, 35), (205, 165, 140),
                       (40, 40, 45), (165, 70, 75)])  # fmt: skip
    return Scene(_as_image(random, colors[target] + random.normal(0, 12, 3), 12), target)


KINDS = {
    "shelf": Kind(8, draw_shelf),
    "ice": Kind(4, draw_ice),
    "field": Kind(3, draw_field),
    "face": Kind(6, draw_face),
}


def _field(random: np.random.RandomState, height: int, width: int, scale: float) -> np.ndarray:
    """Return smooth random values of mean 0 and deviation 1."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)) * scale
    noise = np.fft.rfft2(random.normal(size=(height, width))) * np.exp(-8 * frequency**2)
    values = np.fft.irfft2(noise, (height, width))
    return np.asarray((values - values.mean()) / values.std())


def _as_image(random: np.random.RandomState, image: np.ndarray, noise: float) -> np.ndarray:
    light = random.uniform(0.8, 1.1)
    return np.clip(image * light + random.normal(0, noise, image.shape), 0, 255).astype(np.uint8)
