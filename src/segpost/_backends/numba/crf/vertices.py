"""The embedding of pixels in the permutohedral lattice, and the neighbours of its vertices.

Adams, Baek & Davis, "Fast high-dimensional filtering using the permutohedral lattice" (2010).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.crf.keys import Naming, empty_slots, find, grow, number
from segpost._backends.numba.threads import kernel, run
from segpost._backends.numba.tiles import pieces
from segpost._core.contract import Array

SHARE = 1 << 11  # vertices of a share, a range of names
SHARES_PER_TASK = 16  # shares of a task
MIX = np.uint64(0x9E3779B97F4A7C15)


@kernel
def embed(features: Any, scale: Any, factor: Any, width: Any, corner: Any, weight: Any) -> Any:
    """Write the vertices of the simplex of every pixel, numbered in order, and their weights.

    Returns the names of the vertices, and `width` coordinates of each: all or none. The key of a
    simplex is corner 0 plus the rank of each coordinate; corner 0 contains multiples of n only.
    """
    pixels, d = features.shape
    n = d + 1
    key_length = n if width else 0
    simplex_slots = empty_slots(pixels // 4)
    simplices = np.empty((pixels, key_length), np.int32)
    corners = np.empty((pixels, n), np.int32)
    slots = empty_slots(pixels // 4)
    names = np.empty(pixels * n, np.int64)
    keys = np.empty((pixels * n, width), np.int32)
    simplex_count, count = 0, 0
    elevated, delta, ordered = np.empty(n), np.empty(n), np.empty(n)
    base, rank, at_rank = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
    simplex = np.empty(n, np.int32)
    step_of_all = np.int64(0)
    for i in range(d):
        step_of_all += factor[i]
    for p in range(pixels):
        total = 0.0
        for i in range(d, 0, -1):  # the orthogonal basis of the paper, a triangular matrix
            scaled = features[p, i - 1] * scale[i - 1]
            elevated[i] = total - scaled * i
            total += scaled
        elevated[0] = total
        excess = np.int64(0)
        for i in range(n):
            nearest = np.rint(elevated[i] / n)
            delta[i] = elevated[i] - nearest * n
            multiple = np.int64(nearest)
            base[i] = multiple * n
            excess += multiple
            rank[i] = 0
        for i in range(n):
            for j in range(i + 1, n):
                less = delta[i] < delta[j]
                rank[i] += less
                rank[j] += not less
        name = np.int64(0)
        for i in range(n):  # corner 0 must sum to zero: coordinates with the largest error change
            rank[i] += excess
            if rank[i] < 0:
                rank[i] += n
                base[i] += n
                delta[i] -= n
            elif rank[i] > d:
                rank[i] -= n
                base[i] -= n
                delta[i] += n
            ordered[rank[i]] = delta[i]
            simplex[i] = base[i] + rank[i]
            name += factor[i] * np.int64(simplex[i])
        weight[p, 0] = (ordered[d] - ordered[0]) / n + 1.0
        for k in range(1, n):
            weight[p, k] = (ordered[d - k] - ordered[d - k + 1]) / n
        slot = find(simplex_slots, simplices, name, simplex)
        simplex_id = simplex_slots[slot, 1]
        if simplex_id < 0:
            simplex_id = simplex_count
            simplex_slots[slot, 0], simplex_slots[slot, 1] = name, simplex_id
            for i in range(key_length):
                simplices[simplex_id, i] = simplex[i]
            simplex_count += 1
            if 2 * simplex_count > simplex_slots.shape[0]:
                simplex_slots = grow(simplex_slots)
            name = np.int64(0)
            for i in range(n):
                at_rank[rank[i]] = i
                if i < d:
                    name += factor[i] * np.int64(base[i])
            # From corner to corner, one coordinate by descending rank decreases by d, and the
            # others increase by 1.
            for k in range(n):
                slot = find(slots, keys, name, base)
                if slots[slot, 1] < 0:
                    slots[slot, 0], slots[slot, 1] = name, count
                    names[count] = name
                    for i in range(width):
                        keys[count, i] = base[i]
                    corners[simplex_id, k] = count
                    count += 1
                    if 2 * count > slots.shape[0]:
                        slots = grow(slots)
                else:
                    corners[simplex_id, k] = slots[slot, 1]
                last = at_rank[d - k]
                name += step_of_all
                if last < d:
                    name -= factor[last] * np.int64(n)
                for i in range(n):
                    base[i] += 1
                base[last] -= n
        for k in range(n):
            corner[p, k] = corners[simplex_id, k]
    return names[:count].copy(), keys[:count].copy()


class Vertices:
    """The vertices of a lattice, and their neighbours along its axes.

    The name of a neighbour differs by a constant. The neighbours of all vertices along an axis are
    found by a merge of the sorted names with the names plus that constant.
    """

    def __init__(self, names: Array, keys: Array, naming: Naming, corners: int) -> None:
        self.ids, self.names, self.keys = number(names, keys)
        # Along an axis one coordinate decreases by d, and the others increase by 1. The last
        # coordinate has no key.
        step = np.ones((corners, corners - 1), np.int32)
        step[np.arange(corners - 1), np.arange(corners - 1)] = 1 - corners
        self.change = (step * naming.factor[:-1]).sum(axis=1).view(np.uint64)
        self.step = step[:, : keys.shape[1]].copy()
        self.find_all_neighbours()

    def __len__(self) -> int:
        return len(self.names)

    def find_all_neighbours(self) -> None:
        """Find the next and the previous neighbour of every vertex along every axis, or -1."""
        self.order = np.argsort(self.names.view(np.uint64))
        self.ordered = self.names.view(np.uint64)[self.order]
        self.neighbours = np.full((len(self.change), len(self), 2), -1, np.int32)

        def work(axis: int) -> None:
            pair = self.change[axis], self.step[axis]
            find_neighbours(self.ordered, self.order, self.keys, *pair, self.neighbours[axis])

        run(work, range(len(self.change)), 4 * self.neighbours.size)

    def add_bridges(self, min_neighbours: int) -> None:
        """Add vertices without pixels that have at least `min_neighbours` neighbours."""
        ends = np.append(self.ordered[SHARE - 1 :: SHARE] + np.uint64(1), np.uint64(0))
        begins = np.append(np.uint64(0), ends[:-1])  # of names; the ranges are cyclic

        def work(part: tuple[int, int]) -> Array:
            lattice = self.ordered, self.order, self.neighbours, self.change
            shares = begins[slice(*part)], ends[slice(*part)]
            bridges: Array = find_bridges(*lattice, *shares, min_neighbours)
            return bridges

        parts = run(work, pieces(len(ends), SHARES_PER_TASK), 16 * self.neighbours.size)
        bridges = np.sort(np.concatenate(parts))  # in the order of their neighbours
        vertex, direction = np.divmod(bridges, 2 * len(self.change))
        axis, sign = direction // 2, 1 - 2 * (direction % 2)
        names = self.names[vertex] + sign * self.change[axis].view(np.int64)
        self.names = np.concatenate([self.names, names])
        self.keys = np.concatenate([self.keys, self.keys[vertex] + sign[:, None] * self.step[axis]])
        self.keys = self.keys.astype(np.int32)
        self.find_all_neighbours()

    def chains(self) -> list[Array]:
        """Return the vertices in the order of a blur along each axis; ~v begins a chain."""
        return run(chain, [*self.neighbours], 4 * self.neighbours.size)


@kernel
def find_neighbours(
    ordered: Any, order: Any, keys: Any, change: Any, step: Any, neighbours: Any
) -> None:
    """Write the neighbours of all vertices along an axis."""
    count = ordered.size
    wrap = np.searchsorted(ordered, np.uint64(0) - change)  # from this index on sums overflow to 0
    position = 0
    for wraps in range(2):
        i, end = (0, wrap) if wraps else (wrap, count)
        while i < end and position < count:
            name = ordered[i] + change
            if ordered[position] < name:
                position += 1
                continue
            if ordered[position] == name:
                v = order[i]
                match = position
                while match < count and ordered[match] == name:
                    w = order[match]
                    same = True
                    for j in range(keys.shape[1]):
                        same &= keys[w, j] == keys[v, j] + step[j]
                    if same:
                        neighbours[v, 0] = w
                        neighbours[w, 1] = v
                        break
                    match += 1
            i += 1


@kernel
def find_bridges(
    ordered: Any,
    order: Any,
    neighbours: Any,
    change: Any,
    begins: Any,
    ends: Any,
    min_neighbours: Any,
) -> Any:
    """Return names that are not vertices but have at least `min_neighbours` neighbours.

    The result [K] is ``v * directions + direction`` of one neighbour. Names are processed by
    shares, because small tables fit the cache. Names that are not unique can be confused: then a
    vertex with fewer neighbours is added, which is harmless.
    """
    directions = 2 * change.size
    bridges = np.empty(64, np.int64)
    bridge_count = 0
    names, numbers = np.empty(0, np.uint64), np.empty(0, np.int64)
    for share in range(begins.size):
        size = 0
        for direction in range(directions):
            step_of_direction = (
                np.uint64(0) - change[direction // 2] if direction % 2 else change[direction // 2]
            )
            begin, end = begins[share] - step_of_direction, ends[share] - step_of_direction
            first, last = np.searchsorted(ordered, begin), np.searchsorted(ordered, end)
            more = last - first if end > begin else ordered.size - first + last
            if size + more > names.size:
                all_names = np.empty(2 * (size + more), np.uint64)
                all_numbers = np.empty(2 * (size + more), np.int64)
                all_names[:size], all_numbers[:size] = names[:size], numbers[:size]
                names, numbers = all_names, all_numbers
            i = first
            for _ in range(more):
                if i == ordered.size:
                    i = 0
                v = order[i]
                names[size] = ordered[i] + step_of_direction
                numbers[size] = v * directions + direction
                size += neighbours[direction // 2, v, direction % 2] < 0
                i += 1
        bits = 6
        while 1 << bits < size:
            bits += 1
        shift = np.uint64(64 - bits)
        # Most names have few neighbours: those with a small sum are skipped.
        coarse_counts = np.zeros(1 << bits, np.uint16)
        for i in range(size):
            coarse_counts[names[i] * MIX >> shift] += np.uint16(1)
        slots, counts = np.empty(1 << bits, np.uint64), np.zeros(1 << bits, np.int32)
        for i in range(size):
            slot = np.int64(names[i] * MIX >> shift)
            if coarse_counts[slot] < min_neighbours:
                continue
            while counts[slot] and slots[slot] != names[i]:
                slot = (slot + 1) & (counts.size - 1)
            slots[slot] = names[i]
            counts[slot] += 1
            if counts[slot] == min_neighbours:
                if bridge_count == bridges.size:
                    larger = np.empty(2 * bridge_count, np.int64)
                    larger[:bridge_count] = bridges
                    bridges = larger
                bridges[bridge_count] = numbers[i]
                bridge_count += 1
    return bridges[:bridge_count].copy()


@kernel
def chain(neighbours: Any) -> Any:
    """Return the vertices with neighbours along an axis, chain by chain; ~v begins a chain."""
    length = 0
    for v in range(neighbours.shape[0]):
        length += neighbours[v, 0] >= 0 or neighbours[v, 1] >= 0
    order = np.empty(length, np.int32)
    position = 0
    for v in range(neighbours.shape[0]):
        if neighbours[v, 1] >= 0 or neighbours[v, 0] < 0:
            continue
        order[position] = ~v
        position += 1
        vertex = neighbours[v, 0]
        while vertex >= 0:
            order[position] = vertex
            position += 1
            vertex = neighbours[vertex, 0]
    return order
