"""Definitions of argmax and softmax, with or without bilinear upsampling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from segpost._backends.reference.color import overlay, unpack
from segpost._core.arrays import WIDE_KINDS, widen
from segpost._core.contract import Array, ColorOutputs, LogitErrors, Logits
from segpost._core.sampling import Axes, corners

Float64 = npt.NDArray[np.float64]
ROWS = 64  # output rows that are computed together, to limit memory


def argmax(
    logits: Logits,
    axes: Axes | None,
    labels: Array,
    paint: ColorOutputs | None = None,
    confidence: Array | None = None,
    fast: bool = False,
    probabilities: Array | None = None,
) -> LogitErrors:
    """Write the first index of the largest interpolated logit; the first NaN exceeds everything."""
    if confidence is not None or probabilities is not None:
        raise NotImplementedError("softmax computes these, see fuses")
    errors = count_nan(logits)
    for n, rows, values in interpolated(logits, axes):
        if logits.threshold is not None:  # class 0 is a constant plane at the threshold
            values = np.concatenate([threshold_plane(logits, axes, rows), values])
        labels[n, rows] = np.argmax(values, axis=0)
        is_undefined = np.isnan(values).any(axis=0) | (values == -np.inf).all(axis=0)
        errors = add_undefined(errors, is_undefined, n, rows, labels.shape)
    if paint is not None and paint.color is not None:
        paint.color[...] = unpack(paint.lut[labels])
    if paint is not None and paint.overlay is not None:
        overlay(
            paint.overlay.image, labels, paint.lut, paint.overlay.alpha, None, 0, paint.overlay.out
        )
    return errors


def fuses(*, resized: bool, sigmoid: bool, probabilities: bool) -> bool:
    """Return False: only softmax computes probabilities."""
    return False


def softmax(
    logits: Logits, axes: Axes | None, probabilities: Array | None, confidence: Array | None
) -> LogitErrors:
    """Write exp(v - max) / sum, or for a one-channel head the sigmoid; and the confidence."""
    errors = LogitErrors()
    den = 1.0 if axes is None else axes.den
    shape = output_shape(logits, axes)
    for n, rows, values in interpolated(logits, axes):
        real = logits.scale * (values / den - logits.zero_point)
        with np.errstate(invalid="ignore", over="ignore"):
            if logits.threshold is not None:
                probability = 1.0 / (1.0 + np.exp(-real))
                above = values > threshold_plane(logits, axes, rows)
                label_probability = np.where(above, probability, 1.0 - probability)[0]
            else:
                power = np.exp(real - real.max(axis=0))
                probability = power / power.sum(axis=0)
                label_probability = probability.max(axis=0)
        if probabilities is not None:
            probabilities[n, :, rows] = probability
        if confidence is not None:
            confidence[n, rows] = as_type(label_probability, confidence.dtype)
        errors = add_undefined(errors, np.isnan(label_probability), n, rows, shape)
    return errors


def add_resized(logits: Logits, axes: Axes | None, weights: Array, sums: Array) -> None:
    """Add weighted values at the output size to `sums` where the weight is positive."""
    unit = 1.0 if axes is None else axes.den
    for _, rows, values in interpolated(logits, axes):
        part, weight = sums[:, rows], weights[rows]
        with np.errstate(invalid="ignore", over="ignore"):  # values of weight 0 may be infinite
            product = weight * (values / unit).astype(np.float32)
            np.add(part, product, out=part, where=weight > 0)


def as_type(probability: Array, dtype: np.dtype[Any]) -> Array:
    """Return probability; for uint8 rounded to 0..255, ties to even, 0 where it is undefined."""
    if dtype != np.uint8:
        return probability
    return np.rint(255.0 * np.nan_to_num(probability))


def interpolated(
    logits: Logits, axes: Axes | None, only: slice | None = None
) -> Iterator[tuple[int, slice, Float64]]:
    """Iterate over strips: image, output rows and their values times ``den_y * den_x``.

    The order of the sum is fixed: ((00 + 01) + 10) + 11. With the integer weights every product
    of a float32 is exact, so no fused multiply-add can change the result. A corner of weight zero
    contributes nothing, not even an infinity or a NaN.
    """
    height = logits.values.shape[2] if axes is None else axes.y.n_out
    strips = [only] if only else [slice(y, min(y + ROWS, height)) for y in range(0, height, ROWS)]
    for n in range(logits.values.shape[0]):
        for rows in strips:
            if axes is None:
                yield n, rows, widen(logits.values[n][:, rows], logits.kind).astype(np.float64)
                continue
            y, x = axes.y, axes.x
            total = np.array(0.0)
            for row, wy in corners(y, rows):
                for column, wx in corners(x, slice(None)):
                    weight = wy[:, None] * wx
                    corner = widen(logits.values[n][:, row][:, :, column], logits.kind)
                    with np.errstate(invalid="ignore", over="ignore"):
                        term = np.where(weight == 0.0, 0.0, weight * corner.astype(np.float64))
                        total = total + term
            yield n, rows, total


def threshold_plane(logits: Logits, axes: Axes | None, rows: slice) -> Float64:
    """Return class 0 of a one-channel head: a constant that is interpolated like a class."""
    kind = "float64" if logits.kind in WIDE_KINDS else "float32"
    constant = np.full(logits.values[:1].shape, logits.threshold, kind)
    return next(interpolated(Logits(constant, kind), axes, rows))[2]


def output_shape(logits: Logits, axes: Axes | None) -> tuple[int, int, int]:
    """Return the output shape (N, H, W)."""
    n, _, h, w = logits.values.shape
    return (n, h, w) if axes is None else (n, axes.y.n_out, axes.x.n_out)


def count_nan(logits: Logits) -> LogitErrors:
    """Return the number of NaN, and the index of the first pixel that has one."""
    errors = LogitErrors()
    for n, image in enumerate(logits.values):
        nan = np.isnan(widen(image, logits.kind))
        count = int(nan.sum())
        if count:
            index = n * nan[0].size + int(nan.any(axis=0).argmax())
            first = errors.nan_first if errors.nan_count else index
            errors = errors._replace(nan_count=errors.nan_count + count, nan_first=first)
    return errors


def add_undefined(
    errors: LogitErrors, undefined: Array, n: int, rows: slice, shape: tuple[int, ...]
) -> LogitErrors:
    """Return the errors plus those of the undefined output pixels of a strip."""
    count = int(undefined.sum())
    if not count:
        return errors
    index = (n * shape[1] + rows.start) * shape[2] + int(undefined.argmax())
    first = errors.undefined_first if errors.undefined_count else index
    return errors._replace(undefined_count=errors.undefined_count + count, undefined_first=first)
