"""The definition of the labels that maximise the expected Dice or IoU of an image."""

from __future__ import annotations

import numpy as np

from segpost._backends.reference.labels import (
    add_undefined,
    interpolated,
    output_shape,
)
from segpost._core.contract import Array, LogitErrors, Logits
from segpost._core.expected_scores import (
    UNIT,
    compute_gains,
    find_threshold,
    gain_of,
    probability_levels,
)
from segpost._core.logits import with_both_classes
from segpost._core.sampling import Axes


def decode_labels(logits: Logits, axes: Axes | None, score: str, labels: Array) -> LogitErrors:
    """Write the labels of every image of which the thresholds of its classes are the best.

    A class without a probability above 1/2 is not active, and selects no pixel. A pixel that
    several classes select gets the one with the largest gain, the first of equal ones; a pixel that
    none selects that of the active classes, or of all where none is. The label of a one-channel
    head is 1 where class 1 selects the pixel.
    """
    is_sigmoid = logits.threshold is not None
    both = with_both_classes(logits)
    errors, shape = LogitErrors(), output_shape(logits, axes)
    unit = both.scale if axes is None else both.scale / axes.den
    for n in range(shape[0]):
        image = both._replace(values=both.values[n : n + 1])
        levels = np.concatenate(
            [probability_levels(values, unit) for _, _, values in interpolated(image, axes)], axis=1
        )
        is_defined = levels[0] >= 0
        errors = add_undefined(errors, ~is_defined, n, slice(0, shape[1]), shape)
        inside = levels[:, is_defined]
        labels[n][is_defined] = label_pixels(inside, score, is_sigmoid)
    return errors


def label_pixels(levels: Array, score: str, is_sigmoid: bool) -> Array:
    """Return the labels of pixels by their levels, [C, P]."""
    if not levels.shape[1]:
        return np.zeros(0, np.int64)
    mass = levels.sum(axis=1)
    thresholds = [threshold_of(plane, score) for plane in levels]
    is_active = levels.max(axis=1) > UNIT // 2
    selected = (levels > np.array(thresholds)[:, None]) & is_active[:, None]
    if is_sigmoid:
        return np.asarray(selected[1], np.int64)
    selections = selected.sum(axis=0)
    single = selected & (selections == 1)
    gains = np.array(
        [
            compute_gains(
                plane,
                *gain_of(int(mass[c]), int(single[c].sum()), int(plane[single[c]].sum()), score),
                score,
            )
            for c, plane in enumerate(levels)
        ]
    )
    candidates = is_active if is_active.any() else np.ones_like(is_active)
    eligible = np.where(selections > 0, selected, candidates[:, None])
    return np.asarray(np.where(eligible, gains, -np.inf).argmax(axis=0))


def threshold_of(levels: Array, score: str) -> int:
    """Return the largest level of a class that its threshold leaves out, or 0."""
    values, counts = np.unique(np.append(levels, 0), return_counts=True)
    sums = values * counts
    pixels_above = np.append(np.cumsum(counts[:0:-1])[::-1], 0)
    sums_above = np.append(np.cumsum(sums[:0:-1])[::-1], 0)
    last = find_threshold(values, pixels_above, sums_above, int(levels.sum()), score)
    return int(values[last])
