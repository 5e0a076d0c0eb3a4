"""Definition of letterbox: an image is resized, padded and normalized."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from segpost._core.contract import Array
from segpost._core.sampling import FilterTaps


def letterbox(
    image: Array, y: FilterTaps, x: FilterTaps, offset: tuple[int, int], colors: Array, out: Array
) -> None:
    """Write gain * value + shift, where value is the weighted sum of rows, then of columns."""
    gain, shift, padding = (row[:, None, None] for row in colors)
    top, left = offset
    out[...] = padding
    for n, one_image in enumerate(image):
        values = one_image.transpose(2, 0, 1).astype(np.float64)
        for taps in (y, x):  # the resampled axis is always the second
            values = weighted(values, taps).swapaxes(1, 2)
        out[n, :, top : top + y.n_out, left : left + x.n_out] = gain * values + shift


def weighted(values: npt.NDArray[np.float64], taps: FilterTaps) -> npt.NDArray[np.float64]:
    """Return the sums of a filter along axis 1."""
    total = np.zeros((len(values), taps.n_out, values.shape[2]))
    for k in range(taps.weights.shape[1]):
        total += taps.weights[:, k, None] * values[:, taps.first + k]
    return total
