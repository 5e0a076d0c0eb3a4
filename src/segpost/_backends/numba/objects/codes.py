"""The runs of compressed run-length codes on Numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.threads import kernel
from segpost._core.contract import Array

FIRST, MORE, SIGN, DIGITS, BITS = (np.int64(value) for value in (48, 0x20, 0x10, 0x1F, 5))
MOST_BITS = 60  # of a number, as in segpost._core.rle


def decompress_runs(
    characters: Array, ends: Array, height: int, width: int
) -> tuple[Array, Array, Array, Array, int]:
    """Return the runs of masks, and the first one whose code is bad."""
    most = len(characters) // 2 + len(ends) * (width + 1)
    column, top, bottom = (np.empty(most, np.int32) for _ in range(3))
    offsets = np.zeros(len(ends) + 1, np.int64)
    bad = write_code_runs(characters, ends, height, width, offsets, column, top, bottom)
    if bad >= 0:
        offsets = np.zeros(1, np.int64)
    count = int(offsets[-1])
    return offsets, column[:count].copy(), top[:count].copy(), bottom[:count].copy(), bad


@kernel
def write_code_runs(
    characters: Any,
    ends: Any,
    height: Any,
    width: Any,
    offsets: Any,
    column: Any,
    top: Any,
    bottom: Any,
) -> Any:
    """Write the runs of masks; return the first mask whose code is bad, or -1."""
    used, at = 0, 0
    for mask in range(len(ends)):
        first, index = used, 0
        place = np.int64(0)
        before, two_before = np.int64(0), np.int64(0)
        while at < ends[mask]:
            count, shift, digit = np.int64(0), np.int64(0), MORE
            while digit & MORE:
                if at == ends[mask] or shift == MOST_BITS:
                    return mask
                digit = np.int64(characters[at]) - FIRST
                if digit < 0 or digit > (MORE | DIGITS):
                    return mask
                count |= (digit & DIGITS) << shift
                shift += BITS
                at += 1
            if digit & SIGN:
                count -= np.int64(1) << shift
            if index > 2:
                count += two_before
            if count < 0 or count > height * width - place:
                return mask
            stop = place + count
            while index & 1 and place < stop:
                x = place // height
                y = place - x * height
                end = min(stop - x * height, height)
                if used > first and column[used - 1] == x and bottom[used - 1] == y:
                    used -= 1  # after a count of 0
                else:
                    column[used], top[used] = x, y
                bottom[used] = end
                used += 1
                place = x * height + end
            place = stop
            two_before, before = before, count
            index += 1
        if place != height * width:
            return mask
        offsets[mask + 1] = used
    return -1
