"""Kernel of argmax for logits that already have the output's size."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._numba.threads import kernel


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
