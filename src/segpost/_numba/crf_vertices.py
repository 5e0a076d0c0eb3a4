"""Where pixels lie on the permutohedral lattice, and which of its vertices are neighbours.

Adams, Baek & Davis, "Fast high-dimensional filtering using the permutohedral lattice" (2010).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._dispatch import Array
from segpost._numba.crf_keys import (
    AHEAD,
    MIX,
    Naming,
    Table,
    empty_slots,
    find,
    grown,
    home,
    number,
)
from segpost._numba.crf_rows import prefetch
from segpost._numba.threads import kernel, run

MET = 1 << 20  # missing neighbours that are counted together, about
SHARE = np.int64(52)  # from here on bits of a name choose its share, not its slot


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
    """The vertices of a lattice, and its axes."""

    def __init__(self, names: Array, keys: Array, naming: Naming, corners: int) -> None:
        self.ids, table = number(names, keys)
        self.table = Table(*table)
        # Along an axis one coordinate goes d back as the others go one on. The last has no key.
        step = np.ones((corners, corners - 1), np.int32)
        step[np.arange(corners - 1), np.arange(corners - 1)] = 1 - corners
        self.change = (step * naming.factor[:-1]).sum(axis=1)
        self.step = step[:, : keys.shape[1]].copy()
        self.beside = np.full((corners, len(self), 2), -1, np.int32)  # after and before

        def work(axis: int) -> None:
            look_around(self.table, self.change[axis], self.step[axis], self.beside[axis])

        run(work, range(corners), 16 * self.beside.size)

    def __len__(self) -> int:
        return len(self.table.names)

    def add_bridges(self, least: int) -> None:
        """Add vertices without pixels that have at least so many neighbours."""
        names, keys = self.table.names, self.table.keys
        shares = 1 << (self.beside.size // MET).bit_length()

        def work(share: int) -> Array:
            found: Array = missing(
                self.table, self.change, self.step, self.beside, least, share, shares
            )
            return found

        found = np.concatenate(run(work, range(shares), 16 * self.beside.size))
        who, axis, sign = found[:, 0], found[:, 1] // 2, 1 - 2 * (found[:, 1] % 2)
        new_names = names[who] + sign * self.change[axis]
        new_keys = keys[who] + sign[:, None] * self.step[axis]
        before = len(self)
        names, keys = np.concatenate([names, new_names]), np.concatenate([keys, new_keys])
        self.table = Table(*number(names, keys)[1])
        beside = np.full((len(self.change), len(self), 2), -1, np.int32)
        beside[:, :before] = self.beside
        self.beside = beside

        def join(axis: int) -> None:
            join_bridges(self.table, self.change[axis], self.step[axis], before, beside[axis])

        run(join, range(len(beside)), 16 * found.size * len(beside))

    def chains(self) -> list[Array]:
        """Vertices in the order in which a blur along each axis meets them; ~v begins a chain."""
        return run(chain, [*self.beside], 4 * self.beside.size)


@kernel
def look_around(table: Any, change: Any, step: Any, beside: Any) -> None:
    """The neighbours of every vertex along an axis."""
    key = np.empty(step.size, np.int32)
    for v in range(table.names.size):
        if v + AHEAD < table.names.size:
            prefetch(table.slots, 2 * home(table.slots, table.names[v + AHEAD] + change))
        for j in range(key.size):
            key[j] = table.keys[v, j] + step[j]
        name = table.names[v] + change
        after = np.int32(table.slots[find(table.slots, table.keys, name, key), 1])
        beside[v, 0] = after
        if after >= 0:
            beside[after, 1] = v


@kernel
def join_bridges(table: Any, change: Any, step: Any, begin: Any, beside: Any) -> None:
    """Neighbours of the vertices from `begin` on."""
    key = np.empty(step.size, np.int32)
    for v in range(begin, table.names.size):
        for side in range(2):
            sign = 1 - 2 * side
            for j in range(key.size):
                key[j] = table.keys[v, j] + sign * step[j]
            if v + AHEAD < table.names.size:
                name = table.names[v + AHEAD] + sign * change
                prefetch(table.slots, 2 * home(table.slots, name))
            name = table.names[v] + sign * change
            at = np.int32(table.slots[find(table.slots, table.keys, name, key), 1])
            beside[v, side] = at
            if at >= 0:
                beside[at, 1 - side] = v


@kernel
def missing(
    table: Any, change: Any, step: Any, beside: Any, least: Any, share: Any, shares: Any
) -> Any:
    """Vertices that at least so many neighbours miss: [K, 2], one of those, and on which way.

    Those of one share: the smaller the table, the nearer it is kept.
    """
    names, keys = table.names, table.keys
    slots = empty_slots(2 * names.size // shares)
    met = np.empty(64, np.int32)
    places = np.empty((64, 2), np.int32)
    met_keys = np.empty((64, keys.shape[1]), np.int32)
    key = np.empty(keys.shape[1], np.int32)
    count, enough = 0, 0
    for v in range(names.size):
        for way in range(2 * change.size):
            axis, side = way // 2, way % 2
            sign = 1 - 2 * side
            name = names[v] + sign * change[axis]
            if beside[axis, v, side] >= 0 or (name * MIX >> SHARE) & (shares - 1) != share:
                continue
            for j in range(key.size):
                key[j] = keys[v, j] + sign * step[axis, j]
            at = find(slots, met_keys, name, key)
            if slots[at, 1] >= 0:
                met[slots[at, 1]] += 1
                enough += met[slots[at, 1]] == least
                continue
            if count == met.size:
                more = np.empty(2 * count, np.int32)
                more_places = np.empty((2 * count, 2), np.int32)
                more_keys = np.empty((2 * count, key.size), np.int32)
                more[:count], more_places[:count], more_keys[:count] = met, places, met_keys
                met, places, met_keys = more, more_places, more_keys
            slots[at, 0], slots[at, 1] = name, count
            met[count], places[count, 0], places[count, 1] = 1, v, way
            for j in range(key.size):
                met_keys[count, j] = key[j]
            count += 1
            enough += least == 1
            if 2 * count > slots.shape[0]:
                slots = grown(slots)
    found = np.empty((enough, 2), np.int32)
    at = 0
    for i in range(count):
        if met[i] >= least:
            found[at] = places[i]
            at += 1
    return found


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
