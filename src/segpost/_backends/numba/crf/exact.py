"""A Gaussian between every two pixels, summed up as it is defined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from segpost._backends.numba.crf.rows import LANES, add_row, row_length
from segpost._backends.numba.crf.terms import (
    Block,
    Strip,
    attract,
    attraction,
    features,
    normalized,
)
from segpost._backends.numba.labels.probabilities import exp_negative
from segpost._backends.numba.threads import kernel, run
from segpost._backends.numba.tiles import pieces
from segpost._core.contract import Array, Pairwise

ROWS = 64  # pixels whose messages are made together
OTHERS = 256  # of that many pixels
FAR = np.float32(32.0)  # half a squared distance beyond which a pixel is as good as not there
NOTHING = 1e-6  # a pixel that the others reach with no more, its own term left out, is alone


class Exact:
    """Features of all pixels, what they sent, and what comes of it."""

    self_message: Array | None = None  # it is left out where sums are made

    def __init__(
        self,
        term: Pairwise,
        size: tuple[int, int, int],
        labels: int,
        strips: Sequence[Strip],
        include_self: bool,
    ) -> None:
        pixels = strips[-1].end
        found = features(term, size, 0, pixels)
        self.features = (found - found.min(axis=0)).T.astype(np.float32)
        self.include_self = include_self
        sums = self.sums_of(np.ones((pixels, LANES), np.float32))[:, 0].astype(np.float64)
        self.before, self.after = normalized(term, np.where(sums > NOTHING, sums, 0.0))
        self.attraction = attraction(term, labels, 1.0)
        self.sent = np.empty((pixels, row_length(labels)), np.float32)

    def sums_of(self, values: Array) -> Array:
        """The kernel times [N, row]."""
        found = np.empty_like(values)

        def work(part: tuple[int, int]) -> None:
            sum_pairs(self.features, values, self.include_self, *part, found)

        pixels, row = values.shape
        run(work, pieces(pixels, ROWS), pixels * pixels * row)
        return found

    def clear(self, strip: Strip) -> None:
        pass

    def send(self, block: Block, values: Array) -> None:
        part = slice(block.begin, block.end)
        self.sent[part] = values if self.before is None else values * self.before[part, None]

    def join(self) -> None:
        self.messages = self.sums_of(self.sent)
        if self.after is not None:
            self.messages *= self.after[:, None]
        attract(self.messages, self.attraction, 0, len(self.messages))

    def receive(self, block: Block, values: Array) -> None:
        values += self.messages[block.begin : block.end]


@kernel
def sum_pairs(
    features: Any, values: Any, include_self: Any, begin: Any, end: Any, out: Any
) -> None:
    """Rows ``begin:end`` of the kernel times `values`, some columns at a time."""
    pixels, row = values.shape
    near = np.empty(OTHERS, np.float32)
    part = np.empty(row, np.float32)
    for i in range(begin, end):
        for label in range(row):
            out[i, label] = 0.0
    for first in range(0, pixels, OTHERS):
        count = min(OTHERS, pixels - first)
        for i in range(begin, end):
            near[:] = np.float32(0.0)
            for f in range(features.shape[0]):
                here, there = features[f, i], features[f, first : first + count]
                for j in range(count):
                    by = there[j] - here
                    near[j] += np.float32(0.5) * by * by
            least = FAR
            for j in range(count):
                least = min(least, near[j])
            if not least < FAR:
                continue
            part[:] = np.float32(0.0)
            for j in range(count):
                if near[j] < FAR and (include_self or first + j != i):
                    weight = exp_negative(-near[j])
                    add_row(part, 0, values, (first + j) * row, weight, row)
            add_row(out, i * row, part, 0, np.float32(1.0), row)
