"""Sets of integer coordinates: an open-addressing hash that numbers them in order of insertion.

The name of coordinates is a linear form modulo 2^64, so that the names of neighbours differ by a
constant. If names may not be unique, coordinates are compared too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from segpost._backends.numba.crf.rows import prefetch
from segpost._backends.numba.threads import kernel
from segpost._core.contract import Array

MIX = np.int64(0x9E3779B97F4A7C15 - (1 << 64))
HALF = np.int64(32)
AHEAD = 16  # names whose slots are prefetched


class Naming(NamedTuple):
    """The linear form that computes names from coordinates."""

    factor: Array  # int64, one per coordinate
    unique: bool  # no two coordinates within the ranges have the same name


def naming(ranges: Sequence[float]) -> Naming:
    """Return the linear form for coordinates from the number of values that each takes."""
    unique = float(np.prod(np.asarray(ranges, np.float64))) < 2.0**63
    factor, step = [], 1
    for i, values in enumerate(ranges):
        z = (i + 1) * 0x9E3779B97F4A7C15 % 2**64  # splitmix64
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        factor.append(step if unique else (z ^ (z >> 31)) | 1)
        step *= int(values) if unique else 1
    return Naming(np.array(factor, np.uint64).view(np.int64), unique)


@kernel
def empty_slots(count: Any) -> Any:
    """Return empty slots, at least two per name."""
    slots = 64
    while slots < 2 * count:
        slots *= 2
    return np.full((slots, 2), -1, np.int64)


@kernel
def home(slots: Any, name: Any) -> Any:
    """Return the first slot to probe for a name."""
    mixed = name * MIX
    return (mixed ^ (mixed >> HALF)) & (slots.shape[0] - 1)


@kernel
def find(slots: Any, keys: Any, name: Any, key: Any) -> Any:
    """Return the slot of a name, or the empty slot for its insertion."""
    slot = home(slots, name)
    while slots[slot, 1] >= 0:
        if slots[slot, 0] == name:
            same = True
            for j in range(keys.shape[1]):
                same &= keys[slots[slot, 1], j] == key[j]
            if same:
                return slot
        slot = (slot + 1) & (slots.shape[0] - 1)
    return slot


@kernel
def grow(slots: Any) -> Any:
    """Return a copy of the hash with twice as many slots."""
    more = np.full((2 * slots.shape[0], 2), -1, np.int64)
    for i in range(slots.shape[0]):
        if slots[i, 1] >= 0:
            slot = home(more, slots[i, 0])
            while more[slot, 1] >= 0:
                slot = (slot + 1) & (more.shape[0] - 1)
            more[slot, 0], more[slot, 1] = slots[i, 0], slots[i, 1]
    return more


@kernel
def number(all_names: Any, all_keys: Any) -> Any:
    """Return the number of each name, and the unique names and keys."""
    slots = empty_slots(all_names.size // 2)
    ids = np.empty(all_names.size, np.int32)
    names, keys = np.empty_like(all_names), np.empty_like(all_keys)
    count = 0
    for i in range(all_names.size):
        if i + AHEAD < all_names.size:
            prefetch(slots, 2 * home(slots, all_names[i + AHEAD]))
        slot = find(slots, keys, all_names[i], all_keys[i])
        if slots[slot, 1] < 0:
            slots[slot, 0], slots[slot, 1] = all_names[i], count
            names[count] = all_names[i]
            for j in range(keys.shape[1]):
                keys[count, j] = all_keys[i, j]
            ids[i] = count
            count += 1
            if 2 * count > slots.shape[0]:
                slots = grow(slots)
        else:
            ids[i] = slots[slot, 1]
    return ids, names[:count].copy(), keys[:count].copy()
