"""What the terms of a dense CRF have in common: pixels in strips, features, and attraction."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from segpost._backends.numba.crf.rows import add_row, multiply_row, row_length
from segpost._backends.numba.threads import kernel
from segpost._backends.numba.tiles import pieces
from segpost._core.contract import Array, Pairwise

STRIP = 1 << 14  # pixels of a strip, about
BLOCK = 1 << 11  # pixels that are handled together
ROWS = 16  # a strip has a multiple of them: every step of a grid divides it


class Block(NamedTuple):
    """Rows of pixels that are handled together, of all slices."""

    strip: int
    y0: int
    y1: int
    begin: int  # their pixels
    end: int


class Strip(NamedTuple):
    """Rows that one thread handles; sums over them are joined in their order."""

    number: int
    y0: int
    y1: int
    begin: int
    end: int
    blocks: list[Block]


class Term(Protocol):
    """Sums over all pixels of how near they are, times what each has."""

    self_message: (
        Array | None
    )  # [N] what a pixel sends to itself and has to be taken out, before attraction
    attraction: Array  # [1, row] a factor of each label, or [row, row], from and to

    def clear(self, strip: Strip) -> None:
        """Forget what the pixels of a strip sent."""

    def send(self, block: Block, values: Array) -> None:
        """Take what pixels have, [pixels, row]."""

    def join(self) -> None:
        """Make messages of what all have sent."""

    def receive(self, block: Block, values: Array) -> None:
        """Add the messages to pixels."""


def strips(rows: int, width: int) -> list[Strip]:
    """The strips of an image, the same for any number of threads."""
    found = []
    for number, (y0, y1) in enumerate(pieces(rows, -(-STRIP // (ROWS * width)) * ROWS)):
        blocks = [
            Block(number, y0 + a, y0 + b, (y0 + a) * width, (y0 + b) * width)
            for a, b in pieces(y1 - y0, BLOCK // width)
        ]
        found.append(Strip(number, y0, y1, y0 * width, y1 * width, blocks))
    return found


def attraction(term: Pairwise, labels: int, scale: float) -> Array:
    """That of a term times `scale`, padded to whole rows."""
    row = row_length(labels)
    given = scale * term.compatibility
    if given.ndim == 2:
        square = np.zeros((row, row), np.float32)
        square[:labels, :labels] = given.T
        return square
    line = np.zeros((1, row), np.float32)
    line[0, :labels] = given
    return line


def features(term: Pairwise, size: tuple[int, int, int], begin: int, end: int) -> Array:
    """Places and guide of some pixels in sigmas, [pixels, features]; constant ones are left out."""
    found: list[Any] = []
    if term.sigma is not None:
        places = np.unravel_index(np.arange(begin, end), size)
        pairs = zip(places, term.sigma, size, strict=True)
        found += [place / sigma for place, sigma, n in pairs if n > 1]
    if term.guide is not None and term.guide_sigma is not None:
        rows = slice(begin // size[2], -(-end // size[2]))
        channels = len(term.guide_sigma)
        guide = term.guide
        if guide.shape[0] > 1:
            guide = guide.reshape(1, -1, size[2], channels)
        found += [*(guide[0, rows].reshape(-1, channels) / term.guide_sigma).T]
    columns = np.empty((end - begin, len(found)))
    for i, feature in enumerate(found):
        columns[:, i] = feature
    return columns


def normalized(term: Pairwise, sums: Array) -> tuple[Array | None, Array | None]:
    """Factors of what is sent and what is received, by the sums over all pixels."""
    if term.normalization == "none":
        return None, None
    power = -0.5 if term.normalization == "symmetric" else -1.0
    positive = sums > 0
    factor = np.where(positive, np.where(positive, sums, 1.0) ** power, 0.0).astype(np.float32)
    left = None if term.normalization == "row" else factor
    return left, None if term.normalization == "column" else factor


def scaled(own: Array, before: Array | None, after: Array | None) -> Array:
    """What pixels send to themselves, after both factors."""
    for factor in (before, after):
        own = own if factor is None else own * factor
    return own.astype(np.float32)


@kernel
def attract(rows: Any, attraction: Any, begin: Any, end: Any) -> None:
    """Rows ``begin:end`` times a factor of each label, or a matrix."""
    row = rows.shape[1]
    if attraction.shape[0] == 1:
        for i in range(begin, end):
            multiply_row(rows, i * row, attraction, 0, row)
        return
    total = np.empty(row, np.float32)
    for i in range(begin, end):
        for label in range(row):
            total[label] = rows[i, label]
            rows[i, label] = 0.0
        for label in range(row):
            add_row(rows, i * row, attraction, label * row, total[label], row)


@kernel
def subtract_self_message(values: Any, q: Any, self_message: Any, attraction: Any) -> None:
    """Take out of messages what pixels sent to themselves, whose `q` is as before."""
    row = values.shape[1]
    line = np.empty((1, row), np.float32)
    for i in range(self_message.size):
        for label in range(row):
            line[0, label] = q[i, label]
        attract(line, attraction, 0, 1)
        add_row(values, i * row, line, 0, -self_message[i], row)
