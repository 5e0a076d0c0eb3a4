"""How one summary is made of another: the same, in another order, scaled, turned."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from segpost._core.arrays import Array
from segpost.fingerprints.summary import MOMENTS, Summary

FEW = 6  # channels whose orders are all tried
OWN = 1e-2  # of a value counts as a deviation: some are far from the others
FLAT = 1e-6  # of a standard deviation: a channel that is constant


def apart(a: Summary, b: Summary) -> float:
    """The largest difference of anything that is kept, in standard deviations; or infinity."""
    if sizes(a) != sizes(b):
        return float("inf")
    pairs = [
        (a.coarse.astype(np.float64), b.coarse),
        *((getattr(a, m), getattr(b, m)) for m in MOMENTS),
    ]
    scale = max(a.total, b.total) or float(np.abs([a.mean, b.mean]).max()) or 1.0
    return max(float((np.abs(x - y) / (scale + OWN * np.abs(x))).max()) for x, y in pairs)


def alike(a: Summary, b: Summary) -> bool:
    """Whether no more differs than rounding may change."""
    return apart(a, b) <= max(a.grain, b.grain)


def sizes(x: Summary) -> tuple[int, ...]:
    """Channels and positions, wherever the channels are and with or without a batch of one."""
    rest = [n for i, n in enumerate(x.shape) if i != x.axis % len(x.shape)]
    while len(rest) > 1 and rest[0] == 1:
        rest.pop(0)
    return (x.channels, *(rest or [1]))


def affine(a: Summary, b: Summary) -> tuple[tuple[int, ...] | None, Array, Array]:
    """An order of the channels of `a` and a scale and offset for each of them that give `b`."""
    orders: Any = [tuple(range(a.channels))]
    if a.channels <= FEW:
        orders = itertools.permutations(range(a.channels))
    for order in orders:
        part = list(order)
        scale = np.where(a.std[part] > FLAT * (a.total or 1), b.std / a.std[part].clip(1e-300), 1)
        offset = b.mean - scale * a.mean[part]
        made = scale[:, None, None] * a.coarse[part] + offset[:, None, None]
        if np.abs(made - b.coarse).max() <= b.total * max(a.grain, b.grain):
            return tuple(order), scale, offset
    return None, np.ones(0), np.zeros(0)


def turned(a: Summary, b: Summary) -> str:
    """The flip or turn that makes `b` of `a`."""
    turns = {
        "flipped left to right": a.coarse[:, :, ::-1],
        "flipped upside down": a.coarse[:, ::-1],
        "turned by 180 degrees": a.coarse[:, ::-1, ::-1],
        "transposed": a.coarse.transpose(0, 2, 1),
        "turned by 90 degrees": np.rot90(a.coarse, 1, (1, 2)),
        "turned by 270 degrees": np.rot90(a.coarse, 3, (1, 2)),
    }
    now, tolerance = b.coarse.astype(np.float64), a.total * max(a.grain, b.grain)
    for name, picture in {"": a.coarse, **turns}.items():
        if picture.shape == now.shape and np.abs(picture - now).max() <= tolerance:
            return name
    return ""


def short(values: Any) -> list[float]:
    """Numbers to be read."""
    return [float(f"{value:.4g}") for value in values]
