"""Kernels of argmax for logits that have the output size, with or without confidence."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.labels.probabilities import exp_negative
from segpost._backends.numba.threads import kernel

GROUP = 8  # powers that are added in float32


@kernel
def label_pixels(values: Any, start: Any, stop: Any, labels: Any) -> Any:
    """Write labels of pixels ``start:stop`` of [C, pixels] logits; return `LogitErrors` fields."""
    size = 1024  # pixels whose maxima fit the L1 cache
    best = np.empty(size, values.dtype)
    label = np.empty(size, np.int32)
    nan_count, nan_first, undefined, undefined_first = 0, -1, 0, -1
    for begin in range(start, stop, size):
        n = min(size, stop - begin)
        class_values = values[0, begin : begin + n]
        has_errors = False
        for x in range(n):
            best[x] = class_values[x]
            label[x] = 0
            has_errors |= class_values[x] != class_values[x]
        for c in range(1, values.shape[0]):
            class_values = values[c, begin : begin + n]
            for x in range(n):
                value = class_values[x]
                wins = value > best[x]
                has_errors |= value != value
                label[x] = c if wins else label[x]
                best[x] = value if wins else best[x]
        for x in range(n):
            has_errors |= best[x] == -np.inf
            labels[begin - start + x] = label[x]
        if not has_errors:
            continue
        for x in range(n):
            nan = 0
            for c in range(values.shape[0]):
                if np.isnan(values[c, begin + x]):
                    if nan == 0:
                        labels[begin - start + x] = c  # the first NaN wins
                    nan += 1
            if nan and nan_count == 0:
                nan_first = begin + x
            nan_count += nan
            if nan or best[x] == -np.inf:
                if undefined == 0:
                    undefined_first = begin + x
                undefined += 1
    return nan_count, nan_first, undefined, undefined_first


@kernel
def sum_powers(logits: Any, best: Any, n: Any, unit: Any, part: Any, total: Any) -> None:
    """Write the sums of all powers except the largest, which is 1, of the first `n` pixels."""
    for x in range(n):
        total[x] = -1.0
    for group in range(0, logits.shape[0], GROUP):
        for x in range(n):
            part[x] = 0.0
        for c in range(group, min(group + GROUP, logits.shape[0])):
            values = logits[c]
            for x in range(n):
                part[x] += exp_negative(np.float32((values[x] - best[x]) * unit))
        for x in range(n):
            total[x] += np.float64(part[x])


@kernel
def label_with_confidence(
    values: Any, start: Any, stop: Any, unit: Any, labels: Any, confidence: Any
) -> Any:
    """Write labels and confidence in one pass; a pixel without confidence is undefined.

    `unit` is the factor of differences of logits, in their type.
    """
    size = 256  # pixels whose logits fit the L1 or L2 cache
    best = np.empty(size, values.dtype)
    label = np.empty(size, np.int32)
    copies = np.empty((values.shape[0], size), values.dtype)
    part, total = np.empty(size, np.float32), np.empty(size)
    nan_count, nan_first, undefined, undefined_first = 0, -1, 0, -1
    for begin in range(start, stop, size):
        n = min(size, stop - begin)
        class_values = values[0, begin : begin + n]
        for x in range(n):
            best[x] = class_values[x]
            label[x] = 0
        for c in range(values.shape[0]):
            class_values = values[c, begin : begin + n]
            copy = copies[c]
            for x in range(n):
                value = class_values[x]
                copy[x] = value
                wins = value > best[x]
                label[x] = c if wins else label[x]
                best[x] = value if wins else best[x]
        sum_powers(copies, best, n, unit, part, total)
        has_errors = False
        for x in range(n):
            has_errors |= total[x] != total[x]
            labels[begin - start + x] = label[x]
            confidence[begin - start + x] = 1.0 / (1.0 + total[x])
        if not has_errors:
            continue
        for x in range(n):
            nan = 0
            for c in range(values.shape[0]):
                if np.isnan(copies[c, x]):
                    if nan == 0:
                        labels[begin - start + x] = c  # the first NaN wins
                    nan += 1
            if nan and nan_count == 0:
                nan_first = begin + x
            nan_count += nan
            if total[x] != total[x]:
                if undefined == 0:
                    undefined_first = begin + x
                undefined += 1
    return nan_count, nan_first, undefined, undefined_first
