"""Labels and masks of values that are resampled along given axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends import registry
from segpost._core import errors
from segpost._core.arrays import allocate_output, label_dtype
from segpost._core.logits import as_logits
from segpost._core.sampling import Axes, Axis, VolumeAxes
from segpost._core.thresholds import cutoffs
from segpost.labels.mask_outputs import mask_output
from segpost.labels.volume_masks import binarize_volumes
from segpost.labels.volumes import label_volumes


def label_values(values: Any, axes: tuple[Axis, ...] | None) -> Any:
    """Return the labels (1, ...) of a tensor (C, ...): the first index of the maximum."""
    spatial = values.ndim - 1
    logits, array, _ = as_logits(values, -spatial - 1, spatial)
    size = _size(values, axes)
    channels = values.shape[0]
    output = allocate_output(None, (1, *size), label_dtype(channels), array.wrap, array.array)
    if not output.array.size:
        return output.result()
    backend = registry.backend(logits.values, output.array)
    if spatial == 3:
        counts = label_volumes(backend, logits, _volume_axes(axes), output.array)
    else:
        counts = backend.argmax(logits, _image_axes(axes), output.array)
    if counts.nan_count or counts.undefined_count:
        errors.raise_bad_logits(counts, logits, output.array.shape)
    return output.result()


def threshold_values(values: Any, axes: tuple[Axis, ...] | None, threshold: float) -> Any:
    """Return the masks (C, ...) of a tensor: 1 where its values are at least a threshold.

    What is computed is where the negated values exceed the negated threshold: values below it.
    """
    spatial = values.ndim - 1
    source = as_logits(-values, -spatial - 1, spatial)
    logits = source.logits
    shape = (1, values.shape[0], *_size(values, axes))
    output = mask_output(None, shape, source)
    if not output.masks.size:
        return output.result()
    limit = -float(np.float32(threshold))
    if spatial == 3:
        volume = _volume_axes(axes)
        levels = cutoffs([0.5] * shape[1], volume, (1.0, limit))
        counts = binarize_volumes(logits, volume, levels, None, output.masks)
    else:
        image = _image_axes(axes)
        levels = cutoffs([0.5] * shape[1], image, (1.0, limit))
        backend = registry.backend(logits.values, output.masks, operation="binarize")
        counts = backend.binarize(logits, image, levels, output.masks, False)
    errors.raise_bad_masks(counts, logits, shape)
    return 1 - output.result()


def _volume_axes(axes: tuple[Axis, ...] | None) -> VolumeAxes | None:
    """Return three axes as those of a volume."""
    if axes is None:
        return None
    z, y, x = axes
    return VolumeAxes(z, y, x)


def _image_axes(axes: tuple[Axis, ...] | None) -> Axes | None:
    """Return two axes as those of an image."""
    return None if axes is None else Axes(*axes)


def _size(values: Any, axes: tuple[Axis, ...] | None) -> tuple[int, ...]:
    """Return the spatial shape of the result."""
    return tuple(values.shape[1:]) if axes is None else tuple(one.n_out for one in axes)
