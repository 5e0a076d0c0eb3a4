"""Results of a crop in the whole volume or image; see `Segmentation.uncrop`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from segpost._core import arguments
from segpost._core.arrays import Array, as_input_array
from segpost._core.device import context_of
from segpost.pipeline.results import TopK

MAPS = ("labels", "confidence", "entropy", "margin")
REFUSED = {  # results that are drawn or measured, and what makes them anew
    "color": "segpost.colorize(seg.labels, palette)",
    "overlay": "segpost.overlay(image, seg.labels, palette)",
    "regions": "segpost.regions(seg.labels)",
    "segments": "segpost.regions(seg.labels)",
}


def uncrop_results(segmentation: Any, size: Any, start: Any) -> Any:
    """Return a segmentation whose results have another size, and lie at `start` in it."""
    axes = 3 if segmentation.volume else 2
    sides = arguments.as_output_size(size, axes)
    first = _as_start(start, axes)
    for name, cure in REFUSED.items():
        if getattr(segmentation, name) is not None:
            raise ValueError(
                f"this segmentation has {name}, which cannot be uncropped: leave it out of want=, "
                f"and call {cure} with the results of uncrop"
            )
    top = segmentation.topk
    crop = _crop_size(segmentation, axes)
    ends = tuple(a + n for a, n in zip(first, crop, strict=True))
    if any(end > side for end, side in zip(ends, sides, strict=True)):
        raise ValueError(
            f"results of the size {crop} from start={first} on do not lie in size={sides}; both "
            f"are {'z, y, x' if axes == 3 else 'y, x'}"
        )
    box = tuple(slice(a, b) for a, b in zip(first, ends, strict=True))

    def insert(value: Any, name: str, class_axis: int | None = None) -> Any:
        source = as_input_array(value, name)
        context = context_of(source.array)
        if not context.on_cpu:
            raise TypeError(f"{name} is on {context}, and uncrop works on the CPU")
        one: Any = 1 if source.array.dtype.kind == "f" else np.iinfo(source.array.dtype).max
        outside = {"confidence": one, "margin": one}.get(name, 0)
        return source.wrap(_insert(source.array, sides, box, outside, class_axis, name, one))

    results: dict[str, Any] = {
        name: insert(value, name)
        for name in MAPS
        if (value := getattr(segmentation, name)) is not None
    }
    if segmentation.probabilities is not None:
        shape = tuple(segmentation.probabilities.shape)
        is_last = shape[-axes:] != crop and shape[-axes - 1 : -1] == crop
        axis = -1 if is_last else -axes - 1
        results["probabilities"] = insert(segmentation.probabilities, "probabilities", axis)
    if top is not None:
        parts = zip(top, ("top labels", "top probabilities"), strict=True)
        results["topk"] = TopK(*(insert(value, name, -axes - 1) for value, name in parts))
    return replace(segmentation, image=None, **results)


def _as_start(start: Any, axes: int) -> tuple[int, ...]:
    """Return the position of the crop's first element."""
    if not isinstance(start, (tuple, list, np.ndarray)) or len(start) != axes:
        expected = "(z, y, x)" if axes == 3 else "(y, x)"
        raise ValueError(f"start must be {expected}, the crop's first element, got {start!r}")
    first = tuple(arguments.as_integer(one, "start") for one in start)
    if min(first) < 0:
        raise ValueError(f"start must be at least 0 on every axis, got {first}")
    return first


def _crop_size(segmentation: Any, axes: int) -> tuple[int, ...]:
    """Return the size of the results."""
    for name in MAPS:
        value = getattr(segmentation, name)
        if value is not None:
            return tuple(int(side) for side in value.shape)[-axes:]
    if segmentation.topk is not None:
        size: tuple[int, ...] = segmentation.topk.shape[-axes:]
        return size
    return tuple(int(side) for side in segmentation._first_result().shape)[-axes:]


def _insert(
    values: Array,
    size: tuple[int, ...],
    box: tuple[slice, ...],
    outside: Any,
    class_axis: int | None,
    name: str,
    one: Any,
) -> Array:
    """Return values in an array of the whole size; outside of them class 0 is certain."""
    index: Any = (..., *box)
    if class_axis is None:
        whole = np.full((*values.shape[: -len(size)], *size), outside, values.dtype)
        whole[index] = values
        return whole
    moved = np.moveaxis(values, class_axis, 0)
    planes = np.zeros((len(moved), *moved.shape[1 : -len(size)], *size), values.dtype)
    if name == "top labels":
        planes += np.arange(len(planes), dtype=values.dtype).reshape(-1, *(1,) * (planes.ndim - 1))
    elif len(planes) > 1 or name != "probabilities":  # of a sigmoid it is that of class 1
        planes[0] = one
    planes[index] = moved
    return np.ascontiguousarray(np.moveaxis(planes, 0, class_axis))
