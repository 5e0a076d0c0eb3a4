"""Run lengths of masks on a device: the places where their bits change are copied to the CPU."""

from __future__ import annotations

import numpy as np

from segpost._core.device import DeviceContext, copy_rows, to_host
from segpost._core.run_lengths import Array, RunLengths, runs_of_toggles

MAX_PIXELS = (1 << 32) - 1  # whose changes are counted at a time


def read_runs(context: DeviceContext, bits: Array, height: int) -> RunLengths:
    """Return the counts of masks (N, C, W, bytes), whose columns are packed; wait for them."""
    images, classes, width, row_bytes = bits.shape
    masks = bits.reshape(images * classes, width, row_bytes)
    step = max(MAX_PIXELS // (width * height), 1)
    toggles = [
        places
        for first in range(0, len(masks), step)
        for places in _find_changes(context, masks[first : first + step], height)
    ]
    return runs_of_toggles(toggles, width * height)


def _find_changes(context: DeviceContext, bits: Array, height: int) -> list[Array]:
    """Return the places in each mask, column by column, where the bit is not the one before."""
    masks, width, _ = bits.shape
    runtime = context.runtime
    parts, size = runtime.count_bit_changes_plan(bits, height)
    ends = context.empty((masks * width * parts,), np.uint32)
    workspace = context.empty((size,), np.uint8)
    runtime.count_bit_changes(bits, height, ends, context.stream, workspace)
    mask_ends_there = context.empty((masks, 1), np.uint32)
    copy_rows(mask_ends_there, ends.reshape(masks, width * parts)[:, -1:])
    mask_ends = to_host(mask_ends_there)[:, 0].astype(np.int64)
    places = context.empty((int(mask_ends[-1]),), np.uint32)
    runtime.write_bit_changes(bits, height, ends, places, context.stream)
    return np.split(to_host(places), mask_ends[:-1])
