"""The assignment of rows to columns with the largest sum."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def best_assignment(weights: Any) -> npt.NDArray[np.intp]:
    """Return for every row of a square matrix a column, each once, with the largest sum.

    Shortest augmenting paths with potentials (Kuhn 1955; Jonker and Volgenant 1987), O(n^3).

    Parameters
    ----------
    weights : array-like of shape (n, n)

    Returns
    -------
    columns : (n,) intp

    Examples
    --------
    >>> from segpost.diagnosis.assignment import best_assignment
    >>> best_assignment([[1, 5], [4, 6]])
    array([1, 0])
    """
    cost = np.asarray(weights, np.float64)
    cost = cost.max(initial=0.0) - cost
    n = len(cost)
    row_potential, column_potential = np.zeros(n), np.zeros(n + 1)
    owner = np.full(n + 1, -1, np.intp)  # row of each column; column n is the start of a path
    for row in range(n):
        column = n
        owner[column] = row
        distance = np.full(n, np.inf)  # of each column from the row, along the shortest path
        previous = np.full(n, n, np.intp)  # column before it on that path
        is_visited = np.zeros(n + 1, bool)
        while owner[column] >= 0:
            is_visited[column] = True
            current = owner[column]
            length = cost[current] - row_potential[current] - column_potential[:n]
            is_shorter = ~is_visited[:n] & (length < distance)
            distance[is_shorter] = length[is_shorter]
            previous[is_shorter] = column
            unvisited = np.where(is_visited[:n], np.inf, distance)
            column = int(unvisited.argmin())
            step = unvisited[column]
            row_potential[owner[is_visited]] += step
            column_potential[is_visited] -= step
            distance[~is_visited[:n]] -= step
        while column != n:
            owner[column] = owner[previous[column]]
            column = int(previous[column])
    columns = np.empty(n, np.intp)
    columns[owner[:n]] = np.arange(n)
    return columns
