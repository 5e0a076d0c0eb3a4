"""What a dense CRF needs of its inputs beside the solver, computed on the device that holds them.

These are the only functions of this package that ask where an array is.
"""

from __future__ import annotations

import math

import numpy as np

from segpost._backends.cuda import crf as cuda_crf
from segpost._core.arrays import Array
from segpost._core.contract import LabelErrors
from segpost._core.device import DeviceArray


def label_energies(
    labels: Array, num_labels: int, certainty: float, unsure: int | None
) -> tuple[Array, LabelErrors]:
    """Return -log of the probabilities that a label map stands for, and the labels out of range.

    On the CPU labels are to be checked before, and none is counted here. On a device this waits for
    the device.

    Parameters
    ----------
    labels : [D, H, W] integers
    num_labels : int
        The number L of labels.
    certainty : float
        The probability of the label; the others share the rest.
    unsure : int or None
        The value of pixels at which all labels have the same probability.

    Returns
    -------
    energies : [L, D, H, W] float32
    errors : LabelErrors
    """
    if isinstance(labels, DeviceArray):
        return cuda_crf.label_energies(labels, num_labels, certainty, unsure)
    with np.errstate(divide="ignore"):
        table = -np.log(np.full((num_labels + 1, num_labels), (1 - certainty) / (num_labels - 1)))
    np.fill_diagonal(table, -math.log(certainty))
    table[num_labels] = math.log(num_labels)
    rows = labels if unsure is None else np.where(labels == unsure, num_labels, labels)
    return np.moveaxis(table.astype(np.float32)[rows], -1, 0), LabelErrors()


def channel_range(guide: Array) -> tuple[Array, LabelErrors]:
    """Return the least and the largest value of every channel, and the values that are not finite.

    On a device this waits for the device.

    Parameters
    ----------
    guide : [D, H, W, G] of any real type but bfloat16

    Returns
    -------
    range : [2, G] float64
        Of no meaning if a value is not finite.
    errors : LabelErrors
        Places are into [D, H, W, G].
    """
    if isinstance(guide, DeviceArray):
        return cuda_crf.guide_range(guide)
    channels = range(guide.shape[-1])
    limits = np.array([[f(guide[..., c]) for c in channels] for f in (np.min, np.max)], np.float64)
    if np.isfinite(limits).all():
        return limits, LabelErrors()
    bad = ~np.isfinite(guide)
    return limits, LabelErrors(int(bad.sum()), int(bad.argmax()))
