"""The operations boundary_bands and boundary_matches on Numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.metrics.confusion import Coder, coder
from segpost._backends.numba.threads import kernel, run
from segpost._backends.numba.tiles import frozen, pieces
from segpost._core.contract import Array

BLOCK = 1 << 16  # pixels whose codes are computed together
STRIP = 1 << 18  # pixels of a strip
NO_CHANGE = -(1 << 30)  # a row above all windows
CELL = 8  # side of the squares whose sets of classes are compared before pixels


def boundary_bands(
    labels: Array, width: int, frame: bool, classes: int, ignored: Array, out: Array
) -> None:
    """Write the class of pixels in the boundary band, and `classes` elsewhere."""
    images, height, columns = labels.shape
    reach = min(width, max(height, columns))
    codes = coder(labels.dtype, classes, ignored, classes + 1, classes + 2, out.dtype)
    no_class = out.dtype.type(classes)

    def work(strip: tuple[int, int, int]) -> None:
        n, y0, y1 = strip
        top, bottom = max(y0 - reach, 0), min(y1 + reach, height)
        last = np.full(columns, NO_CHANGE, np.int32)
        above = np.empty(columns, out.dtype)
        for a, b in pieces(bottom - top, BLOCK // columns):
            block = codes(labels[n, top + a : top + b]).reshape(b - a, columns)
            rows_of_block = (top + a, y0, y1, top, bottom, height)
            sweep(block, rows_of_block, reach, frame, no_class, last, above, out[n, y0:y1])

    rows = max(STRIP // max(columns, 1), 8 * reach)  # the rows around a strip are read twice
    parts = [(n, *part) for n in range(images) for part in pieces(height, rows)]
    # Eight pixels take as long as one element of other operations.
    run(work, parts if columns else [], labels.size // 8)


def boundary_matches(
    preds: Array, target: Array, ignored: Array, offsets: Array, counts: Array
) -> None:
    """Count the boundary pixels of every class, and those near one of the other map."""
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
    """Add the counts of one image; `maps` is memory for the boundary classes of both maps."""
    classes, (height, width) = len(counts), labels[0].shape
    no_class, ignored = maps.dtype.type(classes), maps.dtype.type(classes + 1)
    cells = np.empty((2, -(-height // CELL), -(-width // CELL)), np.uint64)
    # Bits of classes: a bit that is missing excludes all classes that share it.
    bits = np.append(np.uint64(1) << np.arange(classes, dtype=np.uint64) % 64, np.uint64(0))

    def mark_rows(rows: tuple[int, int]) -> None:
        for a, b in pieces(rows[1] - rows[0], BLOCK // width // CELL * CELL or CELL):
            y0, y1 = rows[0] + a, rows[0] + b
            top, bottom = max(y0 - 1, 0), min(y1 + 1, height)
            preds_codes, target_codes = (
                code(part[top:bottom]).reshape(-1, width)
                for code, part in zip(coders, labels, strict=True)
            )
            marks = (maps[0, y0:y1], maps[1, y0:y1])
            mark_boundaries(preds_codes, target_codes, y0 - top, (no_class, ignored), marks)
            for mark, cell in zip(marks, cells[:, y0 // CELL : -(-y1 // CELL)], strict=True):
                mark_cells(mark, frozen(bits), cell)

    def match(strip: tuple[int, int, int]) -> Array:
        side, y0, y1 = strip
        image_counts = np.zeros((classes, 2), np.int64)
        this_map, other_map = frozen(maps[side]), frozen(maps[1 - side])
        match_boundaries(
            this_map, other_map, (y0, y1), offsets, frozen(bits), near_bits[1 - side], image_counts
        )
        return image_counts

    rows = pieces(height, STRIP // width // CELL * CELL or CELL)
    run(mark_rows, rows, 4 * maps.size)
    near_bits = frozen(_around(cells, -(-abs(offsets).max(axis=0, initial=0) // CELL)))
    strips = [(side, *part) for side in range(2) for part in rows]
    for (side, *_), image_counts in zip(strips, run(match, strips, 4 * maps.size), strict=True):
        counts[:, 2 * side : 2 * side + 2] += image_counts


def _around(cells: Array, reach: Array) -> Array:
    """Return for each cell the union of bits of cells within `reach` rows and columns."""
    for axis, distance in ((1, int(reach[0])), (2, int(reach[1]))):
        reached = 0
        while reached < distance:
            step = min(distance - reached, reached + 1)  # larger steps leave gaps at the ends
            wider = cells.copy()
            low, high = [slice(None)] * 3, [slice(None)] * 3
            low[axis], high[axis] = slice(None, -step), slice(step, None)
            wider[tuple(low)] |= cells[tuple(high)]
            wider[tuple(high)] |= cells[tuple(low)]
            cells, reached = wider, reached + step
    return cells


@kernel
def sweep(
    block: Any,
    rows_of_block: Any,
    reach: Any,
    frame: Any,
    no_class: Any,
    last: Any,
    above: Any,
    out: Any,
) -> None:
    """Process the next rows of codes, and write the rows of `out` whose windows end in them.

    `last` holds for every column the last row with a change of code: in the row, within the width
    of the window, or between that row and the next in the column. A window contains one code if
    its rows begin after that row. `above` is the row before this block.
    """
    first, y0, y1, top, bottom, height = rows_of_block
    width = last.size
    buffers = np.zeros((2, width + 2 * reach), np.uint8)
    for r in range(block.shape[0]):
        y = first + r
        row = block[r]
        edges, wider = buffers[0], buffers[1]
        for x in range(edges.size):
            edges[x] = 0
        between, right = edges[reach:], row[1:]  # indices that can be negative need a test each
        for x in range(right.size):
            between[x] = row[x] != right[x]
        span = 1  # number of edges that each element combines
        while span < 2 * reach:
            step = min(span, 2 * reach - span)
            ahead = edges[step:]
            for x in range(ahead.size):
                wider[x] = edges[x] | ahead[x]
            edges, wider = wider, edges
            span += step
        this_row, before = np.int32(y), np.int32(y - 1)
        if y > top:
            for x in range(width):
                last[x] = before if row[x] != above[x] else last[x]
        if reach > 0:
            for x in range(width):
                last[x] = this_row if edges[x] else last[x]
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
            line, changed = out[e - y0, edge : width - edge], last[edge : width - edge]
            start = np.int32(e - reach)
            for x in range(line.size):
                is_inside = (changed[x] < start) & (line[x] < no_class)
                line[x] = no_class if is_inside else line[x]


@kernel
def mark_boundaries(preds: Any, target: Any, start: Any, special: Any, maps: Any) -> None:
    """Write the classes of boundary pixels of both maps, and `no_class` elsewhere.

    Row 0 of `maps` is row `start` of the codes; only the target has ignored pixels.
    """
    no_class, ignored = special
    rows, width = preds.shape
    edges = np.zeros((2, width + 1), np.bool_)  # edges to the left of every pixel
    for y in range(maps[0].shape[0]):
        r = start + y
        up, down = max(r - 1, 0), min(r + 1, rows - 1)
        t, t_up, t_down = target[r], target[up], target[down]
        for k in range(2):
            codes = preds if k == 0 else target
            c, c_up, c_down, out = codes[r], codes[up], codes[down], maps[k][y]
            left, right = edges[k], edges[k, 1:]
            c_next, t_next = c[1:], t[1:]
            for x in range(c_next.size):
                right[x] = (c[x] != c_next[x]) & (t[x] != ignored) & (t_next[x] != ignored)
            for x in range(width):
                upper = (c[x] != c_up[x]) & (t_up[x] != ignored)
                lower = (c[x] != c_down[x]) & (t_down[x] != ignored)
                is_boundary = ((upper | lower) & (t[x] != ignored)) | left[x] | right[x]
                out[x] = c[x] if is_boundary else no_class


@kernel
def mark_cells(marks: Any, bits: Any, cells: Any) -> None:
    """Write the bits of the classes with a boundary pixel in each cell of 8 times 8 pixels."""
    width = marks.shape[1]
    for i in range(cells.shape[0]):
        row = cells[i]
        for j in range(row.size):
            row[j] = 0
        for line in marks[CELL * i : CELL * i + CELL]:
            for j in range(width // CELL):
                m = line[CELL * j :]
                cell_bits = (bits[m[0]] | bits[m[1]]) | (bits[m[2]] | bits[m[3]])
                row[j] |= cell_bits | (bits[m[4]] | bits[m[5]]) | (bits[m[6]] | bits[m[7]])
            for x in range(width // CELL * CELL, width):
                row[x // CELL] |= bits[line[x]]


@kernel
def match_boundaries(
    this_map: Any, other_map: Any, rows: Any, offsets: Any, bits: Any, near_bits: Any, counts: Any
) -> None:
    """Count the boundary pixels of some rows, and those near one of the other map.

    `near_bits` holds the bits of the classes that the search can reach from a cell.
    """
    height, width = this_map.shape
    classes = counts.shape[0]
    total = offsets.shape[0]
    flat = other_map.reshape(-1)
    steps = np.empty(total, np.int64)
    max_dy, max_dx = 0, 0  # largest offsets of the search
    for k in range(total):
        dy, dx = offsets[k]
        steps[k] = dy * width + dx
        max_dy, max_dx = max(max_dy, abs(dy)), max(max_dx, abs(dx))
    previous = 0  # neighboring pixels often match at the same offset
    for y in range(rows[0], rows[1]):
        for x in range(width):
            c = this_map[y, x]
            if c == classes:
                continue
            counts[c, 0] += 1
            if total == 0 or near_bits[y // CELL, x // CELL] & bits[c] == 0:
                continue
            if max_dy <= y < height - max_dy and max_dx <= x < width - max_dx:
                pixel = y * width + x
                k = previous if flat[pixel + steps[previous]] == c else find(flat, pixel, steps, c)
            else:
                k = find_inside(other_map, y, x, offsets, c)
            if k < total:
                counts[c, 1] += 1
                previous = k


@kernel
def find(flat: Any, pixel: Any, steps: Any, code: Any) -> Any:
    """Return the index of the first step to a code, or the number of steps."""
    for k in range(steps.size):
        if flat[pixel + steps[k]] == code:
            return k
    return steps.size


@kernel
def find_inside(codes: Any, y: Any, x: Any, offsets: Any, code: Any) -> Any:
    """Return the result of `find` where offsets can be outside the image."""
    for k in range(offsets.shape[0]):
        v, u = y + offsets[k, 0], x + offsets[k, 1]
        if 0 <= v < codes.shape[0] and 0 <= u < codes.shape[1] and codes[v, u] == code:
            return k
    return offsets.shape[0]
