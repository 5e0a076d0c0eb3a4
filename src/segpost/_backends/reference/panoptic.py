"""Definition of the overlaps of two panoptic maps."""

from __future__ import annotations

import numpy as np

from segpost._core.contract import Array
from segpost._core.panoptic_contract import Overlaps


def count_overlaps(preds: Array, target: Array) -> Overlaps:
    """Count the pixels of every pair of a predicted and a true segment."""
    planes = [plane.astype(np.int64).reshape(-1) for plane in (*preds, *target)]
    values, pixels = np.unique(np.stack(planes, axis=1), axis=0, return_counts=True)
    return Overlaps(values, pixels.astype(np.int64))
