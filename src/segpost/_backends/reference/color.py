"""Definitions of colorize, overlay and labels_from_colors."""

from __future__ import annotations

import numpy as np

from segpost._core.contract import Array, LabelErrors


def colorize(labels: Array, lut: Array, ignore_index: int | None, out: Array) -> LabelErrors:
    """Write the palette color of every label, and that of ignored pixels for ``ignore_index``."""
    entry, errors = entries(labels, len(lut) - 1, ignore_index)
    out[...] = unpack(lut[entry])
    return errors


def overlay(
    image: Array,
    labels: Array,
    lut: Array,
    alpha: Array,
    ignore_index: int | None,
    contour: int,
    out: Array,
) -> LabelErrors:
    """Write floor((image * (256 - alpha) + color * alpha + 128) / 256); contours are opaque."""
    entry, errors = entries(labels, len(lut) - 1, ignore_index)
    weight = alpha[entry]
    if contour:
        weight = np.where(on_contour(labels, contour), 256, weight)
    weight = weight[..., None].astype(np.uint32)
    out[...] = ((image * (256 - weight) + unpack(lut[entry]) * weight + 128) >> 8).astype(np.uint8)
    return errors


def labels_from_colors(image: Array, keys: Array, values: Array, out: Array) -> LabelErrors:
    """Write the label of every color, 0 for colors that are not in the palette."""
    channels = image.astype(np.uint32)
    packed = channels[..., 0] | channels[..., 1] << 8 | channels[..., 2] << 16
    row = np.minimum(np.searchsorted(keys, packed), len(keys) - 1)
    unknown = keys[row] != packed
    out[...] = np.where(unknown, 0, values[row])
    return first_of(unknown)


def unpack(packed: Array) -> Array:
    """Return the red, green and blue bytes of 0x00bbggrr."""
    return np.stack([packed, packed >> 8, packed >> 16], axis=-1).astype(np.uint8)


def entries(labels: Array, ignored_row: int, ignore_index: int | None) -> tuple[Array, LabelErrors]:
    """Return the palette row of every label, and the errors; bad labels get the last row."""
    inside = (labels >= 0) & (labels < ignored_row)
    wide = labels.astype(np.int64)  # uint64 beyond int64 becomes negative, but is not inside
    if ignore_index is None:
        return np.where(inside, wide, ignored_row), first_of(~inside)
    ignored = labels == ignore_index
    entry = np.where(inside & ~ignored, wide, ignored_row)
    return entry, first_of(~inside & ~ignored)


def on_contour(labels: Array, width: int) -> Array:
    """Return a mask of the pixels whose (width + 1)-square window contains two labels."""
    height, columns = labels.shape[1:]
    mask = np.zeros(labels.shape, bool)
    before, after = width // 2, (width + 1) // 2
    for dy in range(-before, after + 1):
        for dx in range(-before, after + 1):
            y = np.clip(np.arange(height) + dy, 0, height - 1)
            x = np.clip(np.arange(columns) + dx, 0, columns - 1)
            mask |= labels[:, y][:, :, x] != labels
    return mask


def first_of(mask: Array) -> LabelErrors:
    """Return the number and the first flat index of the true elements."""
    count = int(mask.sum())
    return LabelErrors(count, int(mask.argmax()) if count else -1)
