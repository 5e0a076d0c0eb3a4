"""Definition of label maps of another size."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from segpost._core.contract import Array


def resize_majority(labels: Array, count: int, out: Array) -> None:
    """Write the label with the largest area of every pixel, the smallest of several."""
    height, width = labels.shape[1:]
    rows, columns = out.shape[1:]
    for i in range(rows):
        tall = _covered(i, height, rows)
        for j in range(columns):
            areas = tall[:, None] * _covered(j, width, columns)
            for n, of_map in enumerate(labels):
                sums = np.bincount(of_map.ravel(), areas.ravel(), count)
                out[n, i, j] = sums.argmax()


def _covered(pixel: int, inputs: int, outputs: int) -> Array:
    """Return how much of every input pixel an output pixel covers, in 1 / outputs of it."""
    begin, end = Fraction(pixel * inputs, outputs), Fraction((pixel + 1) * inputs, outputs)
    shares = []
    for y in range(inputs):
        low, high = max(begin, Fraction(y)), min(end, Fraction(y + 1))
        shares.append(int(outputs * max(high - low, Fraction(0))))
    return np.array(shares)
