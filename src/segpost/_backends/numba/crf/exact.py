"""The exact filter: Gaussian weights between all pairs of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from segpost._backends.numba.crf.rows import LANES, add_row, row_length
from segpost._backends.numba.crf.terms import (
    Block,
    Strip,
    apply_compatibility,
    features,
    normalization_factors,
    pad_compatibility,
)
from segpost._backends.numba.labels.probabilities import exp_negative
from segpost._backends.numba.threads import kernel, run
from segpost._backends.numba.tiles import pieces
from segpost._core.contract import Array, Pairwise

ROWS = 64  # pixels whose messages are computed together
OTHERS = 256  # pixels that send them, per pass
MAX_DISTANCE = np.float32(32.0)  # half a squared distance beyond which weights are negligible
MIN_SUM = 1e-6  # a pixel with a smaller sum over the other pixels gets no messages


class Exact:
    """A term by its definition: features of all pixels, sent values, and messages."""

    self_message: Array | None = None  # sums leave it out

    def __init__(
        self,
        term: Pairwise,
        size: tuple[int, int, int],
        labels: int,
        strips: Sequence[Strip],
        include_self: bool,
    ) -> None:
        pixels = strips[-1].end
        all_features = features(term, size, 0, pixels)
        self.features = (all_features - all_features.min(axis=0)).T.astype(np.float32)
        self.include_self = include_self
        sums = self.sums_of(np.ones((pixels, LANES), np.float32))[:, 0].astype(np.float64)
        self.before, self.after = normalization_factors(term, np.where(sums > MIN_SUM, sums, 0.0))
        self.compatibility = pad_compatibility(term, labels, 1.0)
        self.sent = np.empty((pixels, row_length(labels)), np.float32)

    def sums_of(self, values: Array) -> Array:
        """Return the product of the kernel and values [N, row]."""
        sums = np.empty_like(values)

        def work(part: tuple[int, int]) -> None:
            sum_pairs(self.features, values, self.include_self, *part, sums)

        pixels, row = values.shape
        run(work, pieces(pixels, ROWS), pixels * pixels * row)
        return sums

    def clear(self, strip: Strip) -> None:
        """Do nothing: `send` overwrites the values of all pixels."""

    def send(self, block: Block, values: Array) -> None:
        """Store the values of a block of pixels."""
        part = slice(block.begin, block.end)
        self.sent[part] = values if self.before is None else values * self.before[part, None]

    def join(self) -> None:
        """Compute the messages of all pixels from the values they sent."""
        self.messages = self.sums_of(self.sent)
        if self.after is not None:
            self.messages *= self.after[:, None]
        apply_compatibility(self.messages, self.compatibility, 0, len(self.messages))

    def receive(self, block: Block, values: Array) -> None:
        """Add the messages to the values of a block of pixels."""
        values += self.messages[block.begin : block.end]


@kernel
def sum_pairs(
    features: Any, values: Any, include_self: Any, begin: Any, end: Any, out: Any
) -> None:
    """Write rows ``begin:end`` of the product of the kernel and `values`, block by block."""
    pixels, row = values.shape
    distance = np.empty(OTHERS, np.float32)
    part = np.empty(row, np.float32)
    for i in range(begin, end):
        for label in range(row):
            out[i, label] = 0.0
    for first in range(0, pixels, OTHERS):
        count = min(OTHERS, pixels - first)
        for i in range(begin, end):
            distance[:] = np.float32(0.0)
            for f in range(features.shape[0]):
                feature, others = features[f, i], features[f, first : first + count]
                for j in range(count):
                    difference = others[j] - feature
                    distance[j] += np.float32(0.5) * difference * difference
            nearest = MAX_DISTANCE
            for j in range(count):
                nearest = min(nearest, distance[j])
            if not nearest < MAX_DISTANCE:
                continue
            part[:] = np.float32(0.0)
            for j in range(count):
                if distance[j] < MAX_DISTANCE and (include_self or first + j != i):
                    weight = exp_negative(-distance[j])
                    add_row(part, 0, values, (first + j) * row, weight, row)
            add_row(out, i * row, part, 0, np.float32(1.0), row)
