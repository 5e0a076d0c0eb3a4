"""argmax and softmax on Numba: a strip of logits in, a strip of the outputs out."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from segpost._backends.numba import color, tiles
from segpost._backends.numba.labels import resize, same_size
from segpost._backends.numba.labels.probabilities import fill_rows
from segpost._backends.numba.labels.sums import add_rows
from segpost._backends.numba.threads import run
from segpost._backends.numba.tiles import Strip, table
from segpost._core.arrays import widen
from segpost._core.contract import Array, ColorOutputs, LogitErrors, Logits
from segpost._core.sampling import Axes, axis

STRIP_IN = 1 << 18  # logits in a strip, so that it stays in the second cache
STRIP_OUT = 1 << 18  # output pixels of a strip, so that it ends soon
Found = tuple[int, int]  # how many, and the first place
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
    """First index of the largest interpolated logit, with what else is wanted."""
    is_sigmoid = logits.threshold is not None
    if probabilities is not None or (confidence is not None and (axes is not None or is_sigmoid)):
        raise NotImplementedError("softmax computes these, see fuses")

    def rows(n: int, y0: int, y1: int) -> tuple[Array, Callable[[], None]]:
        out, keep = tiles.target(labels[n, y0:y1])

        def finish() -> None:
            keep()
            if paint is not None:
                color.paint_rows(out, paint, n, y0, y1)

        return out, finish

    return (
        label(logits, axes, rows) if confidence is None else _label_pixels(logits, rows, confidence)
    )


def fuses(*, resized: bool, sigmoid: bool, probabilities: bool) -> bool:
    """Whether argmax computes confidence in one pass."""
    return not (resized or sigmoid or probabilities)


def label(logits: Logits, axes: Axes | None, rows: Rows) -> LogitErrors:
    """Labels of every strip, written to the memory in C order that `rows` has for it.

    What comes with the memory is called when the labels are there, on the thread that made them.
    """
    return _label_pixels(logits, rows) if axes is None else _label_cells(logits, axes, rows)


def _label_cells(logits: Logits, axes: Axes, rows: Rows) -> LogitErrors:
    images, classes, height, width = logits.values.shape
    pixels = axes.y.n_out * axes.x.n_out
    number = tiles.number(logits.kind)
    exact = number is np.float64
    # Sums of float64 beyond 1e280 could overflow; closer together than 2^-46 they could tie.
    limit, margin = number(1e280 if exact else np.inf), number(2.0**-46 if exact else 0.0)
    yt, xt = table(axes.y), table(axes.x)

    def work(strip: Strip) -> tuple[Found, Found]:
        n, cell0, _, y0, y1, counted = strip
        values = tiles.grid_rows(logits, strip)
        out, finish = rows(n, y0, y1)
        nan_count, nan_first, undefined, undefined_first = resize.label_cells(
            values, (counted, width), yt, xt, cell0, y0, y1, limit, margin, exact, out
        )
        finish()
        pixel = (n * height + cell0) * width
        place = n * pixels
        return (nan_count, nan_first + pixel), (undefined, undefined_first + place)

    parts = tiles.strips(logits, axes, STRIP_IN, 64 * STRIP_OUT // max(classes, 64))
    return report(run(work, parts, logits.values.size + images * pixels))


def _label_pixels(logits: Logits, rows: Rows, confidence: Array | None = None) -> LogitErrors:
    images, classes, height, width = logits.values.shape
    in_place = logits.kind == tiles.number(logits.kind).__name__ and logits.threshold is None

    def work(strip: tuple[int, int, int]) -> tuple[Found, Found]:
        n, y0, y1 = strip
        image, start = logits.values[n], y0 * width
        if not (in_place and image.flags.c_contiguous):
            image, start = tiles.packed(tiles.planes(logits, n, slice(y0, y1))), 0
        out, finish = rows(n, y0, y1)
        span = tiles.frozen(image.reshape(len(image), -1)), start, start + out.size
        if confidence is None:
            found = same_size.label_pixels(*span, out.reshape(-1))
        else:
            unit = image.dtype.type(logits.scale)
            sure, keep = tiles.float_target(confidence[n, y0:y1])
            found = same_size.rate_pixels(*span, unit, out.reshape(-1), sure.reshape(-1))
            keep()
        nan_count, nan_first, undefined, undefined_first = found
        finish()
        place = (n * height + y0) * width - start
        return (nan_count, nan_first + place), (undefined, undefined_first + place)

    size = STRIP_IN // (classes * width)
    parts = [(n, *part) for n in range(images) for part in tiles.pieces(height, size)]
    return report(run(work, parts, logits.values.size))


def softmax(
    logits: Logits, axes: Axes | None, probabilities: Array | None, confidence: Array | None
) -> LogitErrors:
    """exp(v - max) / sum from logits interpolated in float64; the sigmoid of a one-channel head."""
    classes, height, width = logits.values.shape[1:]
    plain = axes is None
    grid = axes or Axes(axis(height, height, "asymmetric"), axis(width, width, "asymmetric"))
    yt, xt = table(grid.y), table(grid.x)
    den = grid.y.den * grid.x.den
    # Dividing by a power of two is multiplying by its inverse, and much faster.
    inverse = 1.0 / den if math.frexp(den)[0] == 0.5 else 0.0
    real = (den, inverse, logits.scale, logits.zero_point)
    sigmoid = logits.threshold is not None
    out = probabilities

    def work(strip: Strip) -> tuple[Found, Found]:
        n, cell0, _, y0, y1, _ = strip
        values = tiles.grid_rows(logits, strip)
        nothing = np.empty((0, 1, 0), np.float32)
        spread, row = nothing, 0  # where the probabilities go, and from which row on
        if out is not None:
            spread, row = out[n], y0
            if not spread.flags.c_contiguous:
                spread, row = np.empty((classes, y1 - y0, grid.x.n_out), np.float32), 0
        rows = nothing[:, 0] if confidence is None else confidence[n, y0:y1]
        chosen, keep = tiles.float_target(rows)
        found = fill_rows(values, plain, sigmoid, yt, xt, cell0, y0, y1, real, spread, row, chosen)
        keep()
        if out is not None and not out[n].flags.c_contiguous:
            out[n, :, y0:y1] = spread
        place = n * grid.y.n_out * grid.x.n_out
        return (0, -1), (found[0], found[1] + place)

    parts = tiles.strips(logits, grid, STRIP_IN, STRIP_OUT // min(classes, 16))
    made = len(logits.values) * classes * grid.y.n_out * grid.x.n_out
    return report(run(work, parts, logits.values.size + made))


def add_resized(logits: Logits, axes: Axes | None, weights: Array, sums: Array) -> None:
    """Add weighted values at the output size to sums, where the weight is positive."""
    if axes is None:
        values = widen(logits.values[0], logits.kind).astype(np.float32, copy=False)
        with np.errstate(invalid="ignore"):  # what has no weight may be infinite
            np.add(sums, weights * values, out=sums, where=weights > 0)
        return
    yt, xt = table(axes.y), table(axes.x)
    den, classes = axes.y.den * axes.x.den, logits.values.shape[1]

    def work(strip: Strip) -> None:
        rows = (strip.cell0, strip.y0, strip.y1)
        add_rows(tiles.grid_rows(logits, strip), yt, xt, rows, den, weights, sums)

    parts = tiles.strips(logits, axes, STRIP_IN, STRIP_OUT // min(classes, 16))
    run(work, parts, sums.size)


def report(found: list[tuple[Found, Found]]) -> LogitErrors:
    """The counts of all strips, and the smallest places."""
    nan = [strip for strip, _ in found if strip[0]]
    undefined = [strip for _, strip in found if strip[0]]
    return LogitErrors(
        sum(count for count, _ in nan),
        min((first for _, first in nan), default=-1),
        sum(count for count, _ in undefined),
        min((first for _, first in undefined), default=-1),
    )
