"""A Gaussian of places in an image: separable, on a grid with a node every few pixels.

Up(x, k) spreads a pixel over its two nodes; K = Up G Up^T.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from segpost._backends.numba.crf.rows import add_row, row_length
from segpost._backends.numba.crf.terms import Block, Strip, attract, attraction, normalized, scaled
from segpost._backends.numba.threads import kernel, run
from segpost._backends.numba.tiles import pieces
from segpost._core.contract import Array, Pairwise

STEP = 16  # pixels between nodes at most
CHUNK = 1 << 10  # floats that are blurred together
TASK = 1 << 16  # floats of a task
ALONE = 1e-6  # of its sum: a pixel that the others reach with no more is alone


class Axis:
    """Nodes along an axis, taps between them, and what a pixel has to do with its two."""

    def __init__(self, n: int, sigma: float) -> None:
        step = 1
        while step < STEP and 2 * step <= 0.7 * sigma:
            step *= 2
        self.step = step
        self.nodes = nodes = 1 if n < 2 else (n - 2 + step) // step + 1
        # Going to the nodes and back spreads by (step^2 - 1) / 3.
        width = math.sqrt((sigma**2 - (step**2 - 1) / 3) / step**2)
        wanted = 4 * width if step == 1 else 3.5 * width
        radius = min(nodes - 1, math.ceil(min(wanted, 1e9)))
        mass = 1.0 if step == 1 else sigma / (step * width)
        taps = mass * np.exp(-0.5 * (np.arange(radius + 1) / width) ** 2)
        self.taps = taps.astype(np.float32)
        x = np.arange(n)
        node, right = x // step, (x % step) / step
        self.up = np.stack([1 - right, right], axis=1)
        count = np.bincount(node, self.up[:, 0], nodes + 1)
        count += np.bincount(node + 1, self.up[:, 1], nodes + 1)
        around = taps[0] * count
        for k in range(1, radius + 1):
            around[k:nodes] += taps[k] * count[: nodes - k]
            around[: nodes - k] += taps[k] * count[k:nodes]
        around[nodes] = 0.0
        self.sums = self.up[:, 0] * around[node] + self.up[:, 1] * around[node + 1]
        beside = taps[1] if radius else 0.0
        self.alone = (self.up**2).sum(axis=1) * taps[0] + 2 * self.up.prod(axis=1) * beside

    def weights(self, factor: Array | None) -> Array:
        """[n, 2] what a pixel and its nodes share, times a factor."""
        found = self.up if factor is None else self.up * factor[:, None]
        return found.astype(np.float32)


class Grid:
    """The nodes of an image, and what is sent between them."""

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
            (in_y, out_y), (in_x, out_x) = (normalized(term, a.sums) for a in (self.y, self.x))
        else:  # its normalization is not separable
            in_y = out_y = in_x = out_x = None
            sums, alone = np.outer(self.y.sums, self.x.sums), np.outer(self.y.alone, self.x.alone)
            sums = np.where(sums - alone > ALONE * sums, sums - alone, 0.0).ravel()
            self.before, self.after = normalized(term, sums)
            self.self_message = scaled(alone.ravel(), self.before, self.after)
        self.in_y, self.out_y = self.y.weights(in_y), self.y.weights(out_y)
        self.in_x, self.out_x = self.x.weights(in_x), self.x.weights(out_x)
        self.attraction = attraction(term, labels, 1.0)
        shape = self.x.nodes, row_length(labels)
        self.sums = np.empty((self.y.nodes, *shape), np.float32)
        self.rows = np.empty((self.y.nodes, *shape), np.float32)
        self.below = np.empty((len(strips), *shape), np.float32)  # nodes that the next strip has

    def shared(self, strip: Strip) -> int:
        """The first row of nodes that is not the strip's."""
        last = strip.number + 1 == len(self.strips)
        return self.y.nodes if last else strip.y1 // self.y.step

    def clear(self, strip: Strip) -> None:
        self.sums[strip.y0 // self.y.step : self.shared(strip)] = 0.0
        self.below[strip.number] = 0.0

    def send(self, block: Block, values: Array) -> None:
        splat_grid(
            values,
            block.y0,
            (self.y.step, self.x.step),
            (self.in_y, self.in_x),
            piece_of(self.before, block),
            self.sums,
            self.below[block.strip],
            self.shared(self.strips[block.strip]),
        )

    def receive(self, block: Block, values: Array) -> None:
        slice_grid(
            values,
            block.y0,
            (self.y.step, self.x.step),
            (self.out_y, self.out_x),
            piece_of(self.after, block),
            self.rows,
        )

    def join(self) -> None:
        for strip in self.strips[:-1]:
            self.sums[self.shared(strip)] += self.below[strip.number]
        nodes, width, row = self.rows.shape
        flat = self.rows.reshape(-1, row)

        def work(part: tuple[int, int]) -> None:
            filter_grid(self.sums, self.y.taps, self.x.taps, *part, self.rows)
            attract(flat, self.attraction, part[0] * width, part[1] * width)

        run(work, pieces(nodes, TASK // (width * row)), 4 * self.rows.size)


def piece_of(factor: Array | None, block: Block) -> Array:
    """That of the block's pixels; empty where there is none."""
    return np.empty(0, np.float32) if factor is None else factor[block.begin : block.end]


@kernel
def splat_grid(
    values: Any, y0: Any, step: Any, up: Any, before: Any, sums: Any, below: Any, shared: Any
) -> None:
    """What pixels have goes to the nodes around them; the row `shared` is kept in `below`."""
    row = values.shape[1]
    nodes = sums.shape[1]
    width = up[1].shape[0]
    line = np.empty((nodes, row), np.float32)
    flat, size = line.ravel(), nodes * row
    for y in range(y0, y0 + values.shape[0] // width):
        flat[:] = np.float32(0.0)
        for x in range(width):
            p = (y - y0) * width + x
            factor = before[p] if before.size else np.float32(1.0)
            at = x // step[1] * row
            add_row(line, at, values, p * row, up[1][x, 0] * factor, row)
            if up[1][x, 1] > 0.0:
                add_row(line, at + row, values, p * row, up[1][x, 1] * factor, row)
        for side in range(2):
            factor, k = up[0][y, side], y // step[0] + side
            if factor > 0.0:
                to = below.ravel() if k == shared else sums[k].ravel()
                for i in range(size):
                    to[i] += factor * flat[i]


@kernel
def slice_grid(values: Any, y0: Any, step: Any, up: Any, after: Any, rows: Any) -> None:
    """Pixels get what the nodes around them have."""
    row = values.shape[1]
    nodes = rows.shape[1]
    width = up[1].shape[0]
    line = np.empty((nodes, row), np.float32)
    flat, size = line.ravel(), nodes * row
    for y in range(y0, y0 + values.shape[0] // width):
        k = y // step[0]
        a, b = up[0][y, 0], up[0][y, 1]
        upper, lower = rows[k].ravel(), rows[min(k + 1, rows.shape[0] - 1)].ravel()
        for i in range(size):
            flat[i] = a * upper[i] + b * lower[i]
        for x in range(width):
            p = (y - y0) * width + x
            factor = after[p] if after.size else np.float32(1.0)
            at = x // step[1] * row
            add_row(values, p * row, line, at, up[1][x, 0] * factor, row)
            if up[1][x, 1] > 0.0:
                add_row(values, p * row, line, at + row, up[1][x, 1] * factor, row)


@kernel
def filter_grid(sums: Any, taps_y: Any, taps_x: Any, begin: Any, end: Any, rows: Any) -> None:
    """Rows ``begin:end`` of nodes, blurred down and across."""
    height, nodes, row = sums.shape
    size, margin = nodes * row, (taps_x.size - 1) * row
    line = np.zeros(size + 2 * margin, np.float32)
    flat, to = sums.ravel(), rows.ravel()
    for y in range(begin, end):
        for a in range(0, size, CHUNK):  # that fit the first cache
            count = min(CHUNK, size - a)
            part = line[margin + a : margin + a + count]
            here = flat[y * size + a : y * size + a + count]
            for i in range(count):
                part[i] = taps_y[0] * here[i]
            for k in range(1, taps_y.size):
                above = flat[max(y - k, 0) * size + a : max(y - k, 0) * size + a + count]
                below = flat[min(y + k, height - 1) * size + a :]
                up = taps_y[k] if y - k >= 0 else np.float32(0.0)
                down = taps_y[k] if y + k < height else np.float32(0.0)
                for i in range(count):
                    part[i] += up * above[i] + down * below[i]
        for a in range(0, size, CHUNK):
            count = min(CHUNK, size - a)
            part = to[y * size + a : y * size + a + count]
            here = line[margin + a : margin + a + count]
            for i in range(count):
                part[i] = taps_x[0] * here[i]
            for k in range(1, taps_x.size):
                left, right = line[margin + a - k * row :], line[margin + a + k * row :]
                tap = taps_x[k]
                for i in range(count):
                    part[i] += tap * (left[i] + right[i])
