"""The operations argmax, softmax and add_resized on Numba, strip by strip."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from segpost._backends.numba import color, tiles
from segpost._backends.numba.labels import resize, same_size
from segpost._backends.numba.labels.confidence import rate_rows
from segpost._backends.numba.labels.probabilities import fill_rows
from segpost._backends.numba.labels.sums import add_rows
from segpost._backends.numba.threads import run
from segpost._backends.numba.tiles import Strip, table
from segpost._core.arrays import widen
from segpost._core.contract import Array, ColorOutputs, LogitErrors, Logits
from segpost._core.sampling import Axes, same_size_axes

STRIP_IN = 1 << 18  # logits of a strip, so that it fits the L2 cache
STRIP_OUT = 1 << 18  # output pixels of a strip, which limits its time
ErrorCount = tuple[int, int]  # the number of bad values, and the first index
Rows = Callable[[int, int, int], tuple[Array, Callable[[], None]]]  # of image n, from y0 to y1


def argmax(
    logits: Logits,
    axes: Axes | None,
    labels: Array,
    paint: ColorOutputs | None = None,
    confidence: Array | None = None,
    fast: bool = False,
    probabilities: Array | None = None,
) -> LogitErrors:
    """Write the first index of the largest interpolated logit, and the further outputs."""
    is_sigmoid = logits.threshold is not None
    if probabilities is not None or (confidence is not None and (axes is not None or is_sigmoid)):
        raise NotImplementedError("softmax computes these, see fuses")

    def rows(n: int, y0: int, y1: int) -> tuple[Array, Callable[[], None]]:
        out, copy_back = tiles.target(labels[n, y0:y1])

        def finish() -> None:
            copy_back()
            if paint is not None:
                color.write_color_outputs(out, paint, n, y0, y1)

        return out, finish

    return (
        label(logits, axes, rows) if confidence is None else _label_pixels(logits, rows, confidence)
    )


def fuses(*, resized: bool, sigmoid: bool, probabilities: bool) -> bool:
    """Return whether argmax computes confidence in the same pass."""
    return not (resized or sigmoid or probabilities)


def label(logits: Logits, axes: Axes | None, rows: Rows) -> LogitErrors:
    """Write the labels of every strip to the memory in C order that `rows` returns for it.

    The function that `rows` returns too is called after the labels are written, on that thread.
    """
    return _label_pixels(logits, rows) if axes is None else _label_cells(logits, axes, rows)


def _label_cells(logits: Logits, axes: Axes, rows: Rows) -> LogitErrors:
    """Write the labels of resampled logits, by the cells of the low-resolution grid."""
    images, classes, height, width = logits.values.shape
    pixels = axes.y.n_out * axes.x.n_out
    number = tiles.number(logits.kind)
    exact = number is np.float64
    # Sums of float64 beyond 1e280 could overflow; differences below 2^-46 could be ties.
    limit, margin = number(1e280 if exact else np.inf), number(2.0**-46 if exact else 0.0)
    yt, xt = table(axes.y), table(axes.x)

    def work(strip: Strip) -> tuple[ErrorCount, ErrorCount]:
        n, cell0, _, y0, y1, nan_rows = strip
        values = tiles.grid_rows(logits, strip)
        out, finish = rows(n, y0, y1)
        nan_count, nan_first, undefined, undefined_first = resize.label_cells(
            values, (nan_rows, width), yt, xt, cell0, y0, y1, limit, margin, exact, out
        )
        finish()
        pixel = (n * height + cell0) * width
        offset = n * pixels
        return (nan_count, nan_first + pixel), (undefined, undefined_first + offset)

    parts = tiles.strips(logits, axes, STRIP_IN, 64 * STRIP_OUT // max(classes, 64))
    return sum_errors(run(work, parts, logits.values.size + images * pixels))


def _label_pixels(logits: Logits, rows: Rows, confidence: Array | None = None) -> LogitErrors:
    """Write the labels of logits that have the output size, and their confidence."""
    images, classes, height, width = logits.values.shape
    in_place = logits.kind == tiles.number(logits.kind).__name__ and logits.threshold is None

    def work(strip: tuple[int, int, int]) -> tuple[ErrorCount, ErrorCount]:
        n, y0, y1 = strip
        image, start = logits.values[n], y0 * width
        if not (in_place and image.flags.c_contiguous):
            image, start = tiles.pack(tiles.planes(logits, n, slice(y0, y1))), 0
        out, finish = rows(n, y0, y1)
        span = tiles.frozen(image.reshape(len(image), -1)), start, start + out.size
        if confidence is None:
            errors = same_size.label_pixels(*span, out.reshape(-1))
        else:
            unit = image.dtype.type(logits.scale)
            floats, copy_back = tiles.float_target(confidence[n, y0:y1])
            errors = same_size.label_with_confidence(
                *span, unit, out.reshape(-1), floats.reshape(-1)
            )
            copy_back()
        nan_count, nan_first, undefined, undefined_first = errors
        finish()
        offset = (n * height + y0) * width - start
        return (nan_count, nan_first + offset), (undefined, undefined_first + offset)

    size = STRIP_IN // (classes * width)
    parts = [(n, *part) for n in range(images) for part in tiles.pieces(height, size)]
    return sum_errors(run(work, parts, logits.values.size))


def softmax(
    logits: Logits, axes: Axes | None, probabilities: Array | None, confidence: Array | None
) -> LogitErrors:
    """Write probabilities of logits interpolated in float64; the sigmoid of a one-channel head."""
    classes, height, width = logits.values.shape[1:]
    plain = axes is None
    grid = axes or same_size_axes((height, width))
    yt, xt = table(grid.y), table(grid.x)
    den = grid.den
    # Dividing by a power of two is multiplying by its inverse, and much faster.
    inverse = 1.0 / den if math.frexp(den)[0] == 0.5 else 0.0
    real = (den, inverse, logits.scale, logits.zero_point)
    sigmoid = logits.threshold is not None
    out = probabilities
    rates = out is None and not (plain or sigmoid)  # confidence alone, cell by cell

    def work(strip: Strip) -> tuple[ErrorCount, ErrorCount]:
        n, cell0, _, y0, y1, _ = strip
        values = tiles.grid_rows(logits, strip)
        empty = np.empty((0, 1, 0), np.float32)
        part, row = empty, 0  # the memory of the probabilities, and its first row
        if out is not None:
            part, row = out[n], y0
            if not part.flags.c_contiguous:
                part, row = np.empty((classes, y1 - y0, grid.x.n_out), np.float32), 0
        rows = empty[:, 0] if confidence is None else confidence[n, y0:y1]
        floats, copy_back = tiles.float_target(rows)
        if rates:
            undefined = rate_rows(values, yt, xt, cell0, y0, y1, real, floats)
        else:
            undefined = fill_rows(
                values, plain, sigmoid, yt, xt, cell0, y0, y1, real, part, row, floats
            )
        copy_back()
        if out is not None and not out[n].flags.c_contiguous:
            out[n, :, y0:y1] = part
        offset = n * grid.y.n_out * grid.x.n_out
        return (0, -1), (undefined[0], undefined[1] + offset)

    most = 64 * STRIP_OUT // max(classes, 64) if rates else STRIP_OUT // min(classes, 16)
    parts = tiles.strips(logits, grid, STRIP_IN, most)
    values_out = len(logits.values) * classes * grid.y.n_out * grid.x.n_out
    return sum_errors(run(work, parts, logits.values.size + values_out))


def add_resized(logits: Logits, axes: Axes | None, weights: Array, sums: Array) -> None:
    """Add weighted values at the output size to `sums` where the weight is positive."""
    if axes is None:
        values = widen(logits.values[0], logits.kind).astype(np.float32, copy=False)
        with np.errstate(invalid="ignore"):  # values of weight 0 may be infinite
            np.add(sums, weights * values, out=sums, where=weights > 0)
        return
    yt, xt = table(axes.y), table(axes.x)
    den, classes = axes.den, logits.values.shape[1]

    def work(strip: Strip) -> None:
        rows = (strip.cell0, strip.y0, strip.y1)
        add_rows(tiles.grid_rows(logits, strip), yt, xt, rows, den, weights, sums)

    parts = tiles.strips(logits, axes, STRIP_IN, STRIP_OUT // min(classes, 16))
    run(work, parts, sums.size)


def sum_errors(strips: list[tuple[ErrorCount, ErrorCount]]) -> LogitErrors:
    """Return the errors of all strips: the sums, and the smallest indices."""
    nan = [strip for strip, _ in strips if strip[0]]
    undefined = [strip for _, strip in strips if strip[0]]
    return LogitErrors(
        sum(count for count, _ in nan),
        min((first for _, first in nan), default=-1),
        sum(count for count, _ in undefined),
        min((first for _, first in undefined), default=-1),
    )
