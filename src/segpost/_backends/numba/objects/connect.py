"""Connections of runs in neighboring columns."""

from __future__ import annotations

from typing import Any

from segpost._backends.numba.threads import kernel


@kernel
def connect_runs(offsets: Any, column: Any, top: Any, bottom: Any, reach: int, parent: Any) -> None:
    """Write the first run of the component of every run to `parent`, which holds its own index.

    `reach` is 0 where runs must share a side, 1 where a corner is enough.
    """
    for region in range(offsets.size - 1):
        before, before_end = 0, 0  # the runs of the column before
        begin = offsets[region]
        while begin < offsets[region + 1]:
            end = begin + 1
            while end < offsets[region + 1] and column[end] == column[begin]:
                end += 1
            if before_end == begin and before < begin and column[before] + 1 == column[begin]:
                a, b = before, begin
                while a < before_end and b < end:
                    if top[a] < bottom[b] + reach and top[b] < bottom[a] + reach:
                        join(parent, a, b)
                    if (  # they may share a corner
                        bottom[a] == bottom[b]
                        and a + 1 < before_end
                        and top[a + 1] < bottom[b] + reach
                    ):
                        join(parent, a + 1, b)
                    if bottom[a] < bottom[b]:
                        a += 1
                    else:
                        b += 1
            before, before_end = begin, end
            begin = end
    for run in range(parent.size):  # the first run of a component is its smallest
        parent[run] = parent[parent[run]]


@kernel
def root_of(parent: Any, run: int) -> int:
    """Return the first run of a component, and shorten the way to it."""
    while parent[run] != run:
        parent[run] = parent[parent[run]]
        run = parent[run]
    return run


@kernel
def join(parent: Any, a: int, b: int) -> None:
    """Make one component of those of two runs."""
    a, b = root_of(parent, a), root_of(parent, b)
    if a < b:
        parent[b] = a
    else:
        parent[a] = b


@kernel
def count_contacts(offsets: Any, column: Any, top: Any, bottom: Any, contacts: Any) -> None:
    """Count the pixels of every region whose neighbor in the next column belongs to it."""
    for region in range(offsets.size - 1):
        last = offsets[region + 1]
        a = offsets[region]
        b = a
        while a < last and b < last:
            if column[b] <= column[a]:
                b += 1
            elif column[b] > column[a] + 1:
                a += 1
            else:
                shared = min(bottom[a], bottom[b]) - max(top[a], top[b])
                if shared > 0:
                    contacts[region] += shared
                if bottom[a] < bottom[b]:
                    a += 1
                else:
                    b += 1
