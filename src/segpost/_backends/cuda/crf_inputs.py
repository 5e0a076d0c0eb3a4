"""Inputs of a dense CRF on a device: label energies and guide ranges.

Both functions wait for the device.
"""

from __future__ import annotations

import math

import numpy as np

from segpost._core.contract import Array, LabelErrors
from segpost._core.device import DeviceContext, read_error_counts, to_host

SIGN = np.uint64(1 << 63)


def label_energies(
    context: DeviceContext, labels: Array, certainty: float, unsure: int | None, out: Array
) -> LabelErrors:
    """Compute `Backend.label_energies` on a device."""
    classes = len(out)
    errors = context.empty((2,), np.uint64)
    other_probability = (1 - certainty) / (classes - 1)
    context.runtime.label_energies(
        labels,
        out,
        unsure,
        -math.log(certainty),
        -math.log(other_probability) if other_probability else math.inf,
        math.log(classes),
        context.stream,
        errors,
    )
    return LabelErrors(*read_error_counts(to_host(errors))[0])


def feature_range(context: DeviceContext, features: Array) -> tuple[Array, LabelErrors]:
    """Compute `Backend.feature_range` on a device.

    Kernels reduce float64 as unsigned keys of the same order: the sign bit set for positive
    numbers, all bits inverted for negative ones.
    """
    channels = features.shape[-1]
    memory = context.empty((2 + 2 * channels,), np.uint64)
    context.runtime.feature_range(features, context.stream, memory)
    numbers = to_host(memory)
    keys = np.stack([~numbers[2 : 2 + channels], numbers[2 + channels :]])
    bounds = np.where(keys & SIGN, keys ^ SIGN, ~keys).view(np.float64)
    return bounds, LabelErrors(*read_error_counts(numbers[:2])[0])
