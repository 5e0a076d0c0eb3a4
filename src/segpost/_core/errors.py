"""Error counts of kernels as exceptions."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import numpy as np

from segpost._core.arrays import Array, widen
from segpost._core.contract import LabelErrors, LogitErrors, Logits
from segpost._core.device import to_host


def raise_bad_logits(report: LogitErrors, logits: Logits, shape: tuple[int, ...]) -> None:
    """Turn what a kernel met into an error under ``nan="raise"``."""
    if not (report.nan_count or report.undefined_count):
        return
    n, c, *size = logits.values.shape
    if report.nan_count:
        image, *at = position_of(report.nan_first, (n, *size))
        everywhere: Any = (image, slice(None), *at)
        pixel = widen(logits.values[everywhere], logits.kind)
        if any(logits.origin):
            at = [*map(sum, zip(at, logits.origin, strict=True))]
        raise ValueError(
            f"logits have {report.nan_count} NaN of {n * c * math.prod(size)} values, first at "
            f"image {image}, class {int(np.isnan(pixel).argmax())}, {format_position(at)}; "
            "look for a float16 overflow or a division by zero in the network; "
            'nan="propagate" lets NaN win'
        )
    if report.undefined_count:
        image, *at = position_of(report.undefined_first, shape)
        raise ValueError(
            f"logits give no answer at {report.undefined_count} of {math.prod(shape)} output "
            f"{'pixels' if len(at) == 2 else 'voxels'}, first at image {image}, "
            f"{format_position(at)}: every class is -inf there, or "
            'infinities meet (inf - inf); pass nan="propagate" for the rule of numpy.argmax'
        )


def raise_undefined(report: LogitErrors, logits: Logits, shape: tuple[int, int, int]) -> None:
    """Turn undefined probabilities into an error that says why."""
    if not report.undefined_count:
        return
    nan = np.isnan(widen(logits.values, logits.kind))
    if nan.any():
        first = int(nan.any(axis=1).argmax())
        raise_bad_logits(LogitErrors(int(nan.sum()), first), logits, shape)
    image, *at = position_of(report.undefined_first, shape)
    raise ValueError(
        f"logits give no probabilities at {report.undefined_count} of {math.prod(shape)} pixels, "
        f"first at image {image}, {format_position(at)}: a class is +inf there, or every class "
        'is -inf; pass nan="propagate" to get NaN'
    )


def raise_bad_labels(
    bad: LabelErrors, labels: Array, classes: int, ignore_index: int | None
) -> None:
    """Name the labels that have no color."""
    if not bad.total:
        return
    place = np.unravel_index(bad.first, labels.shape)
    allowed = f"0..{classes - 1}" + (f" or {ignore_index}" if ignore_index is not None else "")
    raise ValueError(
        f"labels have {bad.total} of {labels.size} values outside {allowed}, first "
        f"{labels[place]} at {format_index(place)}; the palette has {classes} colors. "
        "Give it more colors, or an ignore_index with a void color"
    )


def raise_bad_colors(bad: LabelErrors, image: Array) -> NoReturn:
    """Name the colors that are in no palette row."""
    place = np.unravel_index(bad.first, image.shape[:-1])
    color = tuple(int(v) for v in to_host(image[place]))
    raise ValueError(
        f"image has {bad.total} of {image.size // 3} pixels whose color is not in the palette, "
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
    first = errors.first if errors.total else more.first + offset
    return LabelErrors(errors.total + more.total, first)
