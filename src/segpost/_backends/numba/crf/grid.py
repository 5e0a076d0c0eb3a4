"""The grid filter: a separable Gaussian of positions, on a grid with a node every few pixels.

Up(x, k) distributes a pixel over its two nodes; K = Up G Up^T.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from segpost._backends.numba.crf.rows import add_row, row_length
from segpost._backends.numba.crf.terms import (
    Block,
    Strip,
    apply_compatibility,
    normalization_factors,
    pad_compatibility,
    scale_self_weights,
)
from segpost._backends.numba.threads import kernel, run
from segpost._backends.numba.tiles import pieces
from segpost._core.contract import Array, Pairwise

MAX_STEP = 16  # pixels between nodes
CHUNK = 1 << 10  # floats that are blurred together
TASK = 1 << 16  # floats of a task
MIN_SHARE = 1e-6  # share of the other pixels in its sum, below which a pixel gets no messages


class Axis:
    """One axis: its nodes, the taps between nodes, and the weights of pixels at their two nodes."""

    def __init__(self, n: int, sigma: float) -> None:
        step = 1
        while step < MAX_STEP and 2 * step <= 0.7 * sigma:
            step *= 2
        self.step = step
        self.nodes = nodes = 1 if n < 2 else (n - 2 + step) // step + 1
        # Splatting and slicing add a variance of (step^2 - 1) / 3.
        width = math.sqrt((sigma**2 - (step**2 - 1) / 3) / step**2)
        exact_radius = 4 * width if step == 1 else 3.5 * width
        radius = min(nodes - 1, math.ceil(min(exact_radius, 1e9)))
        mass = 1.0 if step == 1 else sigma / (step * width)
        taps = mass * np.exp(-0.5 * (np.arange(radius + 1) / width) ** 2)
        self.taps = taps.astype(np.float32)
        x = np.arange(n)
        node, right = x // step, (x % step) / step
        self.up = np.stack([1 - right, right], axis=1)
        count = np.bincount(node, self.up[:, 0], nodes + 1)
        count += np.bincount(node + 1, self.up[:, 1], nodes + 1)
        blurred = taps[0] * count
        for k in range(1, radius + 1):
            blurred[k:nodes] += taps[k] * count[: nodes - k]
            blurred[: nodes - k] += taps[k] * count[k:nodes]
        blurred[nodes] = 0.0
        self.sums = self.up[:, 0] * blurred[node] + self.up[:, 1] * blurred[node + 1]
        side_tap = taps[1] if radius else 0.0
        self.self_weight = (self.up**2).sum(axis=1) * taps[0] + 2 * self.up.prod(axis=1) * side_tap

    def weights(self, factor: Array | None) -> Array:
        """Return the weights of pixels at their two nodes, [n, 2], times a factor."""
        weights_at_nodes = self.up if factor is None else self.up * factor[:, None]
        return weights_at_nodes.astype(np.float32)


class Grid:
    """A term on the grid of an image: values at nodes, which are blurred along both axes."""

    def __init__(
        self,
        term: Pairwise,
        size: tuple[int, int, int],
        labels: int,
        strips: Sequence[Strip],
        include_self: bool,
    ) -> None:
        assert term.sigma is not None
        self.width, self.strips = size[2], strips
        self.y, self.x = Axis(size[1], term.sigma[1]), Axis(size[2], term.sigma[2])
        self.self_message: Array | None = None
        self.before: Array | None = None
        self.after: Array | None = None
        if include_self:
            (in_y, out_y), (in_x, out_x) = (
                normalization_factors(term, a.sums) for a in (self.y, self.x)
            )
        else:  # the normalization is not separable
            in_y = out_y = in_x = out_x = None
            sums, self_weight = (
                np.outer(self.y.sums, self.x.sums),
                np.outer(self.y.self_weight, self.x.self_weight),
            )
            sums = np.where(sums - self_weight > MIN_SHARE * sums, sums - self_weight, 0.0).ravel()
            self.before, self.after = normalization_factors(term, sums)
            self.self_message = scale_self_weights(self_weight.ravel(), self.before, self.after)
        self.in_y, self.out_y = self.y.weights(in_y), self.y.weights(out_y)
        self.in_x, self.out_x = self.x.weights(in_x), self.x.weights(out_x)
        self.compatibility = pad_compatibility(term, labels, 1.0)
        shape = self.x.nodes, row_length(labels)
        self.sums = np.empty((self.y.nodes, *shape), np.float32)
        self.rows = np.empty((self.y.nodes, *shape), np.float32)
        self.below = np.empty((len(strips), *shape), np.float32)  # nodes of the next strip

    def next_strip_row(self, strip: Strip) -> int:
        """Return the first row of nodes that belongs to the next strip."""
        last = strip.number + 1 == len(self.strips)
        return self.y.nodes if last else strip.y1 // self.y.step

    def clear(self, strip: Strip) -> None:
        """Set the nodes of a strip to zero."""
        self.sums[strip.y0 // self.y.step : self.next_strip_row(strip)] = 0.0
        self.below[strip.number] = 0.0

    def send(self, block: Block, values: Array) -> None:
        """Splat the values of a block of pixels to the nodes."""
        splat_grid(
            values,
            block.y0,
            (self.y.step, self.x.step),
            (self.in_y, self.in_x),
            piece_of(self.before, block),
            self.sums,
            self.below[block.strip],
            self.next_strip_row(self.strips[block.strip]),
        )

    def receive(self, block: Block, values: Array) -> None:
        """Add the messages to the values of a block of pixels."""
        slice_grid(
            values,
            block.y0,
            (self.y.step, self.x.step),
            (self.out_y, self.out_x),
            piece_of(self.after, block),
            self.rows,
        )

    def join(self) -> None:
        """Add up the strips, and filter the nodes."""
        for strip in self.strips[:-1]:
            self.sums[self.next_strip_row(strip)] += self.below[strip.number]
        nodes, width, row = self.rows.shape
        flat = self.rows.reshape(-1, row)

        def work(part: tuple[int, int]) -> None:
            filter_grid(self.sums, self.y.taps, self.x.taps, *part, self.rows)
            apply_compatibility(flat, self.compatibility, part[0] * width, part[1] * width)

        run(work, pieces(nodes, TASK // (width * row)), 4 * self.rows.size)


def piece_of(factor: Array | None, block: Block) -> Array:
    """Return the factors of the pixels of a block; empty if there are no factors."""
    return np.empty(0, np.float32) if factor is None else factor[block.begin : block.end]


@kernel
def splat_grid(
    values: Any,
    y0: Any,
    step: Any,
    weights: Any,
    before: Any,
    sums: Any,
    below: Any,
    next_strip_row: Any,
) -> None:
    """Splat values of pixels to the nodes around them; row `shared` is summed in `below`."""
    row = values.shape[1]
    nodes = sums.shape[1]
    width = weights[1].shape[0]
    line = np.empty((nodes, row), np.float32)
    flat, size = line.ravel(), nodes * row
    for y in range(y0, y0 + values.shape[0] // width):
        flat[:] = np.float32(0.0)
        for x in range(width):
            p = (y - y0) * width + x
            factor = before[p] if before.size else np.float32(1.0)
            start = x // step[1] * row
            add_row(line, start, values, p * row, weights[1][x, 0] * factor, row)
            if weights[1][x, 1] > 0.0:
                add_row(line, start + row, values, p * row, weights[1][x, 1] * factor, row)
        for side in range(2):
            factor, k = weights[0][y, side], y // step[0] + side
            if factor > 0.0:
                node_row = below.ravel() if k == next_strip_row else sums[k].ravel()
                for i in range(size):
                    node_row[i] += factor * flat[i]


@kernel
def slice_grid(values: Any, y0: Any, step: Any, weights: Any, after: Any, rows: Any) -> None:
    """Add the interpolated values of nodes to pixels."""
    row = values.shape[1]
    nodes = rows.shape[1]
    width = weights[1].shape[0]
    line = np.empty((nodes, row), np.float32)
    flat, size = line.ravel(), nodes * row
    for y in range(y0, y0 + values.shape[0] // width):
        k = y // step[0]
        a, b = weights[0][y, 0], weights[0][y, 1]
        upper, lower = rows[k].ravel(), rows[min(k + 1, rows.shape[0] - 1)].ravel()
        for i in range(size):
            flat[i] = a * upper[i] + b * lower[i]
        for x in range(width):
            p = (y - y0) * width + x
            factor = after[p] if after.size else np.float32(1.0)
            start = x // step[1] * row
            add_row(values, p * row, line, start, weights[1][x, 0] * factor, row)
            if weights[1][x, 1] > 0.0:
                add_row(values, p * row, line, start + row, weights[1][x, 1] * factor, row)


@kernel
def filter_grid(sums: Any, taps_y: Any, taps_x: Any, begin: Any, end: Any, rows: Any) -> None:
    """Write rows ``begin:end`` of nodes, blurred vertically and then horizontally."""
    height, nodes, row = sums.shape
    size, margin = nodes * row, (taps_x.size - 1) * row
    line = np.zeros(size + 2 * margin, np.float32)
    flat, out = sums.ravel(), rows.ravel()
    for y in range(begin, end):
        for a in range(0, size, CHUNK):  # parts that fit the L1 cache
            count = min(CHUNK, size - a)
            part = line[margin + a : margin + a + count]
            center = flat[y * size + a : y * size + a + count]
            for i in range(count):
                part[i] = taps_y[0] * center[i]
            for k in range(1, taps_y.size):
                above = flat[max(y - k, 0) * size + a : max(y - k, 0) * size + a + count]
                below = flat[min(y + k, height - 1) * size + a :]
                up = taps_y[k] if y - k >= 0 else np.float32(0.0)
                down = taps_y[k] if y + k < height else np.float32(0.0)
                for i in range(count):
                    part[i] += up * above[i] + down * below[i]
        for a in range(0, size, CHUNK):
            count = min(CHUNK, size - a)
            part = out[y * size + a : y * size + a + count]
            center = line[margin + a : margin + a + count]
            for i in range(count):
                part[i] = taps_x[0] * center[i]
            for k in range(1, taps_x.size):
                left, right = line[margin + a - k * row :], line[margin + a + k * row :]
                tap = taps_x[k]
                for i in range(count):
                    part[i] += tap * (left[i] + right[i])
