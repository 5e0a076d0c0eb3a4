"""Pairs of label maps on which distances between surfaces are measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

Array = np.ndarray
SPACINGS = (1.0, 0.7, 2.5)


class SurfacePair(NamedTuple):
    """Two label maps of two classes, and 255 for void in the target."""

    name: str
    preds: Array  # (H, W) or (D, H, W)
    target: Array
    spacing: tuple[float, ...]

    def masks(self) -> tuple[Array, Array]:
        """Class 1 of the predictions and of the target, without void."""
        valid = self.target != 255
        return (self.preds == 1) & valid, self.target == 1


def pixels(rows: list[list[int]]) -> Array:
    """A label map."""
    return np.array(rows, np.uint8)


def ball(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """A mask of a ball anywhere."""
    squares = np.zeros(shape)
    for axis, length in enumerate(shape):
        steps = (np.arange(length) - random.uniform(0, length)) ** 2
        squares += steps.reshape([-1 if a == axis else 1 for a in range(len(shape))])
    mask: Array = squares < random.uniform(1, 30)
    return mask


def awkward_pairs() -> Iterator[SurfacePair]:
    """Empty maps, one pixel, ends of the image, void everywhere, one class, coarse spacing."""
    for shape in ((5, 7), (4, 5, 6)):
        spacing = (1.5, 0.5, 2.0)[-len(shape) :]
        nothing = np.zeros(shape, np.uint8)
        everything = np.ones(shape, np.uint8)
        first, last, middle = nothing.copy(), nothing.copy(), nothing.copy()
        first[(0,) * len(shape)] = 1
        last[(-1,) * len(shape)] = 1
        middle[(slice(1, 4),) * len(shape)] = 1
        void = np.full(shape, 255, np.uint8)
        half = middle.copy()
        half[..., 3:] = 255
        maps = {
            "nothing": nothing,
            "everything": everything,
            "first": first,
            "last": last,
            "middle": middle,
        }
        for a, preds in maps.items():
            for b, target in {**maps, "void": void, "half void": half}.items():
                yield SurfacePair(f"{a}, {b}", preds, target, spacing)
    yield SurfacePair("one pixel", pixels([[1]]), pixels([[1]]), (1.0, 1.0))
    yield SurfacePair("one row", pixels([[1, 0, 1]]), pixels([[0, 1, 1]]), (1.0, 2.0))


def random_pairs(count: int, seed: int = 0) -> Iterator[SurfacePair]:
    """Noise of any density, and smooth blobs that nearly agree, of images and of volumes."""
    random = np.random.default_rng(seed)
    for case in range(count):
        axes = 2 + case % 2
        shape = tuple(int(n) for n in random.integers(1, 14 if axes == 2 else 9, axes))
        if axes == 3 and shape[-1] in (1, 3):  # looks like an image with channels
            shape = (*shape[:-1], 2)
        spacing = tuple(float(step) for step in random.choice(SPACINGS, axes))
        if case % 3:
            preds, target = (np.asarray(random.random(shape) < random.random()) for _ in range(2))
        else:
            preds, target = (ball(random, shape) for _ in range(2))
        labels = target.astype(np.uint8)
        if case % 4 == 0:
            labels[random.random(shape) < 0.2] = 255
        yield SurfacePair(f"random {case}", preds.astype(np.uint8), labels, spacing)
