"""Error counts of kernels as exceptions."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import numpy as np

from segpost._core.arrays import Array, widen
from segpost._core.contract import LabelErrors, LogitErrors, Logits
from segpost._core.device import to_host


def raise_bad_logits(
    counts: LogitErrors, logits: Logits, shape: tuple[int, ...], *, of_probabilities: bool = False
) -> None:
    """Raise the error of logits with NaN, or without an answer at some pixels of the result.

    `shape` is that of the labels. If `of_probabilities`, undefined pixels are those without
    probabilities; softmax does not count the NaN that cause them.
    """
    if not (counts.nan_count or counts.undefined_count):
        return
    values = logits.values
    n, classes, *size = values.shape
    if of_probabilities and not counts.nan_count:
        nan = np.isnan(widen(values, logits.kind))
        if nan.any():
            counts = LogitErrors(int(nan.sum()), int(nan.any(axis=1).argmax()))
    if counts.nan_count:
        image, *at = position_of(counts.nan_first, (n, *size))
        pixel: Any = (image, slice(None), *at)
        label = int(np.isnan(widen(values[pixel], logits.kind)).argmax())
        if any(logits.origin):
            at = [*map(sum, zip(at, logits.origin, strict=True))]
        raise ValueError(
            f"logits have {counts.nan_count} NaN of {n * classes * math.prod(size)} values, first "
            f"at image {image}, class {label}, {format_position(at)}; "
            "look for a float16 overflow or a division by zero in the network; "
            'nan="propagate" lets NaN win'
        )
    image, *at = position_of(counts.undefined_first, shape)
    where = f"first at image {image}, {format_position(at)}"
    if of_probabilities:
        raise ValueError(
            f"logits give no probabilities at {counts.undefined_count} of {math.prod(shape)} "
            f"pixels, {where}: a class is +inf there, or every class is -inf; "
            'pass nan="propagate" to get NaN'
        )
    raise ValueError(
        f"logits give no answer at {counts.undefined_count} of {math.prod(shape)} output "
        f"{'pixels' if len(at) == 2 else 'voxels'}, {where}: every class is -inf there, or "
        'infinities meet (inf - inf); pass nan="propagate" for the rule of numpy.argmax'
    )


def raise_bad_labels(
    bad: LabelErrors, labels: Array, classes: int, ignore_index: int | None
) -> None:
    """Name the labels that have no color."""
    if not bad.count:
        return
    place = np.unravel_index(bad.first, labels.shape)
    allowed = f"0..{classes - 1}" + (f" or {ignore_index}" if ignore_index is not None else "")
    raise ValueError(
        f"labels have {bad.count} of {labels.size} values outside {allowed}, first "
        f"{labels[place]} at {format_index(place)}; the palette has {classes} colors. "
        "Give it more colors, or an ignore_index with a void color"
    )


def raise_bad_colors(bad: LabelErrors, image: Array) -> NoReturn:
    """Name the colors that are in no palette row."""
    place = np.unravel_index(bad.first, image.shape[:-1])
    color = tuple(int(v) for v in to_host(image[place]))
    raise ValueError(
        f"image has {bad.count} of {image.size // 3} pixels whose color is not in the palette, "
        f"first {color} at {format_index(place)}; a label image must be saved without loss and "
        "never resized with interpolation"
    )


def position_of(flat: int, shape: tuple[int, ...]) -> list[int]:
    return [int(i) for i in np.unravel_index(flat, shape)]


def format_position(place: list[int]) -> str:
    return ", ".join(f"{'zyx'[i - len(place)]} {at}" for i, at in enumerate(place))


def format_index(place: tuple[Any, ...]) -> str:
    return "[" + ", ".join(str(int(i)) for i in place) + "]"


def add_label_errors(errors: LabelErrors, more: LabelErrors, offset: int) -> LabelErrors:
    """Return the sum of two counts, the second of an array that starts at a flat index."""
    first = errors.first if errors.count else more.first + offset
    return LabelErrors(errors.count + more.count, first)
