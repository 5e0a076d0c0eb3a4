"""Labels of volumes, one at a time where a backend has no batches of them."""

from __future__ import annotations

import math

from segpost._core.arrays import Array
from segpost._core.contract import Backend, LogitErrors, Logits
from segpost._core.device import DeviceArray
from segpost._core.sampling import VolumeAxes


def label_volumes(
    backend: Backend, logits: Logits, axes: VolumeAxes | None, labels: Array
) -> LogitErrors:
    """Write the labels of volumes, logits of shape (N, C, d, h, w) to labels (N, D, H, W)."""
    values = logits.values
    if axes is not None and not isinstance(values, DeviceArray):
        return backend.argmax_volume(logits, axes, labels)
    counts = LogitErrors()
    for n in range(len(labels)):
        if axes is not None:
            volume = logits._replace(values=values[n : n + 1])
            more = backend.argmax_volume(volume, axes, labels[n : n + 1])
        else:  # without interpolation the slices are a batch of images
            slices = logits._replace(values=values[n].transpose(1, 0, 2, 3))
            more = backend.argmax(slices, None, labels[n])
        counts = add_counts(counts, more, n * math.prod(values.shape[2:]), n * labels[0].size)
    return counts


def add_counts(
    counts: LogitErrors, more: LogitErrors, logits_before: int, voxels_before: int
) -> LogitErrors:
    """Add the error counts of a later volume; its positions are counted from its own start."""
    nan_first, undefined_first = counts.nan_first, counts.undefined_first
    if more.nan_count and nan_first < 0:
        nan_first = logits_before + more.nan_first
    if more.undefined_count and undefined_first < 0:
        undefined_first = voxels_before + more.undefined_first
    return LogitErrors(
        counts.nan_count + more.nan_count,
        nan_first,
        counts.undefined_count + more.undefined_count,
        undefined_first,
    )
