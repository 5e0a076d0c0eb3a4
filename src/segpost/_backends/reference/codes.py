"""Definition of the runs of compressed run-length codes."""

from __future__ import annotations

import itertools

import numpy as np

from segpost._core import rle
from segpost._core.contract import Array


def decompress_runs(
    characters: Array, ends: Array, height: int, width: int
) -> tuple[Array, Array, Array, Array, int]:
    """Return the runs of masks, and the first one whose code is bad."""
    offsets, runs = [0], [np.zeros((3, 0), np.int32)]
    for number, (begin, end) in enumerate(itertools.pairwise([0, *ends.tolist()])):
        try:
            counts = rle.decompress_counts(characters[begin:end].tobytes())
            mask = rle.decode_counts(counts, (height, width))
        except ValueError:
            nothing = np.zeros(0, np.int32)
            return np.zeros(1, np.int64), nothing, nothing, nothing, number
        steps = np.diff(np.pad(mask, ((1, 1), (0, 0))).T.astype(np.int8), axis=1)
        column, top = np.nonzero(steps == 1)
        runs.append(np.array([column, top, np.nonzero(steps == -1)[1]], np.int32))
        offsets.append(offsets[-1] + len(column))
    column, top, bottom = np.concatenate(runs, axis=1)
    return np.array(offsets, np.int64), column, top, bottom, -1
