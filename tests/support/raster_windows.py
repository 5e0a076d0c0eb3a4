"""Logits of the windows of a raster, computed from their index alone, and the merged whole."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import segpost


@dataclass(frozen=True)
class Raster:
    """A raster whose windows overlap by a quarter; logits are at a quarter of the pixels."""

    size: tuple[int, int]
    side: int  # of a window
    classes: int = 19

    @property
    def windows(self) -> list[tuple[int, int, int, int]]:
        """The windows, row by row."""
        side = (self.side, self.side)
        step = (3 * self.side // 4, 3 * self.side // 4)
        return list(segpost.windows(self.size, side, step))

    def read(self, index: int) -> Any:
        """Return the logits of a window: smooth areas, and noise in some."""
        random = np.random.default_rng(index)
        side = self.side // 4
        areas = random.normal(size=(self.classes, -(-side // 8), -(-side // 8)))
        smooth = np.kron(areas, np.ones((8, 8)))[:, :side, :side]
        noise = random.normal(size=smooth.shape) * (index % 3) / 2
        return (3 * smooth + noise).astype(np.float16)

    @cached_property
    def merged(self) -> Any:
        """Labels and confidence by a `Merger` of the whole raster."""
        merger = segpost.Merger(self.size, self.classes)
        for index, window in enumerate(self.windows):
            merger.add(self.read(index), window=window)
        mean = merger.result()
        return segpost.argmax(mean), mean.max(axis=0)


def assemble(blocks: Any, size: tuple[int, int]) -> tuple[Any, Any]:
    """Return labels and confidence of the blocks of `merged_blocks`; every pixel comes once."""
    labels, confidence = np.zeros(size, np.uint8), np.full(size, np.nan, np.float32)
    for y, x, seg in blocks:
        part = np.s_[y : y + seg.labels.shape[0], x : x + seg.labels.shape[1]]
        assert np.isnan(confidence[part]).all()
        labels[part], confidence[part] = seg.labels, seg.confidence
    assert not np.isnan(confidence).any()
    return labels, confidence
