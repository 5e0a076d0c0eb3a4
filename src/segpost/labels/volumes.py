"""Labels of volumes, one at a time where a backend has no batches of them."""

from __future__ import annotations

import math

from segpost._core.arrays import Array
from segpost._core.contract import Backend, LogitErrors, Logits
from segpost._core.sampling import VolumeAxes


def label_volumes(
    backend: Backend, logits: Logits, axes: VolumeAxes | None, labels: Array
) -> LogitErrors:
    """Write the labels of volumes, logits of shape (N, C, d, h, w) to labels (N, D, H, W)."""
    values = logits.values
    if axes is not None:
        return backend.argmax_volume(logits, axes, labels)
    counts = LogitErrors()
    for n in range(len(labels)):  # without interpolation the slices are a batch of images
        slices = logits._replace(values=values[n].transpose(1, 0, 2, 3))
        more = backend.argmax(slices, None, labels[n])
        counts = counts.plus(more, n * math.prod(values.shape[2:]), n * labels[0].size)
    return counts
