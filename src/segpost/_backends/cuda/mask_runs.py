"""Run lengths of masks that a device has made."""

from __future__ import annotations

import numpy as np

from segpost._core import rle
from segpost._core.device import Array, to_host
from segpost._core.run_lengths import RunLengths


def read_runs(bits: Array, height: int) -> RunLengths:
    """Return the counts of masks (N, C, W, bytes), whose columns are packed; wait for each mask."""
    images, classes = bits.shape[:2]
    counts = []
    for image in range(images):
        for channel in range(classes):
            plane = to_host(bits[image, channel])
            mask = np.unpackbits(plane, axis=-1, count=height).T
            counts.append(rle.encode_counts(mask))
    ends = np.cumsum([part.size for part in counts], dtype=np.int64)
    return RunLengths(np.concatenate(counts), ends)
