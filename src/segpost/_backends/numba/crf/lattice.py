"""The lattice filter: a Gaussian of any features on the permutohedral lattice."""

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
    apply_compatibility,
    features,
    normalization_factors,
    pad_compatibility,
    scale_self_weights,
)
from segpost._backends.numba.crf.variety import select_recipe
from segpost._backends.numba.crf.vertices import Vertices, embed
from segpost._backends.numba.threads import kernel, run
from segpost._backends.numba.tiles import pieces
from segpost._core.contract import Array, LatticeConfig, Pairwise

FEW_VERTICES = 1 << 14  # in smaller lattices all bridges are built: they are few
MAX_BRIDGED_VERTICES = 1 << 16  # in larger lattices only bridges with many neighbours are fast
MIN_NEIGHBOURS = 6  # neighbours of a bridge in larger lattices
TASK = 1 << 16  # floats of a task
AHEAD = 12  # rows of a chain that are prefetched
LINE = 16  # floats of a cache line
MIN_SHARE = 1e-4  # share of the other pixels in its sum, below which a pixel gets no messages


class Lattice:
    """A term on the lattice: values at vertices, which are blurred along chains of vertices."""

    def __init__(
        self,
        term: Pairwise,
        size: tuple[int, int, int],
        labels: int,
        strips: Sequence[Strip],
        config: LatticeConfig,
        include_self: bool,
    ) -> None:
        self.strips, self.config = strips, select_recipe(config, term, size)
        self.self_message: Array | None = None
        self.row = row_length(labels)
        scale = self.embed_pixels(term, size)
        self.collect()
        self.normalize(term, include_self)
        self.compatibility = pad_compatibility(
            term, labels, scale if term.normalization == "none" else 1.0
        )
        self.sums = np.empty((len(self.vertex), self.row), np.float32)
        self.rows = np.zeros(
            (len(self.vertices) + 1, self.row), np.float32
        )  # the last row is zero, for missing neighbours

    def embed_pixels(self, term: Pairwise, size: tuple[int, int, int]) -> float:
        """Embed pixels in the lattice; return the mass of exp(-x^2 / 2) over that of the blurs."""
        ranges, origin = extent(term, size)
        d, n = len(ranges), len(ranges) + 1
        passes, w = self.config.passes, self.config.blur_weight
        # Variances, in steps of an axis: 2 w / (1 + 2 w) per blur, 1/6 for splatting and slicing.
        variance = passes * 2 * w / (1 + 2 * w) + 1 / 6
        step = self.config.scale * math.sqrt(variance)
        factor = np.array([step * n / math.sqrt((i + 1) * (i + 2)) for i in range(d)])
        names = naming(coordinate_ranges(ranges * factor))
        pixels = self.strips[-1].end
        self.corner = np.empty((pixels, n), np.int32)
        self.weight = np.empty((pixels, n), np.float32)

        def work(strip: Strip) -> tuple[Array, Array]:
            part = slice(strip.begin, strip.end)
            pixel_features = features(term, size, strip.begin, strip.end) - origin
            width = 0 if names.unique else d
            strip_vertices: tuple[Array, Array] = embed(
                pixel_features, factor, names.factor, width, self.corner[part], self.weight[part]
            )
            return strip_vertices

        strip_vertices = run(work, self.strips, 16 * pixels * n)
        self.start = np.cumsum([0, *(len(strip_names) for strip_names, _ in strip_vertices)])
        all_names, all_keys = (np.concatenate(parts) for parts in zip(*strip_vertices, strict=True))
        self.vertices = Vertices(all_names, all_keys, names, n)
        self.vertex = self.vertices.ids  # of the strips' vertices
        bridge_min = self.config.bridge_min
        if bridge_min > 1:
            count = len(self.vertices)
            bridge_min = (
                1
                if count <= FEW_VERTICES
                else MIN_NEIGHBOURS
                if count > MAX_BRIDGED_VERTICES
                else bridge_min
            )
        if bridge_min:
            self.vertices.add_bridges(bridge_min)
        self.chains = self.vertices.chains()
        return float(
            (math.sqrt(2 * math.pi) * step) ** d * math.sqrt(n) / (1 + 2 * w) ** (n * passes)
        )

    def collect(self) -> None:
        """Index the strips' vertices of each vertex, and divide chains into tasks."""
        self.piece = np.argsort(self.vertex, kind="stable").astype(np.int32)
        counts = np.bincount(self.vertex, minlength=len(self.vertices))
        self.pieces = np.concatenate([[0], np.cumsum(counts)])
        self.cuts = []
        for order in self.chains:
            starts = np.flatnonzero(order < 0)
            targets = np.arange(0, len(order), max(TASK // self.row, 1))
            cuts = np.unique(np.append(starts, len(order))[np.searchsorted(starts, targets)])
            self.cuts.append([*zip(cuts, [*cuts[1:], len(order)], strict=True)])

    def normalize(self, term: Pairwise, include_self: bool) -> None:
        """Compute the factors of pixels; multiply the weights by them if both factors are equal."""
        n = self.corner.shape[1]
        values = np.zeros(len(self.vertices) + 1)
        for strip in self.strips:
            part = slice(strip.begin, strip.end)
            splat_sums(self.corner[part], self.weight[part], self.names(strip.number), values)
        for axis in self.passes():
            blur_sums(values, self.chains[axis], self.config.blur_weight)
        sums, self_weight = np.empty(len(self.corner)), np.empty(len(self.corner))
        paths = np.array(
            [response(m, n, self.config.passes, self.config.blur_weight) for m in range(n + 1)]
        )

        def work(strip: Strip) -> None:
            part = slice(strip.begin, strip.end)
            names = self.names(strip.number)
            slice_sums(self.corner[part], self.weight[part], names, values, sums[part])
            if not include_self:
                sum_self_weights(self.weight[part], paths, self_weight[part])

        run(work, self.strips, self.corner.size)
        if not include_self:
            sums = np.where(sums - self_weight > MIN_SHARE * sums, sums - self_weight, 0.0)
        self.before, self.after = normalization_factors(term, sums)
        if not include_self:
            self.self_message = scale_self_weights(self_weight, self.before, self.after)
        if term.normalization == "symmetric" and self.before is not None:
            self.weight *= self.before[:, None]
            self.before = self.after = None

    def names(self, strip: int) -> Array:
        """Return the vertices of the lattice for the vertices of a strip."""
        vertices: Array = self.vertex[self.start[strip] : self.start[strip + 1]]
        return vertices

    def passes(self) -> list[int]:
        """Return the axes of the blurs in order; the second pass has the reverse order."""
        once = [*range(self.corner.shape[1])]
        return [axis for i in range(self.config.passes) for axis in once[:: -1 if i % 2 else 1]]

    def clear(self, strip: Strip) -> None:
        """Set the vertices of a strip to zero."""
        self.sums[self.start[strip.number] : self.start[strip.number + 1]] = 0.0

    def send(self, block: Block, values: Array) -> None:
        """Splat the values of a block of pixels to the vertices."""
        part = slice(block.begin, block.end)
        sums = self.sums[self.start[block.strip] : self.start[block.strip + 1]]
        splat_rows(values, self.corner[part], self.weight[part], piece_of(self.before, part), sums)

    def receive(self, block: Block, values: Array) -> None:
        """Add the messages to the values of a block of pixels."""
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
        """Add up the strips, and blur along all axes."""

        def gather(part: tuple[int, int]) -> None:
            gather_rows(self.sums, self.piece, self.pieces, *part, self.rows)
            apply_compatibility(self.rows, self.compatibility, *part)

        run(gather, pieces(len(self.vertices), TASK // self.row), 2 * self.sums.size)
        blur_weight = np.float32(self.config.blur_weight)
        for axis in self.passes():
            chain = self.chains[axis]

            def blur(cut: tuple[int, int], chain: Array = chain) -> None:
                blur_rows(self.rows, chain, *cut, blur_weight)

            run(blur, self.cuts[axis], chain.size * self.row)


def piece_of(factor: Array | None, part: slice) -> Array:
    """Return the factors of some pixels; empty if there are no factors."""
    return np.empty(0, np.float32) if factor is None else factor[part]


def extent(term: Pairwise, size: tuple[int, int, int]) -> tuple[Array, Array]:
    """Return the range and the minimum of every feature, in sigmas."""
    ranges: list[float] = []
    if term.sigma is not None:
        ranges = [(n - 1) / sigma for n, sigma in zip(size, term.sigma, strict=True) if n > 1]
    minima = [0.0] * len(ranges)
    if term.guide is not None and term.guide_sigma is not None:
        channels = len(term.guide_sigma)
        guide_range = term.guide_range
        low, high = (
            ([0.0] * channels, [255.0] * channels)
            if guide_range is None
            else np.split(guide_range, 2)
        )
        ranges += [(b - a) / s for a, b, s in zip(low, high, term.guide_sigma, strict=True)]
        minima += [a / s for a, s in zip(low, term.guide_sigma, strict=True)]
    return np.array(ranges), np.array(minima)


def coordinate_ranges(lengths: Array) -> list[float]:
    """Return the maximum number of values of each coordinate, neighbours included."""
    n = len(lengths) + 1
    tails = np.append(np.cumsum(lengths[::-1])[::-1], 0.0)  # sums of the features from each on
    extents = [tails[0], *(tails[i] + lengths[i - 1] * i for i in range(1, n))]
    return [math.ceil(value) + 8.0 * n + 16.0 for value in extents]


def response(m: int, n: int, passes: int, w: float) -> float:
    """Return the weight of the blurs between two vertices of a simplex, m corners apart.

    All vertices must exist. The path has one step more along m axes than along the others, because
    equal steps along all axes return to the start.
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
    """Add the weights of pixels to vertices."""
    for p in range(corner.shape[0]):
        for k in range(corner.shape[1]):
            values[names[corner[p, k]]] += weight[p, k]


@kernel
def slice_sums(corner: Any, weight: Any, names: Any, values: Any, sums: Any) -> None:
    """Write the values of vertices interpolated at pixels."""
    for p in range(corner.shape[0]):
        total = 0.0
        for k in range(corner.shape[1]):
            total += weight[p, k] * values[names[corner[p, k]]]
        sums[p] = total


@kernel
def sum_self_weights(weight: Any, paths: Any, self_weight: Any) -> None:
    """Write the weight of the message of each pixel to itself."""
    for p in range(weight.shape[0]):
        total = 0.0
        for k in range(weight.shape[1]):
            for m in range(weight.shape[1]):
                total += weight[p, k] * weight[p, m] * paths[abs(k - m)]
        self_weight[p] = total


@kernel
def blur_sums(values: Any, chain: Any, blur_weight: Any) -> None:
    """Blur one value per vertex along chains, as `blur_rows` does; the last value is 0."""
    before, value = 0.0, 0.0
    for i in range(chain.size):
        v = chain[i]
        if v < 0:
            v = ~v
            before, value = 0.0, values[v]
        after = values[chain[i + 1]] if i + 1 < chain.size and chain[i + 1] >= 0 else 0.0
        values[v] = value + blur_weight * (before + after)
        before, value = value, after


@kernel
def splat_rows(values: Any, corner: Any, weight: Any, before: Any, sums: Any) -> None:
    """Splat the values of pixels to the vertices around them."""
    row = values.shape[1]
    for p in range(corner.shape[0]):
        factor = before[p] if before.size else np.float32(1.0)
        for k in range(corner.shape[1]):
            add_row(sums, corner[p, k] * row, values, p * row, factor * weight[p, k], row)


@kernel
def slice_rows(values: Any, corner: Any, weight: Any, after: Any, names: Any, rows: Any) -> None:
    """Add the interpolated values of vertices to pixels."""
    row = values.shape[1]
    for p in range(corner.shape[0]):
        factor = after[p] if after.size else np.float32(1.0)
        for k in range(corner.shape[1]):
            vertex = np.int64(names[corner[p, k]])
            add_row(values, p * row, rows, vertex * row, factor * weight[p, k], row)


@kernel
def gather_rows(sums: Any, piece: Any, pieces: Any, begin: Any, end: Any, rows: Any) -> None:
    """Write to vertices ``begin:end`` the sums over all strips, in the order of strips."""
    row = rows.shape[1]
    for v in range(begin, end):
        for label in range(row):
            rows[v, label] = 0.0
        for i in range(pieces[v], pieces[v + 1]):
            add_row(rows, v * row, sums, np.int64(piece[i]) * row, np.float32(1.0), row)


@kernel
def blur_rows(rows: Any, chain: Any, begin: Any, end: Any, blur_weight: Any) -> None:
    """Add to every vertex of a chain its two neighbours times `blur_weight`, in place."""
    row = rows.shape[1]
    zero_row = rows.shape[0] - 1
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
        after = chain[i + 1] if i + 1 < end and chain[i + 1] >= 0 else zero_row
        blur_row(rows, v * row, after * row, line, blur_weight, row)
