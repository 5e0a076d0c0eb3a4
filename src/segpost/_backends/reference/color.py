"""Definition of colorize, overlay and labels_from_colors."""

from __future__ import annotations

import numpy as np

from segpost._core.contract import Array, LabelErrors


def colorize(labels: Array, lut: Array, ignore_index: int | None, out: Array) -> LabelErrors:
    """The palette's color of every label; void where the label is ``ignore_index``."""
    entry, bad = entries(labels, len(lut) - 1, ignore_index)
    out[...] = unpack(lut[entry])
    return bad


def overlay(
    image: Array,
    labels: Array,
    lut: Array,
    alpha: Array,
    ignore_index: int | None,
    contour: int,
    out: Array,
) -> LabelErrors:
    """(image * (256 - alpha) + color * alpha + 128) / 256, rounded down; contours are opaque."""
    entry, bad = entries(labels, len(lut) - 1, ignore_index)
    weight = alpha[entry]
    if contour:
        weight = np.where(on_contour(labels, contour), 256, weight)
    weight = weight[..., None].astype(np.uint32)
    out[...] = ((image * (256 - weight) + unpack(lut[entry]) * weight + 128) >> 8).astype(np.uint8)
    return bad


def labels_from_colors(image: Array, keys: Array, values: Array, out: Array) -> LabelErrors:
    """The label of every color."""
    channels = image.astype(np.uint32)
    packed = channels[..., 0] | channels[..., 1] << 8 | channels[..., 2] << 16
    place = np.minimum(np.searchsorted(keys, packed), len(keys) - 1)
    unknown = keys[place] != packed
    out[...] = np.where(unknown, 0, values[place])
    return first_of(unknown)


def unpack(packed: Array) -> Array:
    """Red, green and blue of 0x00bbggrr."""
    return np.stack([packed, packed >> 8, packed >> 16], axis=-1).astype(np.uint8)


def entries(labels: Array, void: int, ignore_index: int | None) -> tuple[Array, LabelErrors]:
    """The palette row of every label, and the labels that have none (they get the void row)."""
    inside = (labels >= 0) & (labels < void)
    wide = labels.astype(np.int64)  # uint64 beyond int64 turns negative, but is not inside
    if ignore_index is None:
        return np.where(inside, wide, void), first_of(~inside)
    ignored = labels == ignore_index
    entry = np.where(inside & ~ignored, wide, void)
    return entry, first_of(~inside & ~ignored)


def on_contour(labels: Array, width: int) -> Array:
    """Pixels whose (width + 1)-square window, clipped to the image, holds two different labels."""
    height, columns = labels.shape[1:]
    found = np.zeros(labels.shape, bool)
    before, after = width // 2, (width + 1) // 2
    for dy in range(-before, after + 1):
        for dx in range(-before, after + 1):
            y = np.clip(np.arange(height) + dy, 0, height - 1)
            x = np.clip(np.arange(columns) + dx, 0, columns - 1)
            found |= labels[:, y][:, :, x] != labels
    return found


def first_of(bad: Array) -> LabelErrors:
    """Count and first flat index of the true entries."""
    count = int(bad.sum())
    return LabelErrors(count, int(bad.argmax()) if count else -1)
