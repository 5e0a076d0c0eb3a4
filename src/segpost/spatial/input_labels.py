"""Label maps brought to a network's input, and back, by nearest neighbor."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._core import arguments, validation
from segpost._core.arrays import InputArray
from segpost.spatial.network_input import Geometry, check_resize_memory, nearest_inputs


def letterbox_labels(geometry: Geometry, labels: object, void: object) -> Any:
    """Return label maps of the input, as `Letterbox.apply_labels`.

    Raises
    ------
    ValueError, TypeError
        For labels of another size, and where their type cannot hold `void`.
    """
    source = _as_label_maps(geometry, labels, "image_size", "input_size")
    array = source.array
    value, bounds = arguments.as_integer(void, "void"), np.iinfo(array.dtype)
    if not bounds.min <= value <= bounds.max:
        raise ValueError(f"void must fit labels of {array.dtype}, got {value}")
    padded = np.full((*array.shape[:-2], *geometry.input_size), value, array.dtype)
    rows, columns = map(nearest_inputs, geometry.image_size, geometry.content_size)
    (top, left), (height, width) = geometry.offset, geometry.content_size
    padded[..., top : top + height, left : left + width] = array[..., rows[:, None], columns]
    return source.wrap(padded)


def restore_labels(geometry: Geometry, labels: object) -> Any:
    """Return label maps of the image, as `Letterbox.undo_labels`.

    Raises
    ------
    ValueError, TypeError
        For labels of another size.
    """
    source = _as_label_maps(geometry, labels, "input_size", "image_size")
    rows, columns = map(nearest_inputs, geometry.content_size, geometry.image_size)
    top, left = geometry.offset
    return source.wrap(source.array[..., rows[:, None] + top, columns + left])


def _as_label_maps(geometry: Geometry, labels: object, name: str, result: str) -> InputArray:
    """Return label maps on the CPU, of one of the sizes; there must be memory for another."""
    source, size = validation.as_label_array(labels), getattr(geometry, name)
    validation.check_on_cpu(
        source.array,
        lambda device: (
            f"labels are on {device}; label maps are letterboxed on the CPU: copy them there"
        ),
    )
    if source.array.shape[-2:] != size:
        raise ValueError(
            f"labels must be of the letterbox's {name} {size}, got {source.array.shape}"
            f"{arguments.size_cure(size, source.array.shape[-2:])}"
        )
    check_resize_memory(getattr(geometry, result), source.array[..., :1, :1].nbytes, result)
    return source
