"""argmax of volumes: the checks, and the calls into backends."""

from __future__ import annotations

import math
from typing import Any

from segpost._backends import registry
from segpost._core import arguments, errors, sampling
from segpost._core import logits as core_logits
from segpost._core.arrays import allocate_output, label_dtype
from segpost._core.contract import Array, LogitErrors, Logits
from segpost._core.degenerate_logits import Settings, refuse_one_class
from segpost._core.sampling import VolumeAxes


def label_volume(
    logits: Any, axis: int | None, size: Any, grid: str, nan: str, check: str, out: Any
) -> Any:
    """What `segpost.argmax` does with three numbers in `size`, or with axis -4."""
    view, given, counted = core_logits.as_logits(logits, -4 if axis is None else axis, spatial=3)
    axes = resampling(view, size, grid)
    refuse_one_class(logits, view, given, counted, Settings(spatial=3))
    n, classes, *grid_size = view.values.shape
    shape = (n, *(grid_size if axes is None else axes.size))
    batched = given.array.ndim == 5
    dtype = label_dtype(classes)
    result = allocate_output(
        out, shape if batched else shape[1:], dtype, given.wrap, given.array, packed=1
    )
    if result.array.size:
        target = result.array if batched else result.array[None]
        report = _labels(view, axes, target, check)
        if nan == "raise":
            errors.raise_bad_logits(report, view, shape)
    return result.result()


def _labels(view: Logits, axes: VolumeAxes | None, target: Array, check: str) -> LogitErrors:
    backend = registry.backend(view.values, target, check=check)
    if axes is not None:
        return backend.argmax_volume(view, axes, target)
    total = LogitErrors()
    for n in range(len(target)):  # slices as a batch
        one = view._replace(values=view.values[n].transpose(1, 0, 2, 3))
        errors = backend.argmax(one, None, target[n], None, None)
        total = total.plus(errors, n * math.prod(view.values.shape[2:]), n * target[0].size)
    return total


def resampling(logits: Logits, size: object, grid: str) -> VolumeAxes | None:
    """The axes from the logits' grid to `size`, or None where every voxel is read as it is."""
    if size is None:
        return None
    wanted = arguments.as_output_size(size, 3)
    depth, height, width = logits.values.shape[2:]
    if (depth, height, width) == wanted or 0 in (depth, height, width):
        return None
    return sampling.volume_axes((depth, height, width), wanted, grid)
