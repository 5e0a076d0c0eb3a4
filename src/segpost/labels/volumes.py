"""Volumes: which logits are volumes, and their labels where they are those of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from segpost._backends.volumes import sum_volumes
from segpost._core import arguments
from segpost._core.arrays import Array
from segpost._core.contract import Backend, LogitErrors, Logits
from segpost._core.device import context_of
from segpost._core.sampling import Axes, Axis, VolumeAxes

AXES = ("z", "y", "x")  # of VolumeAxes, in order


def are_volumes(volume: object, axis: object, size: Sequence[int] | None) -> bool:
    """Return whether logits are volumes: as the argument says, or as axis and size imply."""
    if volume is axis is None and (size is None or (type(size) is tuple and len(size) == 2)):
        return False
    sides = len(size) if isinstance(size, (tuple, list, np.ndarray)) else None
    implies_volumes = axis == -4 or sides == 3
    implies_images = axis == -3 or sides == 2
    if volume is None:
        if size is not None and sides == 3 and axis is None:
            arguments.refuse_image_shape(size)
        return implies_volumes
    if not isinstance(volume, bool):
        raise TypeError(f"volume must be True or False, got {volume!r}")
    if implies_images if volume else implies_volumes:
        raise ValueError(f"volume={volume} contradicts axis={axis!r} and size={size!r}")
    return volume


def resolve_nearest_axis(nearest_axis: object, is_volume: bool) -> int | None:
    """Return which of the axes D, H and W takes the nearest sample: 0, 1, 2 or None.

    Raises
    ------
    TypeError, ValueError
        If it is none of -3 to 2, or if logits are no volumes.
    """
    if nearest_axis is None:
        return None
    if isinstance(nearest_axis, bool) or not hasattr(nearest_axis, "__index__"):
        raise TypeError(f"nearest_axis must be 0, 1 or 2, an axis of D, H, W; got {nearest_axis!r}")
    if not -3 <= nearest_axis.__index__() <= 2:
        raise ValueError(
            f"nearest_axis must be 0, 1 or 2, an axis of D, H, W; got {nearest_axis!r}"
        )
    if not is_volume:
        raise ValueError(
            f"nearest_axis={nearest_axis!r} is for volumes: pass volume=True, or size=(D, H, W)"
        )
    return int(nearest_axis.__index__()) % 3


def label_volumes(
    backend: Backend, logits: Logits, axes: VolumeAxes | None, labels: Array
) -> LogitErrors:
    """Write the labels of volumes, logits of shape (N, C, d, h, w) to labels (N, D, H, W)."""
    if axes is not None and (axes.nearest is None or not context_of(labels).on_cpu):
        return backend.argmax_volume(logits, axes, labels)
    if axes is not None and axes.nearest is not None:
        return _label_nearest(backend, logits, axes, axes.nearest, labels)
    return sum_volumes(
        logits, (labels,), lambda slices, images: backend.argmax(slices, None, images[0])
    )


def _label_nearest(
    backend: Backend, logits: Logits, axes: VolumeAxes, nearest: int, labels: Array
) -> LogitErrors:
    """Write labels that take the nearest slice along an axis: those of images, repeated."""
    values = logits.values
    y, x = (getattr(axes, name) for i, name in enumerate(AXES) if i != nearest)
    in_plane = None if y.is_identity and x.is_identity else Axes(y, x)
    along: Axis = getattr(axes, AXES[nearest])
    samples = along.cell + (along.w1 > 0)
    starts = np.flatnonzero(np.diff(samples, prepend=-1))
    ends = [*starts[1:].tolist(), along.n_out]
    counts = LogitErrors()
    for start, end in zip(starts.tolist(), ends, strict=True):
        sample = int(samples[start])
        index: Any = (slice(None),) * (2 + nearest)
        images = logits._replace(values=values[(*index, sample)])
        out: list[Array] = [labels[(*index[:-1], i)] for i in range(start, end)]
        target = out[0]
        if target.strides[-1] != target.itemsize and target.shape[-1] > 1:
            target = np.empty(target.shape, target.dtype)
        errors = backend.argmax(images, in_plane, target)
        for image in out if target is not out[0] else out[1:]:
            image[...] = target
        counts = _add_slice(
            counts, errors, (nearest, sample, start, end - start), values.shape[2:], labels.shape
        )
    return counts


def _add_slice(
    total: LogitErrors,
    errors: LogitErrors,
    place: tuple[int, int, int, int],
    grid: tuple[int, ...],
    shape: tuple[int, ...],
) -> LogitErrors:
    """Return errors plus those of images across an axis, which stand for several output slices.

    `place` is the axis, the sample on it, the first output slice and their number. Slices that no
    output reads are not counted.
    """
    if not (errors.nan_count or errors.undefined_count):
        return total
    axis, sample, start, repeats = place
    nan_first = _place_in_volume(errors.nan_first, axis, sample, (shape[0], *grid))
    undefined_first = _place_in_volume(errors.undefined_first, axis, start, shape)
    return LogitErrors(
        total.nan_count + errors.nan_count,
        _smaller(total.nan_first, nan_first),
        total.undefined_count + repeats * errors.undefined_count,
        _smaller(total.undefined_first, undefined_first),
    )


def _place_in_volume(first: int, axis: int, position: int, shape: tuple[int, ...]) -> int:
    """Return the flat index in (N, D, H, W) of that in images across an axis; -1 of none."""
    if first < 0:
        return first
    plane = [n for i, n in enumerate(shape) if i != axis + 1]
    image, *coordinates = (int(i) for i in np.unravel_index(first, plane))
    coordinates.insert(axis, position)
    return int(np.ravel_multi_index((image, *coordinates), shape))


def _smaller(first: int, other: int) -> int:
    """Return the smaller of two indices, of which -1 is none."""
    return max(first, other) if min(first, other) < 0 else min(first, other)
