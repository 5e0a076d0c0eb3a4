"""argmax of volumes: the checks, and the calls into backends."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from segpost import _checks, _dispatch, geometry
from segpost._arrays import LOGIT_KINDS, Incoming, incoming, outgoing, widen
from segpost._device import DeviceArray
from segpost._dispatch import Array, Logits, Report
from segpost.geometry import VolumeAxes


def label_volume(
    logits: Any, axis: int | None, size: Any, grid: str, nan: str, check: str, out: Any
) -> Any:
    """What `segpost.argmax` does with three numbers in `size`, or with axis -4."""
    view, given = volume_view(logits, axis)
    axes = resampling(view, size, grid)
    _checks.one_channel_warning(view)
    n, classes, *grid_size = view.values.shape
    shape = (n, *(grid_size if axes is None else axes.size))
    batched = given.array.ndim == 5
    dtype = np.uint8 if classes <= 256 else np.int32
    result = outgoing(
        out, shape if batched else shape[1:], dtype, given.wrap, given.array, packed=1
    )
    if result.array.size:
        target = result.array if batched else result.array[None]
        report = _labels(view, axes, target, check)
        if nan == "raise":
            raise_bad_volume(report, view, shape)
    return result.result()


def _labels(view: Logits, axes: VolumeAxes | None, target: Array, check: str) -> Report:
    backend = _dispatch.backend(view.values, target, check=check)
    if axes is not None:
        return backend.argmax_volume(view, axes, target)
    found = Report()
    for n in range(len(target)):  # slices as a batch
        one = view._replace(values=view.values[n].transpose(1, 0, 2, 3))
        report = backend.argmax(one, None, target[n], None, None)
        here = n * math.prod(target.shape[1:])
        found = found._replace(
            nan_count=found.nan_count + report.nan_count,
            undefined_count=found.undefined_count + report.undefined_count,
        )
        if report.nan_count and found.nan_first < 0:
            found = found._replace(nan_first=here + report.nan_first)
        if report.undefined_count and found.undefined_first < 0:
            found = found._replace(undefined_first=here + report.undefined_first)
    return found


def volume_view(logits: object, axis: object) -> tuple[Logits, Incoming]:
    """Logits of volumes as (N, C, d, h, w) without a copy; also the array as it came."""
    given = incoming(logits, "logits")
    array = given.array
    if given.kind not in LOGIT_KINDS:
        raise TypeError(f"logits must be of dtype {', '.join(LOGIT_KINDS)}, got {given.kind}")
    if array.ndim not in (4, 5):
        raise ValueError(
            "logits of volumes (three numbers in size are one's, or axis=-4 says so) must have 4 "
            "dimensions (C, D, H, W) or 5 (N, C, D, H, W), classes last with axis=-1, got "
            f"{array.ndim}: shape {array.shape}"
        )
    counted = -4
    if axis is not None:
        if isinstance(axis, bool) or not hasattr(axis, "__index__"):
            raise TypeError(f"axis must be an integer, got {axis!r}")
        counted = int(axis) - array.ndim if int(axis) >= 0 else int(axis)
        if counted not in (-4, -1):
            raise ValueError(
                f"axis must be -4 (channels first) or -1 (channels last) for volumes, got {axis} "
                f"of {array.ndim} dimensions"
            )
    if given.kind in ("int64", "uint64"):
        _checks.exact_integers(array)
    view = array if array.ndim == 5 else array[None]
    if counted == -1:
        view = view.transpose(0, 4, 1, 2, 3)
    if view.shape[1] == 0:
        raise ValueError(
            f"logits have no classes: axis {counted} of shape {array.shape} has length 0"
        )
    return Logits(view, given.kind), given


def resampling(logits: Logits, size: object, grid: str) -> VolumeAxes | None:
    """The axes from the logits' grid to `size`, or None where every voxel is read as it is."""
    if size is None:
        return None
    wanted = _checks.output_size(size, 3)
    depth, height, width = logits.values.shape[2:]
    if (depth, height, width) == wanted or 0 in (depth, height, width):
        return None
    if isinstance(logits.values, DeviceArray):
        raise NotImplementedError(
            "volumes are not resampled on a device yet; copy the logits to the CPU: x.cpu() of a "
            "torch tensor"
        )
    return geometry.volume_axes((depth, height, width), wanted, grid)


def raise_bad_volume(report: Report, logits: Logits, shape: tuple[int, ...]) -> None:
    """Turn what a kernel met into an error under ``nan="raise"``."""
    n, c, *size = logits.values.shape
    if report.nan_count:
        image, z, y, x = (int(i) for i in np.unravel_index(report.nan_first, (n, *size)))
        voxel = widen(logits.values[image, :, z, y, x], logits.kind)
        raise ValueError(
            f"logits have {report.nan_count} NaN of {n * c * math.prod(size)} values, first at "
            f"image {image}, class {int(np.isnan(voxel).argmax())}, z {z}, y {y}, x {x}; look for "
            'a float16 overflow or a division by zero in the network; nan="propagate" lets NaN win'
        )
    if report.undefined_count:
        image, z, y, x = (int(i) for i in np.unravel_index(report.undefined_first, shape))
        raise ValueError(
            f"logits give no answer at {report.undefined_count} of {math.prod(shape)} output "
            f"voxels, first at image {image}, z {z}, y {y}, x {x}: every class is -inf there, or "
            'infinities meet (inf - inf); pass nan="propagate" for the rule of numpy.argmax'
        )
