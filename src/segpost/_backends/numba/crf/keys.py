"""Sets of integer coordinates: an open-addressing hash that numbers them in the order they came.

Coordinates have a name, a linear form modulo 2^64, so that a neighbour's name is a vertex's plus a
constant. Where names may not be unique coordinates are compared too.
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
AHEAD = 16  # names whose slots are asked for before they are looked at


class Naming(NamedTuple):
    """The linear form."""

    factor: Array  # int64, one a coordinate
    unique: bool  # no two coordinates within the ranges have the same name


def naming(ranges: Sequence[float]) -> Naming:
    """That of coordinates which take so many values each."""
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
    """Slots for `count` names, and more."""
    slots = 64
    while slots < 2 * count:
        slots *= 2
    return np.full((slots, 2), -1, np.int64)


@kernel
def home(slots: Any, name: Any) -> Any:
    """The slot to look at first."""
    mixed = name * MIX
    return (mixed ^ (mixed >> HALF)) & (slots.shape[0] - 1)


@kernel
def find(slots: Any, keys: Any, name: Any, key: Any) -> Any:
    """The slot of a name, or the free one that it would get."""
    at = home(slots, name)
    while slots[at, 1] >= 0:
        if slots[at, 0] == name:
            same = True
            for j in range(keys.shape[1]):
                same &= keys[slots[at, 1], j] == key[j]
            if same:
                return at
        at = (at + 1) & (slots.shape[0] - 1)
    return at


@kernel
def grown(slots: Any) -> Any:
    """Twice the slots."""
    more = np.full((2 * slots.shape[0], 2), -1, np.int64)
    for old in range(slots.shape[0]):
        if slots[old, 1] >= 0:
            at = home(more, slots[old, 0])
            while more[at, 1] >= 0:
                at = (at + 1) & (more.shape[0] - 1)
            more[at, 0], more[at, 1] = slots[old, 0], slots[old, 1]
    return more


@kernel
def number(given: Any, given_keys: Any) -> Any:
    """The number of each name, and those that differ."""
    slots = empty_slots(given.size // 2)
    ids = np.empty(given.size, np.int32)
    names, keys = np.empty_like(given), np.empty_like(given_keys)
    count = 0
    for i in range(given.size):
        if i + AHEAD < given.size:
            prefetch(slots, 2 * home(slots, given[i + AHEAD]))
        at = find(slots, keys, given[i], given_keys[i])
        if slots[at, 1] < 0:
            slots[at, 0], slots[at, 1] = given[i], count
            names[count] = given[i]
            for j in range(keys.shape[1]):
                keys[count, j] = given_keys[i, j]
            ids[i] = count
            count += 1
            if 2 * count > slots.shape[0]:
                slots = grown(slots)
        else:
            ids[i] = slots[at, 1]
    return ids, names[:count].copy(), keys[:count].copy()
