"""Definitions of argmax and binarize after trilinear upsampling."""

from __future__ import annotations

import numpy as np

from segpost._backends.reference.labels import Float64
from segpost._core.arrays import widen
from segpost._core.contract import Array, LogitErrors, Logits
from segpost._core.sampling import VolumeAxes, corners


def argmax_volume(logits: Logits, axes: VolumeAxes, labels: Array) -> LogitErrors:
    """Write the first index of the largest interpolated logit; the first NaN exceeds everything."""
    nan = np.isnan(widen(logits.values, logits.kind))
    indices = np.flatnonzero(nan.any(axis=1))
    errors = LogitErrors(int(nan.sum()), int(indices[0]) if indices.size else -1)
    for n in range(len(labels)):
        for z in range(axes.z.n_out):
            values = interpolated(logits, axes, n, z)
            labels[n, z] = np.argmax(values, axis=0)
            is_undefined = np.isnan(values).any(axis=0) | (values == -np.inf).all(axis=0)
            count = int(is_undefined.sum())
            if count:
                index = (n * axes.z.n_out + z) * is_undefined.size + int(is_undefined.argmax())
                first = errors.undefined_first if errors.undefined_count else index
                errors = errors._replace(
                    undefined_count=errors.undefined_count + count, undefined_first=first
                )
    return errors


def binarize_volume(
    logits: Logits, axes: VolumeAxes, cutoffs: Array, values: Array | None, out: Array
) -> LogitErrors:
    """Write masks, or the value of the last channel whose logit exceeds its cutoff."""
    nan = np.isnan(widen(logits.values, logits.kind))
    indices = np.flatnonzero(nan.any(axis=1))
    undefined = np.empty((len(cutoffs), *axes.size), bool)
    errors = LogitErrors(int(nan.sum()), int(indices[0]) if indices.size else -1)
    for n in range(len(out)):
        for z in range(axes.z.n_out):
            sums = interpolated(logits, axes, n, z)
            is_set, undefined[:, z] = sums > cutoffs[:, None, None], np.isnan(sums)
            if values is None:
                out[n, :, z] = is_set
                continue
            out[n, z] = 0
            for channel, value in zip(is_set, values, strict=True):
                out[n, z][channel] = value
        count = int(undefined.sum())
        first = n * undefined.size + int(undefined.argmax()) if count else -1
        errors = errors.plus(LogitErrors(0, -1, count, first), 0, 0)
    return errors


def interpolated(logits: Logits, axes: VolumeAxes, n: int, z: int) -> Float64:
    """Return one slice [C, H, W] of values times ``den_z * den_y * den_x``.

    The order of the sum is fixed, 000 to 111 of (z, y, x), and a corner of weight zero contributes
    nothing, not even an infinity or a NaN.
    """
    total = np.array(0.0)
    for depth, wz in corners(axes.z, slice(z, z + 1)):
        for row, wy in corners(axes.y, slice(None)):
            for column, wx in corners(axes.x, slice(None)):
                weight = (wz[0] * wy)[:, None] * wx
                corner = widen(logits.values[n, :, depth[0]][:, row][:, :, column], logits.kind)
                with np.errstate(invalid="ignore", over="ignore"):
                    term = np.where(weight == 0.0, 0.0, weight * corner.astype(np.float64))
                    total = total + term
    return total
