"""Model outputs that are probabilities already, or labels already."""

from __future__ import annotations

import numpy as np

# The reference backend is the only one with the interpolated values themselves.
from segpost._backends.reference.labels import corners, interpolated
from segpost._core.arrays import Array, label_dtype, widen
from segpost._core.contract import Logits
from segpost._core.device import DeviceArray
from segpost._core.errors import format_index
from segpost._core.sampling import Axes

# Sums of probabilities of half precision, or of quantized networks, are within this of 1.
PROBABILITY_TOLERANCE = 1e-2


def check_probabilities(logits: Logits, convention: str) -> None:
    """Refuse values outside 0..1 in an output that holds probabilities by a convention."""
    values = logits.values
    if isinstance(values, DeviceArray):
        raise TypeError(
            f"logits on {values.context} are probabilities by convention {convention!r}: "
            "segpost takes those on the CPU only; give it the network's logits"
        )
    values = dequantize(values, logits)
    bad = ~((values >= -PROBABILITY_TOLERANCE) & (values <= 1 + PROBABILITY_TOLERANCE))
    if bad.any():
        image, label, y, x = np.unravel_index(int(bad.argmax()), values.shape)
        raise ValueError(
            f"logits are probabilities by convention {convention!r}, but {int(bad.sum())} of "
            f"{values.size} values are outside 0..1, first {values[image, label, y, x]:g} at image "
            f'{image}, class {label}, y {y}, x {x}; kind="logits" if these are'
        )


def refuse_probabilities(logits: Logits, convention: str) -> None:
    """Refuse logits that are probabilities already: a second softmax would make them alike.

    It reads a few thousand pixels. Values that are all 0 or 1 pass, for they may be anything.
    """
    values = logits.values
    if isinstance(values, DeviceArray) or values.shape[1] < 2 or not values.size:
        return
    _, _, height, width = values.shape
    values = dequantize(values[:, :, :: max(height // 32, 1), :: max(width // 32, 1)], logits)
    low, high, sums = values.min(), values.max(), values.sum(axis=1)
    between = (values > PROBABILITY_TOLERANCE) & (values < 1 - PROBABILITY_TOLERANCE)
    sums_to_one = bool((abs(sums - 1) <= PROBABILITY_TOLERANCE).all())
    if low >= 0 and high <= 1 and sums_to_one and between.any():
        raise ValueError(
            f"logits are between {low:g} and {high:g} and add up to 1 over the classes at each of "
            f"{sums.size} pixels: they are probabilities already, and a second softmax would make "
            f"them alike; pass dataclasses.replace(convention, kind='probabilities') of convention "
            f"{convention!r}"
        )


def resize_probabilities(logits: Logits, axes: Axes | None, out: Array) -> None:
    """Resize probabilities (N, C, h, w) bilinearly to `out` (N, C, H, W), in float64."""
    denominator = 1.0 if axes is None else axes.y.den * axes.x.den
    for n, rows, values in interpolated(logits, axes):
        out[n, :, rows] = (values / denominator - logits.zero_point) * logits.scale


def gather_label_probability(logits: Logits, axes: Axes | None, labels: Array, out: Array) -> None:
    """Write the probability of each pixel's label to `out`, (N, H, W) as `labels`.

    `out` is float32, or uint8 with ``np.rint(255 * probability)``.
    """
    for n, classes in enumerate(labels.astype(np.intp)):
        values = dequantize(logits.values[n], logits)
        if logits.threshold is not None:
            values = np.concatenate([1 - values, values])
        if axes is None:
            probability = np.take_along_axis(values, classes[None], 0)[0]
        else:
            total = np.zeros(classes.shape)
            for rows, y_weights in corners(axes.y, slice(None)):
                for columns, x_weights in corners(axes.x, slice(None)):
                    corner = values[classes, rows[:, None], columns]
                    total += corner * (y_weights[:, None] * x_weights)
            probability = total / (axes.y.den * axes.x.den)
        is_byte = out.dtype == np.uint8
        out[n] = np.rint(255 * np.clip(probability, 0, 1)) if is_byte else probability


def dequantize(values: Array, logits: Logits) -> Array:
    """Return raw values as float32, or as float64 where they need it, with their quantization."""
    values = widen(values, logits.kind)
    if logits.scale == 1.0 and logits.zero_point == 0.0:
        return values
    return np.asarray((values.astype(np.float64) - logits.zero_point) * logits.scale)


def squeeze_label_maps(labels: Array) -> Array:
    """Return label maps as (H, W) or (N, H, W), without a channel axis of one channel."""
    if labels.ndim == 4 and 1 in (labels.shape[1], labels.shape[-1]):  # (N, 1, H, W), (N, H, W, 1)
        return labels[:, 0] if labels.shape[1] == 1 else labels[..., 0]
    if labels.ndim not in (2, 3):
        raise ValueError(f"labels must be (H, W) or (N, H, W), got shape {labels.shape}")
    return labels


def decode_mask(mask: Array, foreground: int, background: int | None, convention: str) -> Array:
    """Return a mask of two ids as labels: 1 for `foreground`, 0 for `background`."""
    bad = (mask != foreground) & (mask != background)
    if bad.any():
        first = tuple(np.argwhere(bad)[0])
        raise ValueError(
            f"by convention {convention!r} a mask holds {foreground} and {background}, but "
            f"{int(bad.sum())} of {mask.size} values are others, first {mask[first]} at "
            f"{format_index(first)}"
        )
    return np.asarray(mask == foreground).astype(label_dtype(2))
