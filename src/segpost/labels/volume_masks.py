"""Masks of volumes, and labels of such masks."""

from __future__ import annotations

import numpy as np

from segpost._backends import registry
from segpost._backends.volumes import sum_volumes
from segpost._core.arrays import Array, allocate_output
from segpost._core.contract import LogitErrors, Logits
from segpost._core.logits import InputLogits
from segpost._core.sampling import VolumeAxes
from segpost._core.suspicious_logits import warn_of_volume_axis
from segpost.labels.mask_outputs import MaskOutput, mask_output


def warn_of_axes(source: InputLogits, size: tuple[int, ...], *, is_axis_default: bool) -> None:
    """Warn where values or sizes show that axes have another order."""
    from segpost._core.suspicious_volumes import warn_of_volume_sides  # most calls are of images

    array, class_axis = source.array, source.class_axis
    warn_of_volume_axis(array, class_axis)
    warn_of_volume_sides(array.array.shape, class_axis, size, is_axis_default=is_axis_default)


def volume_output(
    out: object, shape: tuple[int, ...], source: InputLogits, order: Array | None
) -> MaskOutput:
    """Return memory for masks of a shape (N, C, D, H, W), or for their labels (N, D, H, W).

    Raises
    ------
    TypeError, ValueError
        If `out` does not fit.
    """
    if order is None:
        return mask_output(out, shape, source)
    array, is_batch = source.array, source.array.array.ndim == len(shape)
    dtype = np.uint8 if order.max(initial=0) <= 255 else np.int32
    n, _, *size = shape
    own = (n, *size) if is_batch else (*size,)
    output = allocate_output(out, own, dtype, array.wrap, array.array, packed=1)
    return MaskOutput(output.array if is_batch else output.array[None], output, False)


def binarize_volumes(
    logits: Logits,
    axes: VolumeAxes | None,
    cutoffs: Array,
    values: Array | None,
    out: Array,
    check: str = "sync",
) -> LogitErrors:
    """Write masks, or labels of the last channel that is set, as `Backend.binarize_volume`."""
    if axes is not None:
        backend = registry.backend(logits.values, out, check=check, operation="binarize_volume")
        return backend.binarize_volume(logits, axes, cutoffs, values, out)
    operation = "binarize" if values is None else "binarize_labels"
    backend = registry.backend(logits.values, out, check=check, operation=operation)
    if values is None:
        return sum_volumes(
            logits,
            (out,),
            lambda slices, images: backend.binarize(slices, None, cutoffs, images[0], False),
        )
    return sum_volumes(
        logits,
        (out,),
        lambda slices, images: backend.binarize_labels(slices, None, cutoffs, values, images[0]),
    )
