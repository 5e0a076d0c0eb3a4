"""`resize_labels`: label maps of another size, without labels that are not there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args, overload

import numpy as np
import numpy.typing as npt

from segpost._backends import registry
from segpost._core.arguments import as_output_size, check_choice
from segpost._core.array_types import ArrayT, HostArray, SupportsArray
from segpost._core.arrays import Array
from segpost._core.suspicious_sizes import warn_of_label_size
from segpost._core.unknown_names import explain_arguments
from segpost._core.validation import as_label_array, check_on_cpu, refuse_image_as_labels
from segpost.spatial.network_input import nearest_inputs

LabelResizeMode = Literal["majority", "nearest"]
MAX_TABLE_LABELS = 1 << 16  # a range of labels that is counted, not sorted
LABEL_RESIZE_MODES: tuple[str, ...] = get_args(LabelResizeMode)


@overload
def resize_labels(labels: ArrayT, size: Sequence[int], mode: LabelResizeMode = ...) -> ArrayT: ...
@overload
def resize_labels(
    labels: HostArray | SupportsArray, size: Sequence[int], mode: LabelResizeMode = ...
) -> npt.NDArray[np.integer[Any]]: ...
@explain_arguments
def resize_labels(labels: Any, size: Sequence[int], mode: LabelResizeMode = "majority") -> Any:
    """Resize label maps: the label of most of the area of a pixel, or that at its center.

    Parameters
    ----------
    labels : integer array of shape (..., H, W)
        Label maps on the CPU.
    size : (H, W)
        The size of the result, smaller or larger.
    mode : {"majority", "nearest"}
        "majority": a pixel of the result covers a rectangle of the input, and has the label with
        the largest part of it, in exact integers; the smallest label of several. An ignored label
        counts as any other. "nearest": the label of the input pixel that contains the center, as
        OpenCV's ``INTER_NEAREST_EXACT`` and torch's "nearest-exact". (torch's "nearest" takes the
        corner.)

    Returns
    -------
    labels : array of shape (..., H, W) of the type and the library of `labels`

    Raises
    ------
    ValueError, TypeError
        For labels that are no integers, on a device or without pixels, and for an invalid size or
        mode.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> labels = np.uint8([[1, 1, 2, 2], [1, 3, 4, 2]])
    >>> segpost.resize_labels(labels, (1, 2))
    array([[1, 2]], dtype=uint8)
    >>> segpost.resize_labels(labels, (1, 2), mode="nearest")
    array([[3, 2]], dtype=uint8)
    """
    source = as_label_array(labels)
    array = source.array
    refuse_image_as_labels(array)
    check_on_cpu(array, lambda device: f"labels are on {device}: copy them to the CPU: x.cpu()")
    check_choice(mode, "mode", LABEL_RESIZE_MODES)
    height, width = as_output_size(size)
    if 0 in array.shape[-2:]:
        raise ValueError(f"labels of shape {array.shape} have no pixels to resize")
    if (height, width) == array.shape[-2:]:
        return source.wrap(array.copy())
    warn_of_label_size(array.shape[-2:], (height, width))
    if mode == "nearest":
        rows, columns = map(nearest_inputs, array.shape[-2:], (height, width))
        return source.wrap(array[..., rows[:, None], columns])
    values, ranks = _rank(array)
    maps = ranks.reshape(-1, *array.shape[-2:])
    out = np.empty((len(maps), height, width), ranks.dtype)
    count = 256 if values is None else len(values)
    if out.size:
        registry.host_backend().resize_majority(np.ascontiguousarray(maps), count, out)
    result = out if values is None else values[out]
    return source.wrap(result.reshape(*array.shape[:-2], height, width))


def _rank(labels: Array) -> tuple[Array | None, Array]:
    """Return the labels in order, and the rank of every pixel's; None where it is the label."""
    if labels.dtype == np.uint8:
        return None, labels
    unsigned = np.dtype(f"u{labels.itemsize}")  # differences to the smallest label fit this type
    low = np.asarray(labels.min()).view(unsigned)
    offsets = labels.view(unsigned) - low
    count = int(offsets.max()) + 1
    if count <= MAX_TABLE_LABELS:
        every = np.arange(count, dtype=unsigned) + low
        return every.view(labels.dtype), offsets.astype(np.int32)
    values, ranks = np.unique(labels, return_inverse=True)
    return values, ranks.astype(np.int32).reshape(labels.shape)
