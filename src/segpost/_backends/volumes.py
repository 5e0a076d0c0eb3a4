"""Operations of volumes, from the same operations of images.

The images of a volume are its slices, or lie between them where its first axis is resampled.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from segpost._core.arrays import Array, widen
from segpost._core.contract import LogitErrors, Logits
from segpost._core.sampling import Axes, VolumeAxes

Outputs = tuple[Array | None, ...]  # each [N, D, H, W] or [N, C, D, H, W]
OutputT = TypeVar("OutputT", bound=Array | None)


def sum_volumes(
    logits: Logits,
    outputs: tuple[OutputT, ...],
    operate: Callable[[Logits, tuple[OutputT, ...]], LogitErrors],
) -> LogitErrors:
    """Call an operation of images for every volume, and return the errors of all.

    `operate` gets the slices of a volume, [d, C, h, w], and its outputs, [D, H, W] or [D, C, H, W].
    """
    values = logits.values
    voxels = next(math.prod(output.shape[-3:]) for output in outputs if output is not None)
    total = LogitErrors()
    for n in range(len(values)):
        slices = logits._replace(values=values[n].swapaxes(0, 1))
        images: Any = tuple(None if output is None else _as_images(output[n]) for output in outputs)
        errors = operate(slices, images)
        total = total.plus(errors, n * math.prod(values.shape[2:]), n * voxels)
    return total


def image_by_image(operate: Callable[..., LogitErrors]) -> Callable[..., LogitErrors]:
    """Return an operation of volumes, (logits, volume axes, outputs ...), from that of images.

    It interpolates along the first axis in float64, so that values are those of the definition but
    for rounding there.
    """

    def operate_volume(logits: Logits, axes: VolumeAxes, *outputs: Array | None) -> LogitErrors:
        in_plane = Axes(axes.y, axes.x)

        def operate_each(slices: Logits, images: Outputs) -> LogitErrors:
            total = LogitErrors()
            for z in range(axes.z.n_out):
                parts = tuple(None if image is None else image[z : z + 1] for image in images)
                errors = operate(_interpolate(slices, axes, z), in_plane, *parts)
                pixels = axes.y.n_out * axes.x.n_out
                total = total.plus(errors._replace(nan_count=0, nan_first=-1), 0, z * pixels)
            return total

        return sum_volumes(logits, outputs, operate_each)

    return operate_volume


def _interpolate(slices: Logits, axes: VolumeAxes, z: int) -> Logits:
    """Return the image [1, C, h, w] at output slice z; a slice of weight zero adds nothing."""
    cell, den = int(axes.z.cell[z]), axes.z.den
    weighted = [
        (cell + i, weight / den)
        for i, weight in enumerate((axes.z.w0[z], axes.z.w1[z]))
        if weight > 0
    ]
    (first, weight), *rest = weighted
    image = _as_float64(slices, first)
    if rest:
        with np.errstate(invalid="ignore"):
            image = weight * image + rest[0][1] * _as_float64(slices, rest[0][0])
    return slices._replace(values=image[None], kind="float64")


def _as_float64(slices: Logits, index: int) -> Array:
    """Return one slice [C, h, w] in float64."""
    return widen(slices.values[index], slices.kind).astype(np.float64)


def _as_images(output: Array) -> Array:
    """Return an output of a volume with the slices first."""
    return output if output.ndim == 3 else output.swapaxes(0, 1)
