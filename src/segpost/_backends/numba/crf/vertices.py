"""Where pixels lie on the permutohedral lattice, and which of its vertices are neighbours.

Adams, Baek & Davis, "Fast high-dimensional filtering using the permutohedral lattice" (2010).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.crf.keys import Naming, empty_slots, find, grown, number
from segpost._backends.numba.threads import kernel, run
from segpost._backends.numba.tiles import pieces
from segpost._core.contract import Array

SHARE = 1 << 11  # vertices whose names bound a share of all names
TOGETHER = 16  # shares of a task
MIX = np.uint64(0x9E3779B97F4A7C15)


@kernel
def embed(features: Any, scale: Any, factor: Any, width: Any, corner: Any, weight: Any) -> Any:
    """Vertices of the simplex of every pixel, numbered in the order they come, and their weights.

    The names of the vertices, and `width` coordinates of each: all or none. A simplex is named by
    corner 0 plus the rank of each coordinate, which tells both apart: corner 0 has multiples of n.
    """
    pixels, d = features.shape
    n = d + 1
    whole = n if width else 0
    simplex_slots = empty_slots(pixels // 4)
    simplices = np.empty((pixels, whole), np.int32)
    corners = np.empty((pixels, n), np.int32)
    slots = empty_slots(pixels // 4)
    names = np.empty(pixels * n, np.int64)
    keys = np.empty((pixels * n, width), np.int32)
    known, count = 0, 0
    elevated, delta, ordered = np.empty(n), np.empty(n), np.empty(n)
    base, rank, at_rank = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
    simplex = np.empty(n, np.int32)
    together = np.int64(0)
    for i in range(d):
        together += factor[i]
    for p in range(pixels):
        total = 0.0
        for i in range(d, 0, -1):  # their orthogonal basis, a triangular matrix
            scaled = features[p, i - 1] * scale[i - 1]
            elevated[i] = total - scaled * i
            total += scaled
        elevated[0] = total
        excess = np.int64(0)
        for i in range(n):
            near = np.rint(elevated[i] / n)
            delta[i] = elevated[i] - near * n
            moved = np.int64(near)
            base[i] = moved * n
            excess += moved
            rank[i] = 0
        for i in range(n):
            for j in range(i + 1, n):
                less = delta[i] < delta[j]
                rank[i] += less
                rank[j] += not less
        name = np.int64(0)
        for i in range(n):  # corner 0 has to sum to zero: those with the largest error move on
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
        at = find(simplex_slots, simplices, name, simplex)
        s = simplex_slots[at, 1]
        if s < 0:
            s = known
            simplex_slots[at, 0], simplex_slots[at, 1] = name, s
            for i in range(whole):
                simplices[s, i] = simplex[i]
            known += 1
            if 2 * known > simplex_slots.shape[0]:
                simplex_slots = grown(simplex_slots)
            name = np.int64(0)
            for i in range(n):
                at_rank[rank[i]] = i
                if i < d:
                    name += factor[i] * np.int64(base[i])
            # From corner 0 on one coordinate after the other, by falling rank, stays d behind as
            # the others go one on.
            for k in range(n):
                at = find(slots, keys, name, base)
                if slots[at, 1] < 0:
                    slots[at, 0], slots[at, 1] = name, count
                    names[count] = name
                    for i in range(width):
                        keys[count, i] = base[i]
                    corners[s, k] = count
                    count += 1
                    if 2 * count > slots.shape[0]:
                        slots = grown(slots)
                else:
                    corners[s, k] = slots[at, 1]
                last = at_rank[d - k]
                name += together
                if last < d:
                    name -= factor[last] * np.int64(n)
                for i in range(n):
                    base[i] += 1
                base[last] -= n
        for k in range(n):
            corner[p, k] = corners[s, k]
    return names[:count].copy(), keys[:count].copy()


class Vertices:
    """The vertices of a lattice, and its axes.

    In the order of their names a neighbour is a constant further on: the neighbours of all along an
    axis are found by going through the names twice at a time.
    """

    def __init__(self, names: Array, keys: Array, naming: Naming, corners: int) -> None:
        self.ids, self.names, self.keys = number(names, keys)
        # Along an axis one coordinate goes d back as the others go one on. The last has no key.
        step = np.ones((corners, corners - 1), np.int32)
        step[np.arange(corners - 1), np.arange(corners - 1)] = 1 - corners
        self.change = (step * naming.factor[:-1]).sum(axis=1).view(np.uint64)
        self.step = step[:, : keys.shape[1]].copy()
        self.look_around()

    def __len__(self) -> int:
        return len(self.names)

    def look_around(self) -> None:
        """Neighbours of every vertex along every axis, after and before it, or -1."""
        self.order = np.argsort(self.names.view(np.uint64))
        self.ordered = self.names.view(np.uint64)[self.order]
        self.beside = np.full((len(self.change), len(self), 2), -1, np.int32)

        def work(axis: int) -> None:
            pair = self.change[axis], self.step[axis]
            find_neighbours(self.ordered, self.order, self.keys, *pair, self.beside[axis])

        run(work, range(len(self.change)), 4 * self.beside.size)

    def add_bridges(self, least: int) -> None:
        """Add vertices without pixels that have at least so many neighbours."""
        ends = np.append(self.ordered[SHARE - 1 :: SHARE] + np.uint64(1), np.uint64(0))
        begins = np.append(
            np.uint64(0), ends[:-1]
        )  # of names; after the last the first comes again

        def work(part: tuple[int, int]) -> Array:
            given = self.ordered, self.order, self.beside, self.change
            shares = begins[slice(*part)], ends[slice(*part)]
            found: Array = missing(*given, *shares, least)
            return found

        parts = run(work, pieces(len(ends), TOGETHER), 16 * self.beside.size)
        found = np.sort(np.concatenate(parts))  # near those that miss them
        who, way = np.divmod(found, 2 * len(self.change))
        axis, sign = way // 2, 1 - 2 * (way % 2)
        names = self.names[who] + sign * self.change[axis].view(np.int64)
        self.names = np.concatenate([self.names, names])
        self.keys = np.concatenate([self.keys, self.keys[who] + sign[:, None] * self.step[axis]])
        self.keys = self.keys.astype(np.int32)
        self.look_around()

    def chains(self) -> list[Array]:
        """Vertices in the order in which a blur along each axis meets them; ~v begins a chain."""
        return run(chain, [*self.beside], 4 * self.beside.size)


@kernel
def find_neighbours(
    ordered: Any, order: Any, keys: Any, change: Any, step: Any, beside: Any
) -> None:
    """Neighbours of all vertices along an axis."""
    count = ordered.size
    around = np.searchsorted(ordered, np.uint64(0) - change)  # from here on sums begin at 0 again
    at = 0
    for turn in range(2):
        i, end = (0, around) if turn else (around, count)
        while i < end and at < count:
            wanted = ordered[i] + change
            if ordered[at] < wanted:
                at += 1
                continue
            if ordered[at] == wanted:
                v = order[i]
                next_one = at
                while next_one < count and ordered[next_one] == wanted:
                    w = order[next_one]
                    same = True
                    for j in range(keys.shape[1]):
                        same &= keys[w, j] == keys[v, j] + step[j]
                    if same:
                        beside[v, 0] = w
                        beside[w, 1] = v
                        break
                    next_one += 1
            i += 1


@kernel
def missing(
    ordered: Any, order: Any, beside: Any, change: Any, begins: Any, ends: Any, least: Any
) -> Any:
    """Names that are no vertices, though at least so many vertices would be their neighbours.

    [K]: ``v * ways + way`` of one that misses it. Those of some shares of all names: the smaller
    a table, the nearer it is kept. Names that are not unique may be taken for one another: then a
    vertex is added that fewer miss, which does no harm.
    """
    ways = 2 * change.size
    found = np.empty(64, np.int64)
    enough = 0
    names, numbers = np.empty(0, np.uint64), np.empty(0, np.int64)
    for share in range(begins.size):
        size = 0
        for way in range(ways):
            by = np.uint64(0) - change[way // 2] if way % 2 else change[way // 2]
            begin, end = begins[share] - by, ends[share] - by
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
                names[size] = ordered[i] + by
                numbers[size] = v * ways + way
                size += beside[way // 2, v, way % 2] < 0
                i += 1
        bits = 6
        while 1 << bits < size:
            bits += 1
        shift = np.uint64(64 - bits)
        # Most are missed by few: what adds up to too little is not looked at again.
        rough = np.zeros(1 << bits, np.uint16)
        for i in range(size):
            rough[names[i] * MIX >> shift] += np.uint16(1)
        slots, counts = np.empty(1 << bits, np.uint64), np.zeros(1 << bits, np.int32)
        for i in range(size):
            at = np.int64(names[i] * MIX >> shift)
            if rough[at] < least:
                continue
            while counts[at] and slots[at] != names[i]:
                at = (at + 1) & (counts.size - 1)
            slots[at] = names[i]
            counts[at] += 1
            if counts[at] == least:
                if enough == found.size:
                    larger = np.empty(2 * enough, np.int64)
                    larger[:enough] = found
                    found = larger
                found[enough] = numbers[i]
                enough += 1
    return found[:enough].copy()


@kernel
def chain(beside: Any) -> Any:
    """Vertices with neighbours along an axis, one after the other; ~v begins a chain."""
    length = 0
    for v in range(beside.shape[0]):
        length += beside[v, 0] >= 0 or beside[v, 1] >= 0
    order = np.empty(length, np.int32)
    at = 0
    for v in range(beside.shape[0]):
        if beside[v, 1] >= 0 or beside[v, 0] < 0:
            continue
        order[at] = ~v
        at += 1
        here = beside[v, 0]
        while here >= 0:
            order[at] = here
            at += 1
            here = beside[here, 0]
    return order
