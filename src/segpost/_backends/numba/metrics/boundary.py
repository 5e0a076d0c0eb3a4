"""Bands along boundaries, and boundaries that lie near each other, on Numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.metrics.confusion import Coder, coder
from segpost._backends.numba.threads import kernel, run
from segpost._backends.numba.tiles import frozen, pieces
from segpost._core.contract import Array

BLOCK = 1 << 16  # pixels whose codes are made together
STRIP = 1 << 18  # pixels of a strip
FAR = -(1 << 30)  # a row that no window reaches
CELL = 8  # pixels of the squares in which classes are looked for before pixels


def boundary_bands(
    labels: Array, width: int, frame: bool, classes: int, ignored: Array, out: Array
) -> None:
    """Classes where they lie in the band, `classes` where they do not."""
    images, height, columns = labels.shape
    reach = min(width, max(height, columns))
    codes = coder(labels.dtype, classes, ignored, classes + 1, classes + 2, out.dtype)
    nothing = out.dtype.type(classes)

    def work(strip: tuple[int, int, int]) -> None:
        n, y0, y1 = strip
        top, bottom = max(y0 - reach, 0), min(y1 + reach, height)
        last = np.full(columns, FAR, np.int32)
        above = np.empty(columns, out.dtype)
        for a, b in pieces(bottom - top, BLOCK // columns):
            block = codes(labels[n, top + a : top + b]).reshape(b - a, columns)
            place = (top + a, y0, y1, top, bottom, height)
            sweep(block, place, reach, frame, nothing, last, above, out[n, y0:y1])

    rows = max(STRIP // max(columns, 1), 8 * reach)  # the rows around a strip are read again
    parts = [(n, *part) for n in range(images) for part in pieces(height, rows)]
    # Eight pixels take about as long as an element elsewhere.
    run(work, parts if columns else [], labels.size // 8)


def boundary_matches(
    preds: Array, target: Array, ignored: Array, offsets: Array, counts: Array
) -> None:
    """How many boundary pixels of every class have one of the same class near in the other map."""
    classes, (_, height, width) = len(counts), target.shape
    kind = np.dtype(np.uint8 if classes + 1 < 256 else np.int32)
    coders = (
        coder(preds.dtype, classes, ignored[:0], classes, classes, kind),
        coder(target.dtype, classes, ignored, classes + 1, classes, kind),
    )
    steps = np.asarray(offsets, np.int64)
    steps = frozen(steps[(abs(steps) < (height, width)).all(axis=1)])
    if target.size:
        maps = np.empty((2, height, width), kind)
        for pair in zip(preds, target, strict=True):
            _match_image(pair, coders, steps, maps, counts)


def _match_image(
    labels: tuple[Array, Array],
    coders: tuple[Coder, Coder],
    offsets: Array,
    maps: Array,
    counts: Array,
) -> None:
    """One image; `maps` is where the classes of the boundary pixels of both are kept."""
    classes, (height, width) = len(counts), labels[0].shape
    nothing, void = maps.dtype.type(classes), maps.dtype.type(classes + 1)
    cells = np.empty((2, -(-height // CELL), -(-width // CELL)), np.uint64)
    # Classes as bits: where one is missing, so are all that have the same bit.
    bits = np.append(np.uint64(1) << np.arange(classes, dtype=np.uint64) % 64, np.uint64(0))

    def draw(rows: tuple[int, int]) -> None:
        for a, b in pieces(rows[1] - rows[0], BLOCK // width // CELL * CELL or CELL):
            y0, y1 = rows[0] + a, rows[0] + b
            top, bottom = max(y0 - 1, 0), min(y1 + 1, height)
            one, two = (
                code(part[top:bottom]).reshape(-1, width)
                for code, part in zip(coders, labels, strict=True)
            )
            marks = (maps[0, y0:y1], maps[1, y0:y1])
            mark_boundaries(one, two, y0 - top, (nothing, void), marks)
            for mark, cell in zip(marks, cells[:, y0 // CELL : -(-y1 // CELL)], strict=True):
                mark_cells(mark, frozen(bits), cell)

    def match(strip: tuple[int, int, int]) -> Array:
        which, y0, y1 = strip
        found = np.zeros((classes, 2), np.int64)
        own, other = frozen(maps[which]), frozen(maps[1 - which])
        match_boundaries(own, other, (y0, y1), offsets, frozen(bits), near[1 - which], found)
        return found

    rows = pieces(height, STRIP // width // CELL * CELL or CELL)
    run(draw, rows, 4 * maps.size)
    near = frozen(_around(cells, -(-abs(offsets).max(axis=0, initial=0) // CELL)))
    strips = [(which, *part) for which in range(2) for part in rows]
    for (which, *_), found in zip(strips, run(match, strips, 4 * maps.size), strict=True):
        counts[:, 2 * which : 2 * which + 2] += found


def _around(cells: Array, reach: Array) -> Array:
    """Bits of all cells up to `reach` away, in rows and columns."""
    for axis, most in ((1, int(reach[0])), (2, int(reach[1]))):
        done = 0
        while done < most:
            step = min(most - done, done + 1)  # more would leave gaps at the ends
            wider = cells.copy()
            low, high = [slice(None)] * 3, [slice(None)] * 3
            low[axis], high[axis] = slice(None, -step), slice(step, None)
            wider[tuple(low)] |= cells[tuple(high)]
            wider[tuple(high)] |= cells[tuple(low)]
            cells, done = wider, done + step
    return cells


@kernel
def sweep(
    block: Any,
    place: Any,
    reach: Any,
    frame: Any,
    nothing: Any,
    last: Any,
    above: Any,
    out: Any,
) -> None:
    """Take the next rows of codes, and finish the rows of `out` whose windows end in them.

    `last` has the last row of every column at which something changes: in the row, as far as the
    window reaches, or from that row to the next in the column itself. A window holds one code if
    its rows begin after that. `above` is the row before this block.
    """
    first, y0, y1, top, bottom, height = place
    width = last.size
    two = np.zeros((2, width + 2 * reach), np.uint8)
    for r in range(block.shape[0]):
        y = first + r
        row = block[r]
        edges, wider = two[0], two[1]
        for x in range(edges.size):
            edges[x] = 0
        between, right = edges[reach:], row[1:]  # indices that may be negative cost a test each
        for x in range(right.size):
            between[x] = row[x] != right[x]
        done = 1  # edges that each now stands for, itself the first
        while done < 2 * reach:
            step = min(done, 2 * reach - done)
            ahead = edges[step:]
            for x in range(ahead.size):
                wider[x] = edges[x] | ahead[x]
            edges, wider = wider, edges
            done += step
        here, before = np.int32(y), np.int32(y - 1)
        if y > top:
            for x in range(width):
                last[x] = before if row[x] != above[x] else last[x]
        if reach > 0:
            for x in range(width):
                last[x] = here if edges[x] else last[x]
        for x in range(width):
            above[x] = row[x]
        if y0 <= y < y1:
            line = out[y - y0]
            for x in range(width):
                line[x] = row[x]
        for e in range(max(y - reach, y0), min(y1 if y + 1 == bottom else y - reach + 1, y1)):
            edge = reach if frame else 0
            if (frame and (e < reach or e >= height - reach)) or 2 * edge >= width:
                continue
            line, since = out[e - y0, edge : width - edge], last[edge : width - edge]
            start = np.int32(e - reach)
            for x in range(line.size):
                inner = (since[x] < start) & (line[x] < nothing)
                line[x] = nothing if inner else line[x]


@kernel
def mark_boundaries(preds: Any, target: Any, start: Any, special: Any, maps: Any) -> None:
    """Classes of both maps where they are boundary pixels, `nothing` elsewhere.

    Row 0 of `maps` is row `start` of the codes; only the target has void.
    """
    nothing, void = special
    rows, width = preds.shape
    beside = np.zeros((2, width + 1), np.bool_)  # edges to the left of every pixel
    for y in range(maps[0].shape[0]):
        r = start + y
        up, down = max(r - 1, 0), min(r + 1, rows - 1)
        t, t_up, t_down = target[r], target[up], target[down]
        for k in range(2):
            codes = preds if k == 0 else target
            c, c_up, c_down, out = codes[r], codes[up], codes[down], maps[k][y]
            left, right = beside[k], beside[k, 1:]
            c_next, t_next = c[1:], t[1:]
            for x in range(c_next.size):
                right[x] = (c[x] != c_next[x]) & (t[x] != void) & (t_next[x] != void)
            for x in range(width):
                upper = (c[x] != c_up[x]) & (t_up[x] != void)
                lower = (c[x] != c_down[x]) & (t_down[x] != void)
                found = ((upper | lower) & (t[x] != void)) | left[x] | right[x]
                out[x] = c[x] if found else nothing


@kernel
def mark_cells(marks: Any, bits: Any, cells: Any) -> None:
    """Which classes have a boundary pixel in a cell of 8 times 8 pixels."""
    width = marks.shape[1]
    for i in range(cells.shape[0]):
        row = cells[i]
        for j in range(row.size):
            row[j] = 0
        for line in marks[CELL * i : CELL * i + CELL]:
            for j in range(width // CELL):
                m = line[CELL * j :]
                one = (bits[m[0]] | bits[m[1]]) | (bits[m[2]] | bits[m[3]])
                row[j] |= one | (bits[m[4]] | bits[m[5]]) | (bits[m[6]] | bits[m[7]])
            for x in range(width // CELL * CELL, width):
                row[x // CELL] |= bits[line[x]]


@kernel
def match_boundaries(
    own: Any, other: Any, rows: Any, offsets: Any, bits: Any, near: Any, counts: Any
) -> None:
    """Count boundary pixels of some rows, and those with their class near in the other map.

    `near` has the bits of the classes that the search may find from somewhere in a cell.
    """
    height, width = own.shape
    classes = counts.shape[0]
    total = offsets.shape[0]
    flat = other.reshape(-1)
    steps = np.empty(total, np.int64)
    down, side = 0, 0  # how far the search goes
    for k in range(total):
        dy, dx = offsets[k]
        steps[k] = dy * width + dx
        down, side = max(down, abs(dy)), max(side, abs(dx))
    lucky = 0  # neighbors are often matched by the same offset
    for y in range(rows[0], rows[1]):
        for x in range(width):
            c = own[y, x]
            if c == classes:
                continue
            counts[c, 0] += 1
            if total == 0 or near[y // CELL, x // CELL] & bits[c] == 0:
                continue
            if down <= y < height - down and side <= x < width - side:
                here = y * width + x
                k = lucky if flat[here + steps[lucky]] == c else find(flat, here, steps, c)
            else:
                k = find_inside(other, y, x, offsets, c)
            if k < total:
                counts[c, 1] += 1
                lucky = k


@kernel
def find(flat: Any, here: Any, steps: Any, code: Any) -> Any:
    """The first step to a code, or how many steps there are."""
    for k in range(steps.size):
        if flat[here + steps[k]] == code:
            return k
    return steps.size


@kernel
def find_inside(codes: Any, y: Any, x: Any, offsets: Any, code: Any) -> Any:
    """The same where some offsets may lead out of the image."""
    for k in range(offsets.shape[0]):
        v, u = y + offsets[k, 0], x + offsets[k, 1]
        if 0 <= v < codes.shape[0] and 0 <= u < codes.shape[1] and codes[v, u] == code:
            return k
    return offsets.shape[0]
