"""Label maps, of which no fingerprint is recorded: their logits say more."""

from __future__ import annotations

import numpy as np

from segpost._core.arrays import LABEL_KINDS
from segpost.fingerprints.summary import ChannelArray

QUANTIZED_KINDS = ("int8", "uint8")  # of logits; wider integers are labels
MIN_SIDE = 16  # of a map
MAX_VALUES = 64  # different ones in the rows that are read
MAX_LABEL = 150  # of the largest data sets, besides void; quantized logits are larger, or below -1
VOID = 255
MIN_EQUAL = 0.8  # share of equal neighbors
MAX_ROWS = 64  # that are read


def refuse_label_maps(channels: ChannelArray) -> None:
    """Raise an error for label maps (H, W), (1, H, W), (N, 1, H, W), and wide ones (N, H, W).

    They are few whole numbers, in regions. An array of two dimensions is otherwise that of a
    classifier, and one of one class that of a sigmoid head.

    Raises
    ------
    ValueError
        It names the shape.
    """
    array, shape, kind = channels.array, channels.shape, channels.kind
    is_map = len(shape) == 2
    is_integer = kind in LABEL_KINDS
    may_be_labels = is_map or len(array) == 1 or (is_integer and kind not in QUANTIZED_KINDS)
    if not may_be_labels or len(shape) < 2 or min(shape[-2:]) < MIN_SIDE:
        return
    rows = array[:, 0].T[None] if is_map else array
    rows = rows[:, :: max(rows.shape[1] // MAX_ROWS, 1)]
    if not ((rows == np.rint(rows)) & (rows >= -1) & ((rows <= MAX_LABEL) | (rows == VOID))).all():
        return
    values = np.unique(rows)
    are_equal = float((rows[..., 1:] == rows[..., :-1]).mean())
    if 3 - is_integer <= len(values) <= MAX_VALUES and are_equal >= MIN_EQUAL:
        raise ValueError(
            f"logits of shape {shape} and dtype {kind} look like label maps: {len(values)} whole "
            "numbers, in regions; a fingerprint is of the logits, before argmax; of quantized "
            "logits pass quantization=(scale, zero_point)"
        )
