"""Landscapes that are drawn at random, with the class of every pixel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

CLASSES: dict[str, tuple[int, int, int]] = {
    "sky": (92, 164, 232),
    "mountains": (156, 112, 196),
    "water": (38, 198, 190),
    "meadow": (176, 206, 70),
    "trees": (40, 120, 50),
    "house": (226, 72, 64),
}
SKY, MOUNTAINS, WATER, MEADOW, TREES, HOUSE = range(len(CLASSES))

Floats = npt.NDArray[np.float64]


class Scene(NamedTuple):
    """A picture and its classes."""

    image: npt.NDArray[np.uint8]  # (H, W, 3)
    labels: npt.NDArray[np.uint8]  # (H, W)


def draw_scene(seed: int, height: int = 384, width: int = 512) -> Scene:
    """Draw a landscape: the same for the same seed."""
    return Painter(seed, height, width).draw()


class Painter:
    """Draws one landscape from the back to the front."""

    def __init__(self, seed: int, height: int, width: int) -> None:
        self.random = np.random.default_rng(seed)
        self.y, self.x = np.mgrid[0:height, 0:width].astype(np.float64)
        self.height, self.width = height, width
        self.light = self.random.uniform(0.75, 1.1)
        self.color = np.zeros((height, width, 3))
        self.labels = np.zeros((height, width), np.uint8)

    def draw(self) -> Scene:
        """Return the picture with noise, and the classes."""
        horizon = self.random.uniform(0.35, 0.55) * self.height
        self.sky()
        self.mountains(horizon)
        self.ground(horizon)
        self.woods(horizon)
        for _ in range(self.random.integers(1, 4)):
            self.house(horizon)
        noise = self.random.normal(0, 4, self.color.shape)
        image = np.clip(self.color * self.light + noise, 0, 255)
        return Scene(image.astype(np.uint8), self.labels)

    def fill(self, where: npt.NDArray[np.bool_], label: int, color: Floats) -> None:
        """Give pixels a class and a color."""
        self.labels[where] = label
        self.color[where] = color[where] if color.ndim == 3 else color

    def waves(self, length: float, strength: float) -> Floats:
        """Return a smooth curve over the columns."""
        x = self.x[0]
        curve = np.zeros(self.width)
        for octave in range(5):
            phase, size = self.random.uniform(0, 2 * np.pi), strength / 2**octave
            curve += size * np.sin(2**octave * 2 * np.pi * x / length + phase)
        return curve

    def grain(self, cell: int, strength: float) -> Floats:
        """Return blotches of about `cell` pixels."""
        rows, columns = -(-self.height // cell), -(-self.width // cell)
        coarse = self.random.normal(0, strength, (rows, columns))
        fine = np.kron(coarse, np.ones((cell, cell)))[: self.height, : self.width]
        return np.asarray(fine[..., None])

    def sky(self) -> None:
        """From blue to the pale of the horizon, with clouds."""
        down = (self.y / self.height)[..., None]
        top = np.array([90, 150, 230]) + self.random.normal(0, 12, 3)
        cloud = self.waves(self.width / 2, 0.5) + np.sin(self.y / self.random.uniform(9, 25))
        white = np.clip(cloud - 0.4, 0, 1)[..., None] * self.random.uniform(0, 1)
        blue = top + down * np.array([150, 110, 35])
        self.fill(np.ones_like(self.labels, bool), SKY, blue * (1 - white) + 240 * white)

    def mountains(self, horizon: float) -> None:
        """Ridges, the farther ones paler."""
        for distance in (2, 1):
            rise = self.random.uniform(0.05, 0.13) * self.height * distance
            ridge = horizon - rise + self.waves(self.width * self.random.uniform(0.6, 1.5), 18)
            rock = np.array([92, 88, 105]) + 25 * (distance - 1) + self.random.normal(0, 8, 3)
            self.fill(self.y > ridge, MOUNTAINS, rock + self.grain(6, 7))

    def ground(self, horizon: float) -> None:
        """A meadow, and often a lake before it."""
        green = np.array([128, 160, 62]) + self.random.normal(0, 12, 3)
        self.fill(self.y > horizon + self.waves(self.width, 4), MEADOW, green + self.grain(3, 9))
        if self.random.random() < 0.7:
            shore = horizon + self.random.uniform(0.2, 0.4) * self.height
            deep = np.array([42, 110, 140]) + self.random.normal(0, 10, 3)
            ripples = 9 * np.sin(self.y / 1.7 + self.waves(40, 1.5))[..., None]
            self.fill(self.y > shore + self.waves(self.width, 16), WATER, deep + ripples)

    def woods(self, horizon: float) -> None:
        """Crowns in groups on the meadow."""
        for _ in range(self.random.integers(2, 6)):
            cx, cy = self.random.uniform(0, self.width), horizon + self.random.uniform(-5, 50)
            leaves = np.array([38, 84, 34]) + self.random.normal(0, 9, 3)
            for _ in range(self.random.integers(4, 11)):
                x, y = self.random.normal(cx, 38), self.random.normal(cy, 9)
                radius = self.random.uniform(12, 34)
                inside = np.hypot(self.x - x, (self.y - y) * 1.2) < radius
                self.fill(inside, TREES, leaves + self.grain(2, 16) + self.random.normal(0, 6))

    def house(self, horizon: float) -> None:
        """White walls with windows under a red roof."""
        w, h = self.random.uniform(36, 84), self.random.uniform(24, 46)
        left, base = self.random.uniform(0, self.width - w), horizon + self.random.uniform(20, 60)
        inside = (self.x > left) & (self.x < left + w)
        walls = inside & (self.y > base - h) & (self.y < base)
        self.fill(walls, HOUSE, np.array([222, 210, 190]) + self.grain(4, 4))
        window = ((self.x - left) % 16 > 10) & ((self.y - base + h) % 18 > 11)
        self.color[walls & window] = (60, 60, 72)
        slope = np.abs(self.x - left - w / 2) / (w / 2) * h * 0.7
        roof = inside & (self.y > base - 1.7 * h + slope) & (self.y <= base - h)
        self.fill(roof, HOUSE, np.array([168, 66, 48]) + self.grain(3, 8))
