"""Definition of argmax after trilinear upsampling."""

from __future__ import annotations

import numpy as np

from segpost._backends.reference.labels import Float64
from segpost._core.arrays import widen
from segpost._core.contract import Array, LogitErrors, Logits
from segpost._core.sampling import VolumeAxes, corners


def argmax_volume(logits: Logits, axes: VolumeAxes, labels: Array) -> LogitErrors:
    """First index of the largest interpolated logit; NaN beats everything, the first NaN wins."""
    nan = np.isnan(widen(logits.values, logits.kind))
    places = np.flatnonzero(nan.any(axis=1))
    report = LogitErrors(int(nan.sum()), int(places[0]) if places.size else -1)
    for n in range(len(labels)):
        for z in range(axes.z.n_out):
            values = interpolated(logits, axes, n, z)
            labels[n, z] = np.argmax(values, axis=0)
            nothing = np.isnan(values).any(axis=0) | (values == -np.inf).all(axis=0)
            count = int(nothing.sum())
            if count:
                place = (n * axes.z.n_out + z) * nothing.size + int(nothing.argmax())
                first = report.undefined_first if report.undefined_count else place
                report = report._replace(
                    undefined_count=report.undefined_count + count, undefined_first=first
                )
    return report


def interpolated(logits: Logits, axes: VolumeAxes, n: int, z: int) -> Float64:
    """[C, H, W] of one slice, times ``den_z * den_y * den_x``.

    The order of the sum is fixed, 000 to 111 of (z, y, x), and a corner of weight zero contributes
    nothing, not even an infinity or a NaN.
    """
    total = np.array(0.0)
    for depth, wz in corners(axes.z, slice(z, z + 1)):
        for row, wy in corners(axes.y, slice(None)):
            for column, wx in corners(axes.x, slice(None)):
                weight = (wz[0] * wy)[:, None] * wx
                here = widen(logits.values[n, :, depth[0]][:, row][:, :, column], logits.kind)
                with np.errstate(invalid="ignore", over="ignore"):
                    term = np.where(weight == 0.0, 0.0, weight * here.astype(np.float64))
                    total = total + term
    return total
