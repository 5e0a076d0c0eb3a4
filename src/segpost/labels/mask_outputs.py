"""The arrays that `binarize` writes: masks with the class axis of the logits, and labels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from segpost._core.arrays import Array, OutputArray, allocate_output
from segpost._core.device import context_of
from segpost._core.logits import InputLogits
from segpost._core.rle import decode_counts
from segpost._core.run_lengths import RunLengths
from segpost._core.validation import check_on_cpu


class MaskOutput(NamedTuple):
    """Memory for masks whose rows are contiguous, and the output that they become."""

    masks: Array  # [N, C, H, W], of volumes [N, C, D, H, W]
    output: OutputArray
    is_copied: bool  # to the output at the end

    def result(self) -> Any:
        """Return the caller's kind of array."""
        if self.is_copied:
            target = self.output.array
            target[...] = _with_classes_last(self.masks, target.ndim == self.masks.ndim)
        return self.output.result()


def mask_output(out: object, shape: tuple[int, ...], source: InputLogits) -> MaskOutput:
    """Return memory for masks of a shape (N, C, H, W) or (N, C, D, H, W), with the logits' axes.

    Raises
    ------
    TypeError, ValueError
        If `out` does not fit.
    """
    array, is_batch = source.array, source.array.array.ndim == len(shape)
    if source.class_axis != -1:
        own = shape if is_batch else shape[1:]
        output = allocate_output(out, own, np.uint8, array.wrap, array.array, packed=1)
        return MaskOutput(output.array if is_batch else output.array[None], output, False)
    if out is None:
        masks = context_of(array.array).empty(shape, np.uint8)
        view = _with_classes_last(masks, is_batch)
        return MaskOutput(masks, OutputArray(view, array.wrap), False)
    n, classes, *size = shape
    own = (n, *size, classes) if is_batch else (*size, classes)
    output = allocate_output(out, own, np.uint8, array.wrap, array.array)
    masks = np.moveaxis(output.array if is_batch else output.array[None], -1, 1)
    if size[-1] < 2 or masks.strides[-1] == 1:
        return MaskOutput(masks, output, False)
    check_on_cpu(
        array.array,
        lambda device: (
            f"out on {device} must have contiguous rows: allocate it with the classes first, "
            "and pass the view that has them last"
        ),
    )
    return MaskOutput(np.empty(shape, np.uint8), output, True)


def _with_classes_last(masks: Array, is_batch: bool) -> Array:
    """Return masks (N, C, ...) with their classes last."""
    masks = np.moveaxis(masks, 1, -1)
    return masks if is_batch else masks[0]


def as_class_order(class_order: object, classes: int, encoding: str) -> Array:
    """Return the label of every channel, int32.

    Raises
    ------
    TypeError, ValueError
        If there are not as many integers as classes, or if a label is negative; if the encoding
        has no labels.
    """
    if class_order is None:
        return np.arange(1, classes + 1, dtype=np.int32)
    if encoding != "labels":
        raise ValueError(f'class_order is for encoding="labels", got encoding={encoding!r}')
    labels = np.asarray(class_order)
    if labels.ndim != 1 or (labels.size and labels.dtype.kind not in "iu"):
        raise TypeError(f"class_order must be a sequence of integers, got {class_order!r}")
    if labels.size != classes:
        raise ValueError(
            f"class_order must have a label for each of {classes} classes, got {labels.size}"
        )
    bad = np.flatnonzero((labels < 0) | (labels > np.iinfo(np.int32).max))
    if bad.size:
        raise ValueError(
            f"class_order has {bad.size} of {labels.size} labels outside of 0..2**31 - 1, first "
            f"{labels[bad[0]]} at [{bad[0]}]"
        )
    return labels.astype(np.int32)


def paint_masks(runs: RunLengths, masks: Array, width: int, packed: bool) -> None:
    """Write masks [N, C, H, W], or their bits, from runs."""
    _check_hysteresis_device(masks)
    first = 0
    for index, end in enumerate(runs.ends):
        mask = decode_counts(runs.counts[first:end], (masks.shape[2], width))
        masks[divmod(index, masks.shape[1])] = np.packbits(mask, axis=-1) if packed else mask
        first = end


def paint_labels(runs: RunLengths, order: Array, labels: Array) -> None:
    """Write labels [N, H, W] from runs of N * C masks; later classes cover earlier ones."""
    _check_hysteresis_device(labels)
    labels[...] = 0
    first = 0
    for index, end in enumerate(runs.ends):
        image, channel = divmod(index, len(order))
        mask = decode_counts(runs.counts[first:end], (labels.shape[1], labels.shape[2]))
        np.copyto(labels[image], order[channel], casting="unsafe", where=mask.astype(bool))
        first = end


def _check_hysteresis_device(output: Array) -> None:
    """Refuse outputs on a device, because components are found on the CPU."""
    check_on_cpu(
        output,
        lambda device: (
            f"hysteresis on {device} has results on the CPU alone: take "
            'encoding="rle", or logits on the CPU'
        ),
    )
