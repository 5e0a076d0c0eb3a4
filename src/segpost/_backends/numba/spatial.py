"""The operation letterbox on Numba: rows are summed first, then columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.threads import kernel, run
from segpost._backends.numba.tiles import frozen, pack, pieces
from segpost._core.contract import Array
from segpost._core.sampling import FilterTaps

STRIP = 1 << 17  # output values of a strip


def letterbox(
    image: Array, y: FilterTaps, x: FilterTaps, offset: tuple[int, int], colors: Array, out: Array
) -> None:
    """Write gain * value + shift in float32, where value is a weighted sum of pixels."""
    top, left = offset
    images, height, bands = len(image), out.shape[2], image.shape[3]
    gain, shift, padding = colors.astype(np.float32)
    dtype = np.float32 if image.dtype == np.float16 else image.dtype  # Numba has no float16
    weights_y, weights_x = (frozen(taps.weights.astype(np.float32)) for taps in (y, x))

    def work(strip: tuple[int, int, int]) -> None:
        n, row0, row1 = strip
        strip_out = np.empty((bands, row1 - row0, out.shape[3]), np.float32)
        strip_out[...] = padding[:, None, None]
        first, last = max(row0 - top, 0), min(row1 - top, y.n_out)
        if first < last:
            low = y.first[first]
            high = y.first[last - 1] + weights_y.shape[1]
            resize(
                pack(image[n, low:high].astype(dtype, copy=False)),
                frozen(y.first[first:last] - low),
                weights_y[first:last],
                x.first,
                weights_x,
                frozen(gain),
                frozen(shift),
                strip_out[:, first + top - row0 : last + top - row0, left : left + x.n_out],
            )
        out[n, :, row0:row1] = strip_out

    strips = [(n, *rows) for n in range(images) for rows in pieces(height, STRIP // out.shape[3])]
    run(work, strips, image.size + out.size)


@kernel
def resize(
    pixels: Any,
    rows: Any,
    weights_y: Any,
    columns: Any,
    weights_x: Any,
    gain: Any,
    shift: Any,
    out: Any,
) -> None:
    """Write `out`, [bands, rows, columns], from pixels [rows, width, bands]."""
    width, bands = pixels.shape[1:]
    line = np.empty(width, np.float32)
    for band in range(bands):
        for y in range(rows.size):
            line[:] = np.float32(0.0)
            for k in range(weights_y.shape[1]):
                weight, source = weights_y[y, k], pixels[rows[y] + k]
                for i in range(width):
                    line[i] += weight * np.float32(source[i, band])
            for x in range(columns.size):
                total = np.float32(0.0)
                for k in range(weights_x.shape[1]):
                    total += weights_x[x, k] * line[columns[x] + k]
                out[band, y, x] = gain[band] * total + shift[band]
