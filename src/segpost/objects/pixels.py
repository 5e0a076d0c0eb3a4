"""Pixels of runs."""

from __future__ import annotations

from segpost._core.contract import Array
from segpost.objects.run_table import RunTable


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
