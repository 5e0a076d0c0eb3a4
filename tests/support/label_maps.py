"""Label maps that make life hard for a backend."""

from __future__ import annotations

import numpy as np

DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


def label_map(
    random: np.random.Generator, shape: tuple[int, int, int], values: int, *, wild: bool = False
) -> np.ndarray:
    """Labels of any type and strides, in runs of any length; `wild` ones reach the type's ends."""
    run = int(random.choice([1, 3, 7, 40, 200]))
    n, h, w = shape
    labels = np.repeat(random.integers(0, values, (n, h, w // run + 1)), run, axis=2)[:, :, :w]
    if random.random() < 0.3:
        labels = np.repeat(labels[:, : h // 4 + 1], 4, axis=1)[:, :h]
    dtype = np.dtype(str(random.choice(DTYPES)))
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    labels = labels.clip(low, high).astype(dtype)
    if wild and labels.size:
        ends = np.array([low, high, min(high, 255), min(high, 254), high - 1], dtype)
        places = random.integers(0, labels.size, labels.size // 10 + 1)
        labels.reshape(-1)[places] = random.choice(ends, len(places))
    layout = int(random.integers(5))
    if layout == 1:
        return labels[:, :, ::-1]
    if layout == 2:
        spread = np.zeros((n, 2 * h, 3 * w), dtype)
        spread[:, ::2, 1::3] = labels
        return spread[:, ::2, 1::3]
    if layout == 3:
        return np.asfortranarray(labels)
    if layout == 4 and h:
        return np.broadcast_to(labels[:, :1], shape)
    return labels


def ignored(random: np.random.Generator, classes: int) -> np.ndarray:
    """Void values: none, one, several, inside and outside the classes."""
    choices: list[list[int]] = [
        [],
        [255],
        [-1],
        [0, 255],
        [classes, classes + 1],
        [-7, 254, 300],
        [-(2**31), -3, 1, 200, 201, 202, 255],
    ]
    return np.array(sorted(choices[int(random.integers(len(choices)))]), np.int64)
