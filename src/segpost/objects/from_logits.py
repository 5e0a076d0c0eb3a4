"""Regions of logits: labels exist for a strip of the image at a time."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from segpost._backends import registry
from segpost._core.arrays import LABEL_KINDS, label_dtype
from segpost._core.contract import Logits
from segpost._core.degenerate_logits import (
    CallSettings,
    may_be_degenerate,
    refuse_degenerate_logits,
)
from segpost._core.device import context_of
from segpost._core.errors import raise_bad_logits
from segpost._core.logits import as_logits
from segpost._core.object_contract import Runs
from segpost._core.suspicious_logits import warn_of_layout
from segpost._core.suspicious_sizes import check_sides
from segpost.labels import decoded
from segpost.objects.run_table import RunTable
from segpost.objects.sources import table_of_runs
from segpost.spatial.resampling import Resampling, part_of_resampling, plan_resampling

STRIP_PIXELS = 1 << 20  # whose labels fit the L2 cache


def table_of_logits(
    logits: object,
    size: object,
    grid: object,
    letterbox: object,
    has_confidence: bool,
    ignore_index: object,
    axis: int | None,
) -> RunTable:
    """Return a region for every label of the argmax of logits (C, h, w), after upsampling.

    Raises
    ------
    ValueError, TypeError
        As `segpost.argmax`; for logits of several images.
    """
    source = as_logits(logits, -3 if axis is None else axis)
    argument, array, class_axis = source
    if argument.values.shape[0] != 1:
        raise ValueError(
            f"logits must be of one image, (C, h, w), got shape {argument.values.shape}: "
            "[segpost.regions(logits=one) for one in logits] of a batch"
        )
    if may_be_degenerate(argument):
        refuse_degenerate_logits(source, type(logits), CallSettings())
    warn_of_layout(array, class_axis)
    if has_confidence:
        if array.kind in LABEL_KINDS:
            raise TypeError(
                f"logits are {array.kind}: their confidence needs the quantization, which "
                "segpost.postprocess takes: pass its labels and its confidence"
            )
        decoded.refuse_probabilities(argument, (1.0, 0.0), None)
    classes, *shape = argument.values.shape[1:]
    # A label map beyond the memory is none, even where labels are not kept.
    pixel_bytes = np.dtype(label_dtype(classes)).itemsize
    resampling = plan_resampling((*shape,), size, grid, letterbox, pixel_bytes=pixel_bytes)
    if size is not None and letterbox is None and shape[0] != shape[1]:
        check_sides((*shape,), resampling.size, array.array.shape if axis is None else None)
    backend = registry.backend(argument.values, operation="find_runs")
    if resampling.axes is None or has_confidence:
        runs = _find_runs_of_strips(argument, resampling, has_confidence)
    else:
        part = _part_of_logits(argument, resampling)
        runs, errors = backend.argmax_runs(part, resampling.axes)
        raise_bad_logits(errors, part, (1, *resampling.size), of_probabilities=False)
    return table_of_runs(runs, resampling.size, None, ignore_index)


def _part_of_logits(logits: Logits, resampling: Resampling) -> Logits:
    """Return the logits that a resampling reads."""
    if resampling.region is None:
        return logits
    return logits._replace(values=logits.values[resampling.region], origin=resampling.origin)


def _find_runs_of_strips(logits: Logits, resampling: Resampling, has_confidence: bool) -> Runs:
    """Return the runs of label maps of strips of columns, one after the other."""
    height, width = resampling.size
    step = max(STRIP_PIXELS // max(height, 1), 64)
    parts = []
    for x in range(0, width if height else 0, step):
        columns = slice(x, min(x + step, width))
        strip = part_of_resampling(resampling, slice(0, height), columns)
        runs = _find_runs(logits, strip, resampling, has_confidence)
        parts.append(runs._replace(column=runs.column + np.int32(x)))
    return _concatenate(parts)


def _concatenate(parts: list[Runs]) -> Runs:
    """Return the runs of strips as those of one image."""
    if not parts:
        nothing = np.zeros(0, np.int32)
        return Runs(nothing, nothing, nothing, np.zeros(0, np.int64))
    totals = [part.total for part in parts if part.total is not None]
    column, top, bottom, label = (
        np.concatenate(arrays) for arrays in zip(*(part[:4] for part in parts), strict=True)
    )
    return Runs(column, top, bottom, label, np.concatenate(totals) if totals else None)


def _find_runs(logits: Logits, strip: Resampling, whole: Resampling, has_confidence: bool) -> Runs:
    """Return the runs of a strip of columns."""
    part = _part_of_logits(logits, strip)
    empty = context_of(logits.values).empty
    labels = empty((1, *strip.size), label_dtype(logits.values.shape[1]))
    confidence = empty(labels.shape, np.float32) if has_confidence else None
    backend = registry.backend(part.values, labels)
    if confidence is None:
        errors = backend.argmax(part, strip.axes, labels)
    elif backend.fuses(resized=strip.axes is not None, sigmoid=False, probabilities=False):
        errors = backend.argmax(part, strip.axes, labels, None, confidence)
    else:
        errors = backend.argmax(part, strip.axes, labels)
        errors = errors.undefined_as(backend.softmax(part, strip.axes, None, confidence))
    if errors.nan_count or errors.undefined_count:
        _raise_errors(logits, whole, has_confidence)
    return backend.find_runs(labels, confidence)


def _raise_errors(logits: Logits, whole: Resampling, has_confidence: bool) -> NoReturn:
    """Raise the error of the whole image, which says where its first bad value is."""
    logits = _part_of_logits(logits, whole)
    shape = (1, *whole.size)
    empty = context_of(logits.values).empty
    labels = empty(shape, label_dtype(logits.values.shape[1]))
    backend = registry.backend(logits.values, labels)
    errors = backend.argmax(logits, whole.axes, labels)
    if has_confidence:
        confidence = empty(shape, np.float32)
        errors = errors.undefined_as(backend.softmax(logits, whole.axes, None, confidence))
    raise_bad_logits(errors, logits, shape, of_probabilities=has_confidence)
    raise AssertionError("a strip of the image has errors, and the image has none")
