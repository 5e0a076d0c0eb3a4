"""Labels and probabilities of nnU-Net's two kinds of heads: classes, and regions in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import segpost
from segpost._core.arrays import Array
from segpost.compat.nnunet._resampling import Resampling

MAX_NARROW = 255  # foreground labels from which nnU-Net writes 16 bits
NONLINEARITIES = ("softmax_helper_dim0", "sigmoid")  # of classes, of regions


class Head(NamedTuple):
    """What a label manager says about the channels of the logits."""

    channels: int
    class_order: tuple[int, ...] | None  # regions_class_order; None: the channels are classes
    dtype: npt.DTypeLike  # of nnU-Net's label maps


def read_head(label_manager: Any, channels: int, with_probabilities: bool = False) -> Head:
    """Read the head from nnU-Net's label manager.

    Raises
    ------
    ValueError
        If logits have another number of channels, or if the head has another activation.
    """
    expected = label_manager.num_segmentation_heads
    if channels != expected:
        raise ValueError(
            f"label_manager has {expected} segmentation heads, got {channels} channels: the "
            "classes are the first axis"
        )
    narrow = len(label_manager.foreground_labels) < MAX_NARROW
    dtype = np.uint8 if narrow else np.uint16
    has_regions = bool(label_manager.has_regions)
    activation = getattr(label_manager, "inference_nonlin", None)
    name = getattr(activation, "__name__", None)
    if (has_regions or with_probabilities) and name != NONLINEARITIES[has_regions]:
        raise ValueError(
            f"inference_nonlin of label_manager must be {NONLINEARITIES[has_regions]}, got "
            f"{name or activation!r}: export this configuration by nnU-Net itself"
        )
    if not has_regions:
        return Head(channels, None, dtype)
    order = label_manager.regions_class_order
    if order is None or len(order) != channels:
        raise ValueError(
            f"regions_class_order must have a label for each of {channels} regions, got {order!r}"
        )
    return Head(channels, tuple(int(label) for label in order), dtype)


def as_host_array(array: Any) -> Array:
    """Return a result of segpost as a NumPy array, as nnU-Net does with tensors of any device."""
    return np.asarray(array.cpu() if hasattr(array, "cpu") else array)


def label_volume(logits: Any, head: Head, resampling: Resampling) -> Array:
    """Return the labels (D, H, W) of logits (C, d, h, w), of `head.dtype`."""

    def label(part: Any, size: tuple[int, ...], nearest: int | None) -> Array:
        if head.class_order is None:
            if head.channels == 1:  # nothing but background
                return np.zeros(size, head.dtype)
            labels = segpost.argmax(part, size=size, nearest_axis=nearest)
        else:
            labels = segpost.binarize(
                part,
                size=size,
                nearest_axis=nearest,
                encoding="labels",
                class_order=head.class_order,
            )
        return as_host_array(labels)

    return _apply(label, logits, resampling).astype(head.dtype, copy=False)


def volume_probabilities(logits: Any, head: Head, resampling: Resampling) -> Array:
    """Return the float32 probabilities (C, D, H, W) of logits (C, d, h, w)."""

    def compute(part: Any, size: tuple[int, ...], nearest: int | None) -> Array:
        settings: dict[str, Any] = {"size": size, "nearest_axis": nearest}
        if head.class_order is not None:
            return np.concatenate([_sigmoid(part[c : c + 1], settings) for c in range(len(part))])
        wanted = segpost.postprocess(part, want=("probabilities",), **settings)
        return as_host_array(wanted.probabilities)

    return _apply(compute, logits, resampling)


def _sigmoid(logits: Any, settings: dict[str, Any]) -> Array:
    """Return the probability (1, D, H, W) of one region."""
    wanted = segpost.postprocess(logits, threshold=0.5, want=("probabilities",), **settings)
    return as_host_array(wanted.probabilities)[-1:]


def _apply(
    decode: Callable[[Any, tuple[int, ...], int | None], Array],
    logits: Any,
    resampling: Resampling,
) -> Array:
    """Return decoded logits, [..., D, H, W], with the slices of nnU-Net's rounded coordinates."""
    size, axis, rounded_down = resampling
    result = decode(logits, size, axis)
    if axis is None:
        return result
    in_plane = tuple(1 if i == axis else n for i, n in enumerate(size))
    for output, taken in rounded_down:
        index = (slice(None),) * (1 + axis)
        plane = decode(logits[(*index, slice(taken, taken + 1))], in_plane, axis)
        first = result.ndim - 3
        place = (slice(None),) * (first + axis)
        result[(*place, slice(output, output + 1))] = plane
    return result
