"""The scores of the classes on the score grid: the masks of all queries, weighted by class."""

from __future__ import annotations

import numpy as np

from segpost._core.arrays import Array, widen
from segpost._core.sampling import Axes, Axis
from segpost.pipeline.queries.bounds import sigmoid

BAND = 4  # rows of the score grid at a time


def class_planes(weights: Array, values: Array, kind: str, to_grid: Axes | None) -> Array:
    """Return the sum over the queries of weight times mask probability, on the score grid.

    It is linear in the mask probabilities, and so is what is interpolated of it: the masks of the
    queries are never resized to the size of the result.

    Parameters
    ----------
    weights : float64 array of shape (Q, C)
        The probabilities of the classes.
    values : array of shape (Q, h, w)
        Mask logits.
    kind : str
        Their element type.
    to_grid : Axes or None
        The resampling of mask logits to the score grid; None if it is theirs.

    Returns
    -------
    planes : float32 array of shape (C, gh, gw)
    """
    queries, height, width = values.shape
    if to_grid is not None:
        height, width = to_grid.y.n_out, to_grid.x.n_out
    by_class = np.ascontiguousarray(weights.T, np.float32)
    planes = np.empty((len(by_class), height, width), np.float32)
    for start in range(0, height, BAND):
        rows = slice(start, min(start + BAND, height))
        if to_grid is None:
            band = widen(values[:, rows], kind).astype(np.float32, copy=False)
        else:
            band = _resize_columns(_resize_rows(values, kind, to_grid.y, rows), to_grid.x)
        probabilities = sigmoid(band).reshape(queries, -1)
        planes[:, rows] = (by_class @ probabilities).reshape(len(by_class), -1, width)
    return planes


def _resize_rows(values: Array, kind: str, axis: Axis, rows: slice) -> Array:
    """Return rows (Q, rows, w) of the score grid, with the columns of the mask logits."""
    first = axis.cell[rows]
    second = np.minimum(first + 1, axis.n_in - 1)
    upper = widen(values[:, first], kind).astype(np.float32, copy=False)
    lower = widen(values[:, second], kind).astype(np.float32, copy=False)
    return _between(upper, lower, axis.t[rows, None])


def _resize_columns(values: Array, axis: Axis) -> Array:
    """Return values (Q, rows, w) with the columns of the score grid."""
    second = np.minimum(axis.cell + 1, axis.n_in - 1)
    left, right = np.take(values, axis.cell, axis=2), np.take(values, second, axis=2)
    return _between(left, right, axis.t)


def _between(first: Array, second: Array, share: Array) -> Array:
    """Return first + share * (second - first), in the memory of the arguments."""
    second -= first
    second *= share
    first += second
    return first
