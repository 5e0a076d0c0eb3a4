"""The way back of nnU-Net's preprocessing: from the crop to the image, and to its order of axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from segpost._core.arrays import Array
from segpost.compat.nnunet._resampling import Spacings

NEEDED = (
    "spacing",
    "shape_after_cropping_and_before_resampling",
    "shape_before_cropping",
    "bbox_used_for_cropping",
)


class Geometry(NamedTuple):
    """Sizes, the crop box and the order of axes of one case."""

    crop_size: tuple[int, ...]  # (D, H, W), of transposed axes
    size: tuple[int, ...]  # the same, before cropping
    box: tuple[slice, ...]
    spacings: Spacings
    order: tuple[int, ...]  # transpose_backward

    @property
    def is_cropped(self) -> bool:
        """Whether there are voxels outside the crop box."""
        return self.crop_size != self.size

    def in_original_order(self, array: Array) -> Array:
        """Return a view of an array [..., D, H, W] in the order of axes of the image's file."""
        first = array.ndim - len(self.order)
        return array.transpose(*range(first), *(first + axis for axis in self.order))


def read_geometry(
    plans_manager: Any, configuration_manager: Any, properties: Mapping[str, Any]
) -> Geometry:
    """Read the geometry of a case from nnU-Net's objects.

    Raises
    ------
    ValueError
        If something is missing, or if sizes, box, spacing and order of axes contradict each other.
    """
    missing = [name for name in NEEDED if name not in properties]
    if missing:
        raise ValueError(f"properties_dict has no {', '.join(map(repr, missing))}")
    crop_size = _as_sizes(properties, "shape_after_cropping_and_before_resampling")
    size = _as_sizes(properties, "shape_before_cropping")
    axes = len(crop_size)
    forward = _as_order(plans_manager, "transpose_forward", axes)
    backward = _as_order(plans_manager, "transpose_backward", axes)
    if any(forward[axis] != i for i, axis in enumerate(backward)):
        raise ValueError(
            f"transpose_backward of plans_manager is {backward}, which does not reverse "
            f"transpose_forward {forward}"
        )
    spacing = _as_spacing(properties["spacing"], "properties_dict['spacing']", axes)
    image = tuple(spacing[axis] for axis in forward)
    configured = tuple(configuration_manager.spacing)
    if len(configured) != axes:  # a configuration of images has no spacing along the first axis
        configured = (image[0], *configured)
    logits = _as_spacing(configured, "configuration_manager.spacing", axes)
    box = _as_box(properties["bbox_used_for_cropping"], size, crop_size)
    return Geometry(crop_size, size, box, Spacings(logits, image), backward)


def _as_sizes(properties: Mapping[str, Any], name: str) -> tuple[int, ...]:
    """Return a shape of the properties, of three axes."""
    value = properties[name]
    sizes = tuple(int(n) for n in value)
    if len(sizes) != 3 or min(sizes) < 1 or any(n != m for n, m in zip(sizes, value, strict=True)):
        raise ValueError(f"properties_dict[{name!r}] must be three sizes, got {value!r}")
    return sizes


def _as_order(plans_manager: Any, name: str, axes: int) -> tuple[int, ...]:
    """Return an order of axes of the plans."""
    value = getattr(plans_manager, name)
    order = tuple(int(axis) for axis in value)
    if sorted(order) != [*range(axes)]:
        raise ValueError(f"{name} of plans_manager must be an order of 0, 1, 2, got {value!r}")
    return order


def _as_spacing(value: Sequence[float], name: str, axes: int) -> tuple[float, ...]:
    """Return the spacings of all axes; they are positive."""
    spacing = tuple(float(one) for one in value)
    if len(spacing) != axes or not all(0 < one < float("inf") for one in spacing):
        raise ValueError(f"{name} must be {axes} positive numbers, got {tuple(value)!r}")
    return spacing


def _as_box(
    value: Sequence[Sequence[int]], size: tuple[int, ...], crop_size: tuple[int, ...]
) -> tuple[slice, ...]:
    """Return the crop box as an index; it lies in the image, and has the size of the crop."""
    try:
        bounds = np.asarray(value)
    except ValueError:  # bounds of unequal lengths
        bounds = np.empty(0)
    are_numbers = bounds.dtype.kind in "iuf" and bounds.shape == (3, 2)
    if not are_numbers or (bounds != np.rint(bounds)).any():
        raise ValueError(
            "bbox_used_for_cropping must be [[first, end], ...] of three axes, in whole voxels, "
            f"got {value!r}"
        )
    box = tuple((int(first), int(end)) for first, end in bounds)
    is_inside = len(box) == len(size) and all(
        0 <= first < end <= n for (first, end), n in zip(box, size, strict=True)
    )
    if not is_inside:
        raise ValueError(
            f"bbox_used_for_cropping {[*map(list, box)]} does not lie in shape_before_cropping "
            f"{size}"
        )
    lengths = tuple(end - first for first, end in box)
    if lengths != crop_size:
        raise ValueError(
            f"bbox_used_for_cropping {[*map(list, box)]} has the size {lengths}, but "
            f"shape_after_cropping_and_before_resampling is {crop_size}"
        )
    return tuple(slice(first, end) for first, end in box)
