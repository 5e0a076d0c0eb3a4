"""The definition of entropy, margin and the largest probabilities."""

from __future__ import annotations

import numpy as np

from segpost._backends.reference.labels import (
    add_undefined,
    as_type,
    interpolated,
    output_shape,
)
from segpost._core.contract import Array, LogitErrors, Logits
from segpost._core.logits import with_both_classes
from segpost._core.sampling import Axes


def rank_classes(
    logits: Logits,
    axes: Axes | None,
    labels: Array | None,
    confidence: Array | None,
    entropy: Array | None,
    margin: Array | None,
    top_labels: Array | None,
    top_probabilities: Array | None,
) -> LogitErrors:
    """Write what is known of the probabilities of the classes, in order of their logits.

    A NaN is above all numbers, and equal logits are in order of class. `labels` come first where
    they are given: rounding may have made their probabilities equal to others.
    """
    logits = with_both_classes(logits)
    errors = LogitErrors()
    den = 1.0 if axes is None else axes.den
    shape = output_shape(logits, axes)
    for n, rows, values in interpolated(logits, axes):
        real = logits.scale * (values / den - logits.zero_point)
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            difference = real - real.max(axis=0)
            power = np.exp(difference)
            total = power.sum(axis=0)
            terms = np.where(power > 0, power * difference, 0.0)
            nats = np.log(total) - terms.sum(axis=0) / total
        order = np.lexsort([-values, ~np.isnan(values)], axis=0)
        if labels is not None:
            order = put_first(order, labels[n, rows])
        probability = np.take_along_axis(power / total, order, axis=0)
        if confidence is not None:
            confidence[n, rows] = as_type(probability[0], confidence.dtype)
        if entropy is not None:
            entropy[n, rows] = np.maximum(nats, 0.0)
        if margin is not None:
            margin[n, rows] = probability[0] - probability[1]
        if top_labels is not None and top_probabilities is not None:
            count = top_labels.shape[1]
            top_labels[n, :, rows] = order[:count]
            top_probabilities[n, :, rows] = as_type(probability[:count], top_probabilities.dtype)
        errors = add_undefined(errors, np.isnan(total), n, rows, shape)
    return errors


def put_first(order: Array, labels: Array) -> Array:
    """Return the order of the classes, (C, H, W), with one class of every pixel moved to the front.

    Examples
    --------
    >>> import numpy as np
    >>> from segpost._backends.reference.ranking import put_first
    >>> put_first(np.array([2, 0, 1]).reshape(3, 1, 1), np.array([[1]])).ravel()
    array([1, 2, 0])
    """
    place = np.argmax(order == labels, axis=0)
    ranks = np.arange(len(order))[:, None, None]
    before = np.where(ranks == 0, place, np.where(ranks <= place, ranks - 1, ranks))
    return np.take_along_axis(order, before, axis=0)
