"""Letterboxes of all kinds, and where their pixels lie."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from segpost import Letterbox

sides = st.integers(1, 40)


sizes = st.tuples(sides, sides)


@st.composite
def boxes(draw: Any) -> Letterbox:
    """Any letterbox, also those that `fit` never makes."""
    image, content = draw(sizes), draw(sizes)
    before, after = (draw(st.tuples(st.integers(0, 9), st.integers(0, 9))) for _ in range(2))
    total = [sum(parts) for parts in zip(before, content, after, strict=True)]
    return Letterbox(image, (total[0], total[1]), content, before)


def far_from_edges(labels: np.ndarray, distance: int, *, frame: bool = False) -> np.ndarray:
    """Pixels whose square window of that reach has one label; with `frame` ends are edges, too."""
    window = np.lib.stride_tricks.sliding_window_view
    mode: Any = {"mode": "constant", "constant_values": -1} if frame else {"mode": "edge"}
    padded = np.pad(labels.astype(np.int64), distance, **mode)
    for axis in (0, 1):
        rows = window(padded, 2 * distance + 1, axis=axis)
        same = (rows == rows[..., :1]).all(-1)
        padded = np.where(same, rows[..., distance], -2 - axis)
    uniform: np.ndarray = padded >= 0
    return uniform


def coordinate(o: int | Fraction, n_in: int, n_out: int, grid: str) -> Fraction:
    """The source coordinate as the ONNX operator documents it, clamped to the grid."""
    if grid == "half_pixel":
        place = (Fraction(o) + Fraction(1, 2)) * n_in / n_out - Fraction(1, 2)
    elif grid == "align_corners":
        place = Fraction(o) * (n_in - 1) / (n_out - 1) if n_out > 1 else Fraction(0)
    else:
        place = Fraction(o) * n_in / n_out
    return min(max(place, Fraction(0)), Fraction(n_in - 1))
