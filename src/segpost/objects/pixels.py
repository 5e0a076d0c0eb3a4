"""Pixels of runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._core.contract import Array
from segpost.objects.run_table import RunTable


def draw_labels(table: RunTable, background: int) -> Array:
    """Return the label of every pixel (H, W), uint8, int32 or int64; see `Regions.to_labels`.

    Raises
    ------
    ValueError
        For a background that has more than 64 bits.
    """
    labels = np.full((1, *table.size), background, fitting_dtype(table.labels, background))
    draw_runs(table, labels, np.zeros_like(table.region), table.labels[table.region])
    pixels: Array = labels[0]
    return pixels


def fitting_dtype(labels: Array, background: int) -> type[np.integer[Any]]:
    """Return the smallest of uint8, int32 and int64 that holds labels and a background.

    Raises
    ------
    ValueError
        For a background that has more than 64 bits.
    """
    values = [background]
    if len(labels):
        values += [int(labels.min()), int(labels.max())]
    lowest, highest = min(values), max(values)
    for kind in (np.uint8, np.int32, np.int64):
        limits = np.iinfo(kind)
        if limits.min <= lowest and highest <= limits.max:
            return kind
    raise ValueError(f"background must be an integer of 64 bits, got {background}")


def draw_runs(table: RunTable, out: Array, image: Array, value: Array) -> None:
    """Write a value to the pixels of every run in an image of `out`, (N, H, W)."""
    columns = out.transpose(0, 2, 1)
    for i, x, y0, y1, v in zip(
        image.tolist(),
        table.column.tolist(),
        table.top.tolist(),
        table.bottom.tolist(),
        value.tolist(),
        strict=True,
    ):
        columns[i, x, y0:y1] = v
