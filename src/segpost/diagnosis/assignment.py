"""The assignment of rows to columns that is worth most."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def best_assignment(worth: Any) -> npt.NDArray[np.intp]:
    """For every row of a square matrix its column, each once, so that their sum is largest.

    Shortest augmenting paths with potentials (Kuhn 1955; Jonker and Volgenant 1987), O(n^3).

    Examples
    --------
    >>> best_assignment([[1, 5], [4, 6]])
    array([1, 0])
    """
    cost = np.asarray(worth, np.float64)
    cost = cost.max(initial=0.0) - cost
    n = len(cost)
    of_row, of_column = np.zeros(n), np.zeros(n + 1)  # potentials
    owner = np.full(n + 1, -1, np.intp)  # of each column; the last is where a path starts
    for row in range(n):
        column = n
        owner[column] = row
        least = np.full(n, np.inf)  # the way to each column, and where it comes from
        before = np.full(n, n, np.intp)
        seen = np.zeros(n + 1, bool)
        while owner[column] >= 0:
            seen[column] = True
            at = owner[column]
            way = cost[at] - of_row[at] - of_column[:n]
            shorter = ~seen[:n] & (way < least)
            least[shorter] = way[shorter]
            before[shorter] = column
            free = np.where(seen[:n], np.inf, least)
            column = int(free.argmin())
            step = free[column]
            of_row[owner[seen]] += step
            of_column[seen] -= step
            least[~seen[:n]] -= step
        while column != n:
            owner[column] = owner[before[column]]
            column = int(before[column])
    result = np.empty(n, np.intp)
    result[owner[:n]] = np.arange(n)
    return result
