"""The kernel of binarize: the places in every row where a mask changes.

A cell of the low-resolution grid whose corners are on one side of the cutoff is on that side
everywhere. In the other cells the definition decides every pixel. The proof is in
csrc/ops/labels/masks.hpp.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.labels.resize import weigh
from segpost._backends.numba.threads import kernel

CLEAR, SET, MIXED = 0, 1, 2


@kernel
def find_sides(row: Any, lower: Any, upper: Any, limit: Any, sides: Any) -> Any:
    """Write the side of every value of a row: MIXED for those between, beyond `limit`, and NaN."""
    for i in range(row.size):
        value = row[i]
        side = MIXED
        if abs(value) < limit or limit == np.inf:
            if value > upper:
                side = SET
            elif value <= lower:
                side = CLEAR
        sides[i] = side


@kernel
def find_spans(up: Any, down: Any, start: Any, spans: Any) -> Any:
    """Write the spans of a row of cells as (side, first cell); return their number.

    A mixed cell is a span of its own; cells without pixels are in none.
    """
    count = 0
    for i in range(start.size - 1):
        if start[i] == start[i + 1]:
            continue
        side = up[i]
        if up[i + 1] != side or down[i] != side or down[i + 1] != side:
            side = MIXED
        if side == MIXED or count == 0 or spans[count - 1, 0] != side:
            spans[count, 0] = side
            spans[count, 1] = i
            count += 1
    return count


@kernel
def threshold_rows(
    values: Any,
    yt: Any,
    xt: Any,
    cell: Any,
    y0: Any,
    y1: Any,
    cutoff: Any,
    levels: Any,
    swapped: Any,
    mark: Any,
    out: Any,
    toggles: Any,
) -> Any:
    """Threshold the output rows ``y0:y1``, which lie in rows of cells from `cell` on.

    `values` is [rows + 1, w + 1] of one class, `levels` the `lower`, `upper` and `limit` of
    `find_sides`. Pixels that are set become `mark` in `out`, [y1 - y0, W]; or, where `out` is
    empty, the places where the mask changes go to `toggles`, as flat indices. If `swapped`, rows
    are those of the transposed image, whose corners are added in the order of the image.

    Returns the number of toggles, that of undefined pixels, and the first of these as row and
    column in the order of the image.
    """
    columns = xt.cell.size
    lower, upper, limit = levels
    up, down = np.empty(values.shape[1], np.int8), np.empty(values.shape[1], np.int8)
    spans = np.empty((values.shape[1], 2), np.int32)
    to_toggles = out.size == 0
    count, undefined, bad_row, bad_column = 0, 0, -1, -1
    for r in range(values.shape[0]):
        up, down = down, up
        find_sides(values[r], lower, upper, limit, down)
        if r == 0:
            continue
        ya, yb = max(yt.start[cell + r - 1], y0), min(yt.start[cell + r], y1)
        if ya >= yb:
            continue
        above, below = values[r - 1], values[r]
        number = find_spans(up, down, xt.start, spans)
        for y in range(ya, yb):
            state, begin = CLEAR, 0
            for k in range(number + 1):
                side, first, last = CLEAR, columns, columns + 1
                if k < number:
                    side = spans[k, 0]
                    first = xt.start[spans[k, 1]]
                    last = xt.start[spans[k, 1] + 1] if side == MIXED else first + 1
                for x in range(first, last):
                    new = side
                    if side == MIXED:
                        i = spans[k, 1]
                        w01, w10 = yt.w0[y] * xt.w1[x], yt.w1[y] * xt.w0[x]
                        value = weigh(yt.w0[y] * xt.w0[x], above[i])
                        if swapped:
                            value = (value + weigh(w10, below[i])) + weigh(w01, above[i + 1])
                        else:
                            value = (value + weigh(w01, above[i + 1])) + weigh(w10, below[i])
                        value = value + weigh(yt.w1[y] * xt.w1[x], below[i + 1])
                        new = SET if value > cutoff else CLEAR
                        if value != value:
                            row, column = (x, y) if swapped else (y, x)
                            is_first = row < bad_row or (row == bad_row and column < bad_column)
                            if undefined == 0 or is_first:
                                bad_row, bad_column = row, column
                            undefined += 1
                    if new == state:
                        continue
                    if to_toggles:
                        place = y * columns + x
                        if count and toggles[count - 1] == place:
                            count -= 1
                        else:
                            toggles[count] = place
                            count += 1
                    elif new == SET:
                        begin = x
                    else:
                        for j in range(begin, x):
                            out[y - y0, j] = mark
                    state = new
    return count, undefined, bad_row, bad_column
