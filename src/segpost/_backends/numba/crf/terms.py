"""Common parts of the terms of a dense CRF: strips, features, normalization, compatibility."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from segpost._backends.numba.crf.rows import add_row, multiply_row, row_length
from segpost._backends.numba.threads import kernel
from segpost._backends.numba.tiles import pieces
from segpost._core.contract import Array, Pairwise

STRIP = 1 << 14  # approximate number of pixels of a strip
BLOCK = 1 << 11  # pixels that are computed together
ROWS = 16  # the rows of a strip are a multiple, which every step of a grid divides


class Block(NamedTuple):
    """Rows of pixels, over all slices, that are computed together."""

    strip: int
    y0: int
    y1: int
    begin: int  # the pixels of the rows
    end: int


class Strip(NamedTuple):
    """Rows that one thread computes; the sums of strips are added in their order."""

    number: int
    y0: int
    y1: int
    begin: int
    end: int
    blocks: list[Block]


class Term(Protocol):
    """A pairwise term: messages are sums over all pixels of Gaussian weights times values."""

    self_message: Array | None  # [N] weights of messages to the pixel itself, which are subtracted
    compatibility: Array  # [1, row], one factor per label, or [row, row], by sender and receiver

    def clear(self, strip: Strip) -> None:
        """Reset the sums of a strip."""

    def send(self, block: Block, values: Array) -> None:
        """Add the values of a block of pixels, [pixels, row], to the sums."""

    def join(self) -> None:
        """Compute the messages from the values of all pixels."""

    def receive(self, block: Block, values: Array) -> None:
        """Add the messages to the values of a block of pixels."""


def strips(rows: int, width: int) -> list[Strip]:
    """Return the strips of an image, which do not depend on the number of threads."""
    result = []
    for number, (y0, y1) in enumerate(pieces(rows, -(-STRIP // (ROWS * width)) * ROWS)):
        blocks = [
            Block(number, y0 + a, y0 + b, (y0 + a) * width, (y0 + b) * width)
            for a, b in pieces(y1 - y0, BLOCK // width)
        ]
        result.append(Strip(number, y0, y1, y0 * width, y1 * width, blocks))
    return result


def pad_compatibility(term: Pairwise, labels: int, scale: float) -> Array:
    """Return the compatibility of a term times `scale`, padded to whole rows."""
    row = row_length(labels)
    values = scale * term.compatibility
    if values.ndim == 2:
        square = np.zeros((row, row), np.float32)
        square[:labels, :labels] = values.T
        return square
    line = np.zeros((1, row), np.float32)
    line[0, :labels] = values
    return line


def features(term: Pairwise, size: tuple[int, int, int], begin: int, end: int) -> Array:
    """Return positions and guide of pixels in sigmas, [pixels, features], without constant ones."""
    parts: list[Any] = []
    if term.sigma is not None:
        positions = np.unravel_index(np.arange(begin, end), size)
        pairs = zip(positions, term.sigma, size, strict=True)
        parts += [position / sigma for position, sigma, n in pairs if n > 1]
    if term.guide is not None and term.guide_sigma is not None:
        rows = slice(begin // size[2], -(-end // size[2]))
        channels = len(term.guide_sigma)
        guide = term.guide
        if guide.shape[0] > 1:
            guide = guide.reshape(1, -1, size[2], channels)
        parts += [*(guide[0, rows].reshape(-1, channels) / term.guide_sigma).T]
    columns = np.empty((end - begin, len(parts)))
    for i, feature in enumerate(parts):
        columns[:, i] = feature
    return columns


def normalization_factors(term: Pairwise, sums: Array) -> tuple[Array | None, Array | None]:
    """Return the normalization factors of sent and received values, from sums over all pixels."""
    if term.normalization == "none":
        return None, None
    power = -0.5 if term.normalization == "symmetric" else -1.0
    positive = sums > 0
    factor = np.where(positive, np.where(positive, sums, 1.0) ** power, 0.0).astype(np.float32)
    before = None if term.normalization == "row" else factor
    return before, None if term.normalization == "column" else factor


def scale_self_weights(weights: Array, before: Array | None, after: Array | None) -> Array:
    """Return the weights of messages to the pixel itself, times both factors."""
    for factor in (before, after):
        weights = weights if factor is None else weights * factor
    return weights.astype(np.float32)


@kernel
def apply_compatibility(rows: Any, compatibility: Any, begin: Any, end: Any) -> None:
    """Multiply rows ``begin:end`` by a factor per label, or by a matrix."""
    row = rows.shape[1]
    if compatibility.shape[0] == 1:
        for i in range(begin, end):
            multiply_row(rows, i * row, compatibility, 0, row)
        return
    total = np.empty(row, np.float32)
    for i in range(begin, end):
        for label in range(row):
            total[label] = rows[i, label]
            rows[i, label] = 0.0
        for label in range(row):
            add_row(rows, i * row, compatibility, label * row, total[label], row)


@kernel
def subtract_self_message(values: Any, q: Any, self_message: Any, compatibility: Any) -> None:
    """Subtract from messages those of pixels to themselves, which sent `q`."""
    row = values.shape[1]
    line = np.empty((1, row), np.float32)
    for i in range(self_message.size):
        for label in range(row):
            line[0, label] = q[i, label]
        apply_compatibility(line, compatibility, 0, 1)
        add_row(values, i * row, line, 0, -self_message[i], row)
