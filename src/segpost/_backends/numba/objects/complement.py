"""The pixels of a box that are not of a region."""

from __future__ import annotations

from typing import Any

from segpost._backends.numba.threads import kernel


@kernel
def write_complement(
    offsets: Any,
    column: Any,
    top: Any,
    bottom: Any,
    box: Any,
    out_offsets: Any,
    out_column: Any,
    out_top: Any,
    out_bottom: Any,
) -> None:
    """Write the runs between those of every region in its box, column by column."""
    count = 0
    for region in range(offsets.size - 1):
        run = offsets[region]
        y0, y1 = box[region, 1], box[region, 1] + box[region, 3]
        for x in range(box[region, 0], box[region, 0] + box[region, 2]):
            y = y0
            while True:
                has_run = run < offsets[region + 1] and column[run] == x
                end = top[run] if has_run else y1
                if end > y:
                    out_column[count], out_top[count], out_bottom[count] = x, y, end
                    count += 1
                if not has_run:
                    break
                y = bottom[run]
                run += 1
        out_offsets[region + 1] = count
