"""Statistics of label maps and logits, and the text in which evidence shows them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segpost._core.arrays import Array, widen
from segpost._core.contract import Logits
from segpost._core.logits import dequantize
from segpost.color.datasets import list_palettes
from segpost.color.palette import Palette, as_palette

SAMPLED_PIXELS = 1 << 16  # pixels of the logits that statistics are computed on
MIN_PIXELS = 256  # pixels that a statistical statement needs
MAX_VALUES = 8  # values that a message lists

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]


class ValueCounts(NamedTuple):
    """The values of a label map, and how often each occurs."""

    values: Int64
    counts: Int64

    @property
    def pixels(self) -> int:
        """Return the number of pixels."""
        return int(self.counts.sum())


def count_values(labels: Array) -> ValueCounts:
    """Return the values of labels and how often each occurs."""
    if labels.dtype == np.uint8:
        counts = np.bincount(labels.reshape(-1), minlength=256)
        values = counts.nonzero()[0]
        return ValueCounts(values.astype(np.int64), counts[values].astype(np.int64))
    values, counts = np.unique(labels, return_counts=True)
    if labels.dtype == np.uint64:  # no class has a number beyond int64
        values = np.minimum(values, np.uint64(2**63 - 1))
    return ValueCounts(values.astype(np.int64), counts.astype(np.int64))


def sample_pixels(logits: Logits, quantization: tuple[float, float] | None = None) -> Float64:
    """Return the logits of evenly spaced pixels, (S, C), dequantized where that is known."""
    values = logits.values
    n, c, h, w = values.shape
    step = max(1, math.isqrt(n * h * w // SAMPLED_PIXELS))
    samples = np.ascontiguousarray(values[:, :, ::step, ::step])
    samples = dequantize(samples, logits.kind, *(quantization or (1.0, 0.0)))
    return np.moveaxis(samples, 1, -1).reshape(-1, c).astype(np.float64)


def iter_planes(logits: Logits) -> Iterator[tuple[int, int, Array]]:
    """Yield every plane of the logits as floats: (image, class, (h, w))."""
    for image in range(logits.values.shape[0]):
        for label in range(logits.values.shape[1]):
            yield image, label, widen(logits.values[image, label], logits.kind)


def max_probability(pixels: Array) -> Array:
    """Return the largest softmax probability of every pixel of (S, C) logits."""
    with np.errstate(over="ignore"):
        largest: Array = 1 / np.exp(pixels - pixels.max(axis=1, keepdims=True)).sum(axis=1)
    return largest


def neighbor_agreement(logits: Logits) -> float:
    """Return the share of horizontal neighbors whose largest class is the same.

    Some 32,000 pixels of the first image are compared. Without neighbors the share is 0.
    """
    if not logits.values.size or logits.values.shape[3] < 2:
        return 0.0
    h, w = logits.values.shape[2:]
    rows = max(1, (1 << 15) // w)
    samples = np.ascontiguousarray(logits.values[:1, :, :: max(1, h // rows)])
    labels = widen(samples, logits.kind).argmax(axis=1)
    return float((labels[..., 1:] == labels[..., :-1]).mean())


def format_values(values: Any, limit: int = MAX_VALUES) -> str:
    """Return the first integers of a list as text, and how many more there are."""
    shown = [str(int(value)) for value in list(values)[:limit]]
    more = f" and {len(values) - limit} more" if len(values) > limit else ""
    return ", ".join(shown) + more


def format_position(mask: Array) -> str:
    """Return the position of the first true pixel of an (N, H, W) mask as text."""
    image, y, x = (int(i) for i in np.unravel_index(int(mask.argmax()), mask.shape))
    return f"image {image}, y {y}, x {x}" if len(mask) > 1 else f"y {y}, x {x}"


def pack_rgb(colors: Array) -> npt.NDArray[np.uint32]:
    """Return (..., 3) colors as one number each, 0x00bbggrr."""
    red, green, blue = (colors[..., channel].astype(np.uint32) for channel in range(3))
    return np.asarray(red | green << 8 | blue << 16, np.uint32)


def unpack_rgb(numbers: Any) -> list[tuple[int, int, int]]:
    """Return packed colors as (red, green, blue); the inverse of `pack_rgb`."""
    return [(int(n) & 255, int(n) >> 8 & 255, int(n) >> 16 & 255) for n in numbers]


def iter_named_palettes() -> Iterator[tuple[str, Palette]]:
    """Yield the name and the palette of every public data set."""
    for name in list_palettes():
        yield name, as_palette(name)
