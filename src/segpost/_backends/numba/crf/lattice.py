"""A Gaussian of any features on the permutohedral lattice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from segpost._backends.numba.crf.keys import naming
from segpost._backends.numba.crf.rows import LANES, add_row, blur_row, prefetch, row_length
from segpost._backends.numba.crf.terms import (
    Block,
    Strip,
    attract,
    attraction,
    features,
    normalized,
    scaled,
)
from segpost._backends.numba.crf.vertices import Vertices, embed
from segpost._backends.numba.threads import kernel, run
from segpost._backends.numba.tiles import pieces
from segpost._core.contract import Array, LatticeConfig, Pairwise

MANY = 1 << 16  # vertices whose bridges would cost more than they are worth: the busiest alone
MANY_BRIDGED = 6
TASK = 1 << 16  # floats of a task
AHEAD = 12  # rows of a chain that are asked for before they are blurred
LINE = 16  # floats of a line of memory
ALONE = 1e-4  # of its sum: a pixel that the others reach with no more is alone


class Lattice:
    """Pixels in their simplices, vertices in chains, and what is sent along them."""

    def __init__(
        self,
        term: Pairwise,
        size: tuple[int, int, int],
        labels: int,
        strips: Sequence[Strip],
        config: LatticeConfig,
        include_self: bool,
    ) -> None:
        self.strips, self.config = strips, config
        self.self_message: Array | None = None
        self.row = row_length(labels)
        scale = self.place(term, size)
        self.collect()
        self.normalize(term, include_self)
        self.attraction = attraction(term, labels, scale if term.normalization == "none" else 1.0)
        self.sums = np.empty((len(self.vertex), self.row), np.float32)
        self.rows = np.zeros((len(self.vertices) + 1, self.row), np.float32)  # the last is nobody

    def place(self, term: Pairwise, size: tuple[int, int, int]) -> float:
        """Place pixels between vertices; the mass of exp(-x^2 / 2) to that of the blurs."""
        ranges, origin = extent(term, size)
        d, n = len(ranges), len(ranges) + 1
        passes, w = self.config.passes, self.config.blur_weight
        # Variances, in steps of an axis: 2 w / (1 + 2 w) a blur, 1/6 for there and back.
        variance = passes * 2 * w / (1 + 2 * w) + 1 / 6
        step = self.config.scale * math.sqrt(variance)
        factor = np.array([step * n / math.sqrt((i + 1) * (i + 2)) for i in range(d)])
        names = naming(coordinate_ranges(ranges * factor))
        pixels = self.strips[-1].end
        self.corner = np.empty((pixels, n), np.int32)
        self.weight = np.empty((pixels, n), np.float32)

        def work(strip: Strip) -> tuple[Array, Array]:
            part = slice(strip.begin, strip.end)
            found = features(term, size, strip.begin, strip.end) - origin
            width = 0 if names.unique else d
            made: tuple[Array, Array] = embed(
                found, factor, names.factor, width, self.corner[part], self.weight[part]
            )
            return made

        made = run(work, self.strips, 16 * pixels * n)
        self.start = np.cumsum([0, *(len(strip_names) for strip_names, _ in made)])
        all_names, all_keys = (np.concatenate(parts) for parts in zip(*made, strict=True))
        self.vertices = Vertices(all_names, all_keys, names, n)
        self.vertex = self.vertices.ids  # of the strips' vertices
        least = self.config.bridge_min
        if least:
            self.vertices.add_bridges(
                MANY_BRIDGED if least > 1 and len(self.vertices) > MANY else least
            )
        self.chains = self.vertices.chains()
        return float(
            (math.sqrt(2 * math.pi) * step) ** d * math.sqrt(n) / (1 + 2 * w) ** (n * passes)
        )

    def collect(self) -> None:
        """Where the strips' vertices of each vertex are, and where to cut chains."""
        self.piece = np.argsort(self.vertex, kind="stable").astype(np.int32)
        counts = np.bincount(self.vertex, minlength=len(self.vertices))
        self.pieces = np.concatenate([[0], np.cumsum(counts)])
        self.cuts = []
        for order in self.chains:
            starts = np.flatnonzero(order < 0)
            wanted = np.arange(0, len(order), max(TASK // self.row, 1))
            cuts = np.unique(np.append(starts, len(order))[np.searchsorted(starts, wanted)])
            self.cuts.append([*zip(cuts, [*cuts[1:], len(order)], strict=True)])

    def normalize(self, term: Pairwise, include_self: bool) -> None:
        """Factors of pixels; where both are the same they go into the weights."""
        n = self.corner.shape[1]
        values = np.zeros(len(self.vertices) + 1)
        for strip in self.strips:
            part = slice(strip.begin, strip.end)
            splat_sums(self.corner[part], self.weight[part], self.names(strip.number), values)
        for axis in self.passes():
            blur_sums(values, self.chains[axis], self.config.blur_weight)
        sums, alone = np.empty(len(self.corner)), np.empty(len(self.corner))
        paths = np.array(
            [response(m, n, self.config.passes, self.config.blur_weight) for m in range(n + 1)]
        )

        def work(strip: Strip) -> None:
            part = slice(strip.begin, strip.end)
            names = self.names(strip.number)
            slice_sums(self.corner[part], self.weight[part], names, values, sums[part])
            if not include_self:
                stay(self.weight[part], paths, alone[part])

        run(work, self.strips, self.corner.size)
        if not include_self:
            sums = np.where(sums - alone > ALONE * sums, sums - alone, 0.0)
        self.before, self.after = normalized(term, sums)
        if not include_self:
            self.self_message = scaled(alone, self.before, self.after)
        if term.normalization == "symmetric" and self.before is not None:
            self.weight *= self.before[:, None]
            self.before = self.after = None

    def names(self, strip: int) -> Array:
        """The vertices of the lattice that are a strip's."""
        found: Array = self.vertex[self.start[strip] : self.start[strip + 1]]
        return found

    def passes(self) -> list[int]:
        """The axes along which is blurred, the second time in the opposite order."""
        once = [*range(self.corner.shape[1])]
        return [axis for i in range(self.config.passes) for axis in once[:: -1 if i % 2 else 1]]

    def clear(self, strip: Strip) -> None:
        self.sums[self.start[strip.number] : self.start[strip.number + 1]] = 0.0

    def send(self, block: Block, values: Array) -> None:
        part = slice(block.begin, block.end)
        sums = self.sums[self.start[block.strip] : self.start[block.strip + 1]]
        splat_rows(values, self.corner[part], self.weight[part], piece_of(self.before, part), sums)

    def receive(self, block: Block, values: Array) -> None:
        part = slice(block.begin, block.end)
        slice_rows(
            values,
            self.corner[part],
            self.weight[part],
            piece_of(self.after, part),
            self.names(block.strip),
            self.rows,
        )

    def join(self) -> None:
        def gather(part: tuple[int, int]) -> None:
            gather_rows(self.sums, self.piece, self.pieces, *part, self.rows)
            attract(self.rows, self.attraction, *part)

        run(gather, pieces(len(self.vertices), TASK // self.row), 2 * self.sums.size)
        blur_weight = np.float32(self.config.blur_weight)
        for axis in self.passes():
            chain = self.chains[axis]

            def blur(cut: tuple[int, int], chain: Array = chain) -> None:
                blur_rows(self.rows, chain, *cut, blur_weight)

            run(blur, self.cuts[axis], chain.size * self.row)


def piece_of(factor: Array | None, part: slice) -> Array:
    """That of some pixels; empty where there is none."""
    return np.empty(0, np.float32) if factor is None else factor[part]


def extent(term: Pairwise, size: tuple[int, int, int]) -> tuple[Array, Array]:
    """How far features reach, and where they begin, in sigmas."""
    far: list[float] = []
    if term.sigma is not None:
        far = [(n - 1) / sigma for n, sigma in zip(size, term.sigma, strict=True) if n > 1]
    least = [0.0] * len(far)
    if term.guide is not None and term.guide_sigma is not None:
        channels = len(term.guide_sigma)
        known = term.guide_range
        low, high = ([0.0] * channels, [255.0] * channels) if known is None else np.split(known, 2)
        far += [(b - a) / s for a, b, s in zip(low, high, term.guide_sigma, strict=True)]
        least += [a / s for a, s in zip(low, term.guide_sigma, strict=True)]
    return np.array(far), np.array(least)


def coordinate_ranges(scaled: Array) -> list[float]:
    """How many values coordinates of vertices and simplices take at most, neighbours included."""
    n = len(scaled) + 1
    after = np.append(np.cumsum(scaled[::-1])[::-1], 0.0)  # sums of features from one on
    reach = [after[0], *(after[i] + scaled[i - 1] * i for i in range(1, n))]
    return [math.ceil(value) + 8.0 * n + 16.0 for value in reach]


def response(m: int, n: int, passes: int, w: float) -> float:
    """What blurs carry from a vertex to another of its simplex, m corners away.

    No vertex may be missing: m axes have one step more than the others, and equal steps along all
    lead nowhere.
    """
    once = {-1: w, 0: 1.0, 1: w}
    twice = {
        -2: w**2,
        -1: 2 * w,
        0: 1 + 2 * w**2,
        1: 2 * w,
        2: w**2,
    }
    step = twice if passes > 1 else once
    return sum(step.get(t + 1, 0.0) ** m * step.get(t, 0.0) ** (n - m) for t in range(-3, 3))


@kernel
def splat_sums(corner: Any, weight: Any, names: Any, values: Any) -> None:
    """Weights of pixels, summed up at vertices."""
    for p in range(corner.shape[0]):
        for k in range(corner.shape[1]):
            values[names[corner[p, k]]] += weight[p, k]


@kernel
def slice_sums(corner: Any, weight: Any, names: Any, values: Any, sums: Any) -> None:
    """Values at pixels."""
    for p in range(corner.shape[0]):
        total = 0.0
        for k in range(corner.shape[1]):
            total += weight[p, k] * values[names[corner[p, k]]]
        sums[p] = total


@kernel
def stay(weight: Any, paths: Any, alone: Any) -> None:
    """What of a pixel's own comes back to it."""
    for p in range(weight.shape[0]):
        total = 0.0
        for k in range(weight.shape[1]):
            for m in range(weight.shape[1]):
                total += weight[p, k] * weight[p, m] * paths[abs(k - m)]
        alone[p] = total


@kernel
def blur_sums(values: Any, chain: Any, blur_weight: Any) -> None:
    """The same as `blur_rows` for one value a vertex; the last is nobody's, and 0."""
    before, here = 0.0, 0.0
    for i in range(chain.size):
        v = chain[i]
        if v < 0:
            v = ~v
            before, here = 0.0, values[v]
        after = values[chain[i + 1]] if i + 1 < chain.size and chain[i + 1] >= 0 else 0.0
        values[v] = here + blur_weight * (before + after)
        before, here = here, after


@kernel
def splat_rows(values: Any, corner: Any, weight: Any, before: Any, sums: Any) -> None:
    """What pixels have goes to the vertices around them."""
    row = values.shape[1]
    for p in range(corner.shape[0]):
        factor = before[p] if before.size else np.float32(1.0)
        for k in range(corner.shape[1]):
            add_row(sums, corner[p, k] * row, values, p * row, factor * weight[p, k], row)


@kernel
def slice_rows(values: Any, corner: Any, weight: Any, after: Any, names: Any, rows: Any) -> None:
    """Pixels get what the vertices around them have."""
    row = values.shape[1]
    for p in range(corner.shape[0]):
        factor = after[p] if after.size else np.float32(1.0)
        for k in range(corner.shape[1]):
            vertex = np.int64(names[corner[p, k]])
            add_row(values, p * row, rows, vertex * row, factor * weight[p, k], row)


@kernel
def gather_rows(sums: Any, piece: Any, pieces: Any, begin: Any, end: Any, rows: Any) -> None:
    """Vertices ``begin:end`` get the sums of all strips, in their order."""
    row = rows.shape[1]
    for v in range(begin, end):
        for label in range(row):
            rows[v, label] = 0.0
        for i in range(pieces[v], pieces[v + 1]):
            add_row(rows, v * row, sums, np.int64(piece[i]) * row, np.float32(1.0), row)


@kernel
def blur_rows(rows: Any, chain: Any, begin: Any, end: Any, blur_weight: Any) -> None:
    """Every vertex of a chain becomes itself and `blur_weight` of its two neighbours, in place."""
    row = rows.shape[1]
    nobody = rows.shape[0] - 1
    line = np.zeros((2, row), np.float32)
    for i in range(begin, end):
        if i + AHEAD < end:
            soon = np.int64(chain[i + AHEAD])
            prefetch(rows, (soon if soon >= 0 else ~soon) * row)
            prefetch(rows, (soon if soon >= 0 else ~soon) * row + min(LINE, row - LANES))
        v = np.int64(chain[i])
        if v < 0:
            v = ~v
            for label in range(row):
                line[0, label] = 0.0
                line[1, label] = rows[v, label]
        after = chain[i + 1] if i + 1 < end and chain[i + 1] >= 0 else nobody
        blur_row(rows, v * row, after * row, line, blur_weight, row)
