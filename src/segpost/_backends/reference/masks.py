"""Definition of binarize: where the interpolated logits of sigmoid heads exceed a cutoff."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from segpost._backends.reference.labels import count_nan, interpolated, output_shape
from segpost._core import rle
from segpost._core.contract import Array, LogitErrors, Logits
from segpost._core.run_lengths import RunLengths
from segpost._core.sampling import Axes


def binarize(
    logits: Logits, axes: Axes | None, cutoffs: Array, masks: Array, packed: bool
) -> LogitErrors:
    """Write 1 where the interpolated logit exceeds the cutoff of its channel, else 0."""
    errors = count_nan(logits)
    for n, rows, is_set, is_undefined in _strips(logits, axes, cutoffs):
        masks[n, :, rows] = np.packbits(is_set, axis=-1) if packed else is_set
        errors = _add_undefined(errors, is_undefined, n, rows, logits, axes)
    return errors


def binarize_labels(
    logits: Logits, axes: Axes | None, cutoffs: Array, values: Array, labels: Array
) -> LogitErrors:
    """Write the value of the last channel whose logit exceeds its cutoff; 0 where none does."""
    errors = count_nan(logits)
    for n, rows, is_set, is_undefined in _strips(logits, axes, cutoffs):
        labels[n, rows] = 0
        for channel, value in zip(is_set, values, strict=True):
            labels[n, rows][channel] = value
        errors = _add_undefined(errors, is_undefined, n, rows, logits, axes)
    return errors


def binarize_runs(
    logits: Logits, axes: Axes | None, cutoffs: Array
) -> tuple[RunLengths, LogitErrors]:
    """Return the counts of all masks, which `segpost._core.rle` defines."""
    n, height, width = output_shape(logits, axes)
    masks = np.empty((n, len(cutoffs), height, width), np.uint8)
    errors = binarize(logits, axes, cutoffs, masks, False)
    counts = [rle.encode_counts(mask) for mask in masks.reshape(-1, height, width)]
    return RunLengths(np.concatenate(counts), np.cumsum([part.size for part in counts])), errors


def _strips(
    logits: Logits, axes: Axes | None, cutoffs: Array
) -> Iterator[tuple[int, slice, Array, Array]]:
    """Iterate over strips: image, output rows, pixels that are set, and undefined ones."""
    for n, rows, values in interpolated(logits, axes):
        yield n, rows, values > cutoffs[:, None, None], np.isnan(values)


def _add_undefined(
    errors: LogitErrors,
    is_undefined: Array,
    n: int,
    rows: slice,
    logits: Logits,
    axes: Axes | None,
) -> LogitErrors:
    """Return the errors plus those of the undefined pixels of a strip, [C, rows, W]."""
    count = int(is_undefined.sum())
    if not count:
        return errors
    _, height, width = output_shape(logits, axes)
    channel, y, x = (int(i) for i in np.unravel_index(is_undefined.argmax(), is_undefined.shape))
    first = ((n * len(is_undefined) + channel) * height + rows.start + y) * width + x
    if errors.undefined_count:
        first = min(first, errors.undefined_first)
    return errors._replace(undefined_count=errors.undefined_count + count, undefined_first=first)
