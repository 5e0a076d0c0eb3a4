"""The operation binarize_volume on Numba; the proofs are in csrc/ops/labels/masks.hpp.

Cells whose corners are on one side are filled, the others computed in float64.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from segpost._backends.numba import tiles
from segpost._backends.numba.labels.mask_rows import CLEAR, MIXED, find_sides
from segpost._backends.numba.labels.resize import weigh
from segpost._backends.numba.threads import kernel, run
from segpost._core.arrays import widen
from segpost._core.contract import Array, LogitErrors, Logits
from segpost._core.sampling import VolumeAxes
from segpost._core.thresholds import sides


def binarize_volume(
    logits: Logits, axes: VolumeAxes, cutoffs: Array, values: Array | None, out: Array
) -> LogitErrors:
    """Write masks, or the value of the last channel that is set."""
    images, channels, *grid = logits.values.shape
    tables = tiles.table(axes.z), tiles.table(axes.y), tiles.table(axes.x)
    out[...] = 0
    nan = np.isnan(widen(logits.values, logits.kind))
    first_nan = int(nan.any(axis=1).argmax()) if nan.any() else -1

    def work(part: tuple[int, int]) -> tuple[int, int]:
        n, c = part
        values_of_channel = widen(logits.values[n, c], logits.kind)
        target = out[n, c] if values is None else out[n]
        count, first = _write_mask(
            tiles.pack(values_of_channel),
            *tables,
            tuple(sides(float(cutoffs[c]), axes.den, tiles.number(logits.kind))),
            cutoffs[c],
            out.dtype.type(1 if values is None else values[c]),
            target,
        )
        return int(count), int(first) + (n * channels + c) * math.prod(axes.size)

    undefined: list[tuple[int, int]] = []
    masks = [(n, c) for n in range(images) for c in range(channels)]
    if values is None:
        groups = [masks]
    else:  # later channels cover earlier ones
        groups = [[(n, c) for n in range(images)] for c in range(channels)]
    for group in groups:
        undefined += run(work, group, len(group) * math.prod(grid))
    count = sum(count for count, _ in undefined)
    first = min((first for count, first in undefined if count), default=-1)
    return LogitErrors(int(nan.sum()), first_nan, count, first)


@kernel
def _write_mask(
    values: Any, zt: Any, yt: Any, xt: Any, level: Any, cutoff: Any, value: Any, out: Any
) -> Any:
    """Write a value where a channel [d, h, w] is set; return undefined voxels: number, first."""
    depth, height, width = values.shape
    side = np.empty((depth, height, width), np.int32)
    for z in range(depth):
        for y in range(height):
            find_sides(values[z, y], level[0], level[1], level[2], side[z, y])
    undefined, undefined_first = 0, -1
    for z in range(zt.start.size - 1):
        back = min(z + 1, depth - 1)
        for y in range(yt.start.size - 1):
            down = min(y + 1, height - 1)
            for x in range(xt.start.size - 1):
                right = min(x + 1, width - 1)
                first = side[z, y, x]
                same = first != MIXED
                for k in range(1, 8):
                    at_z, at_y = back if k & 4 else z, down if k & 2 else y
                    same &= side[at_z, at_y, right if k & 1 else x] == first
                if same and first == CLEAR:
                    continue
                for to_z in range(zt.start[z], zt.start[z + 1]):
                    for to_y in range(yt.start[y], yt.start[y + 1]):
                        for to_x in range(xt.start[x], xt.start[x + 1]):
                            if same:
                                out[to_z, to_y, to_x] = value
                                continue
                            total = 0.0
                            for k in range(8):
                                weight = zt.w1[to_z] if k & 4 else zt.w0[to_z]
                                weight *= yt.w1[to_y] if k & 2 else yt.w0[to_y]
                                weight *= xt.w1[to_x] if k & 1 else xt.w0[to_x]
                                at_z, at_y = back if k & 4 else z, down if k & 2 else y
                                corner = values[at_z, at_y, right if k & 1 else x]
                                total += weigh(weight, corner)
                            if total > cutoff:
                                out[to_z, to_y, to_x] = value
                            elif total != total:
                                index = (to_z * out.shape[1] + to_y) * out.shape[2] + to_x
                                if undefined == 0 or index < undefined_first:
                                    undefined_first = index
                                undefined += 1
    return undefined, undefined_first
