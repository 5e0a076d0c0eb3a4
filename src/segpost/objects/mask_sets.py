"""The runs of all masks of an image, empty ones included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segpost._core.arrays import Array, as_input_array
from segpost.objects.codes import MaskRuns, no_runs
from segpost.objects.run_table import RunTable
from segpost.objects.sources import read_codes, table_of_labels, table_of_masks


def read_mask_runs(masks: Any) -> MaskRuns | None:
    """Return the runs of masks, None where there are no masks.

    Parameters
    ----------
    masks : array of shape (N, H, W) or (H, W), or COCO run-length codes
        As in `regions`.

    Raises
    ------
    ValueError, TypeError
        As `regions`.
    """
    if isinstance(masks, Mapping):
        masks = [masks]
    if isinstance(masks, Sequence):
        if not len(masks):
            return None
        if isinstance(masks[0], Mapping):
            return read_codes(masks, "masks")
    shape = as_input_array(masks, "masks").array.shape
    if len(shape) == 3 and shape[0] == 0:
        return None
    table = table_of_masks(masks, None)
    return _with_empty(table, np.arange(shape[0] if len(shape) == 3 else 1))


def read_segment_runs(ids: Any, numbers: Array) -> tuple[MaskRuns, Array]:
    """Return the runs of segments of a map of ids, and the ids of pixels that are none of them.

    Parameters
    ----------
    ids : integer array of shape (H, W)
    numbers : int64 array of shape (N,)
        The id of every segment, each once.

    Raises
    ------
    ValueError, TypeError
        As `regions`.
    """
    table = table_of_labels(ids, None, None, None)
    return _with_empty(table, numbers), np.setdiff1d(table.labels, numbers)


def _with_empty(table: RunTable, labels: Array) -> MaskRuns:
    """Return the regions of these labels, in this order; those without pixels are empty."""
    if not len(table.labels):
        return MaskRuns(table.size, *no_runs(len(labels)))
    at = np.minimum(np.searchsorted(table.labels, labels), len(table.labels) - 1)
    is_there = table.labels[at] == labels
    chosen = table.select(at[is_there])
    lengths = np.zeros(len(labels), np.int64)
    lengths[is_there] = np.diff(chosen.offsets)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return MaskRuns(table.size, offsets, chosen.column, chosen.top, chosen.bottom)
