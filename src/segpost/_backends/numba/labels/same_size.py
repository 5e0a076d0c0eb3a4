"""Kernels of argmax for logits that already have the output's size, with confidence or without."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.labels.probabilities import exp_negative
from segpost._backends.numba.threads import kernel

GROUP = 8  # powers that are added in float32


@kernel
def label_pixels(values: Any, start: Any, stop: Any, labels: Any) -> Any:
    """Labels of pixels ``start:stop`` of [C, pixels] logits, which need no resampling."""
    size = 1024  # pixels whose maxima stay in the first cache
    best = np.empty(size, values.dtype)
    label = np.empty(size, np.int32)
    nan_count, nan_first, undefined, undefined_first = 0, -1, 0, -1
    for begin in range(start, stop, size):
        n = min(size, stop - begin)
        here = values[0, begin : begin + n]
        odd = False
        for x in range(n):
            best[x] = here[x]
            label[x] = 0
            odd |= here[x] != here[x]
        for c in range(1, values.shape[0]):
            here = values[c, begin : begin + n]
            for x in range(n):
                value = here[x]
                wins = value > best[x]
                odd |= value != value
                label[x] = c if wins else label[x]
                best[x] = value if wins else best[x]
        for x in range(n):
            odd |= best[x] == -np.inf
            labels[begin - start + x] = label[x]
        if not odd:
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
def sum_powers(kept: Any, best: Any, n: Any, unit: Any, part: Any, total: Any) -> None:
    """The sums of all powers but the largest, which is 1, of the first `n` pixels."""
    for x in range(n):
        total[x] = -1.0
    for group in range(0, kept.shape[0], GROUP):
        for x in range(n):
            part[x] = 0.0
        for c in range(group, min(group + GROUP, kept.shape[0])):
            values = kept[c]
            for x in range(n):
                part[x] += exp_negative(np.float32((values[x] - best[x]) * unit))
        for x in range(n):
            total[x] += np.float64(part[x])


@kernel
def rate_pixels(values: Any, start: Any, stop: Any, unit: Any, labels: Any, confidence: Any) -> Any:
    """`label_pixels` with confidence, reading logits once; a pixel without one is undefined.

    `unit` is what a difference of logits is multiplied with, in their type.
    """
    size = 256  # pixels all of whose logits stay in a near cache
    best = np.empty(size, values.dtype)
    label = np.empty(size, np.int32)
    kept = np.empty((values.shape[0], size), values.dtype)
    part, total = np.empty(size, np.float32), np.empty(size)
    nan_count, nan_first, undefined, undefined_first = 0, -1, 0, -1
    for begin in range(start, stop, size):
        n = min(size, stop - begin)
        here = values[0, begin : begin + n]
        for x in range(n):
            best[x] = here[x]
            label[x] = 0
        for c in range(values.shape[0]):
            here = values[c, begin : begin + n]
            copy = kept[c]
            for x in range(n):
                value = here[x]
                copy[x] = value
                wins = value > best[x]
                label[x] = c if wins else label[x]
                best[x] = value if wins else best[x]
        sum_powers(kept, best, n, unit, part, total)
        odd = False
        for x in range(n):
            odd |= total[x] != total[x]
            labels[begin - start + x] = label[x]
            confidence[begin - start + x] = 1.0 / (1.0 + total[x])
        if not odd:
            continue
        for x in range(n):
            nan = 0
            for c in range(values.shape[0]):
                if np.isnan(kept[c, x]):
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
