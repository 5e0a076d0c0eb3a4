"""The class logits and the mask logits of queries, checked once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from segpost._backends import registry
from segpost._core.arrays import Array, InputArray, as_input_array, widen
from segpost._core.errors import format_index
from segpost._core.query_contract import QueryMasks
from segpost.pipeline.queries.masks import bound_masks

FLOAT_KINDS = ("float16", "bfloat16", "float32", "float64")
SUM_TOLERANCE = 1e-3
SAMPLES = 4096  # mask logits that are looked at first


class QueryLogits(NamedTuple):
    """The output of a query head."""

    probabilities: Array  # [N, Q, C + 1] float64, of the classes; the last is "no object"
    masks: QueryMasks
    is_batch: bool
    wrap: Callable[[Array], Any]  # makes the caller's kind of array

    @property
    def classes(self) -> int:
        """The number of classes, without "no object"."""
        return int(self.probabilities.shape[2]) - 1

    @property
    def description(self) -> str:
        """What an error says of the classes."""
        return f'class_logits have {self.classes} classes beside their last column, "no object"'


def as_query_logits(class_logits: object, mask_logits: object) -> QueryLogits:
    """Return the output of a query head.

    Raises
    ------
    TypeError
        For arrays that are no floats, or on different devices.
    ValueError
        If the shapes do not fit each other, for values that are not finite, and for probabilities.
    """
    classes = _as_floats(class_logits, "class_logits")
    masks = _as_floats(mask_logits, "mask_logits")
    check_head_shapes(classes.array.shape, masks.array.shape)
    registry.backend(masks.array, classes.array)  # refuses two devices
    is_batch = masks.array.ndim == 4
    class_values = widen(classes.array, classes.kind).astype(np.float64)
    _check_finite(class_values, "class_logits")
    _refuse_class_probabilities(class_values)
    bounds = bound_masks(masks.array, masks.kind)
    _refuse_mask_probabilities(masks.array, masks.kind)
    return QueryLogits(
        probabilities=_softmax(class_values if is_batch else class_values[None]),
        masks=bounds,
        is_batch=is_batch,
        wrap=masks.wrap,
    )


def _as_floats(value: object, name: str) -> InputArray:
    """Return an argument as an input array of floats."""
    source = as_input_array(value, name)
    if source.kind not in FLOAT_KINDS:
        raise TypeError(f"{name} must be floats, got {source.kind}; dequantize integers first")
    return source


def check_head_shapes(classes: tuple[int, ...], masks: tuple[int, ...]) -> None:
    """Raise an error unless the shapes are (Q, C + 1) and (Q, h, w), or both with a batch axis."""
    shapes = f"class_logits of shape {classes} and mask_logits of shape {masks}"
    expected = "(Q, C + 1) and (Q, h, w), or (N, Q, C + 1) and (N, Q, h, w)"
    if (len(classes), len(masks)) not in ((2, 3), (3, 4)):
        cure = ""
        if (len(masks), len(classes)) in ((2, 3), (3, 4)):
            cure = "; they are exchanged: class_logits come first"
        raise ValueError(f"{shapes} are not {expected}{cure}")
    if len(masks) == 4 and classes[0] != masks[0]:
        raise ValueError(f"{shapes} have {classes[0]} and {masks[0]} images")
    if classes[-2] != masks[-3]:
        raise ValueError(f"{shapes} have {classes[-2]} and {masks[-3]} queries")
    if classes[-1] < 2:
        raise ValueError(
            f'{shapes}: {classes[-1]} columns are no classes and "no object", which is the last one'
        )
    if 0 in masks:
        raise ValueError(f"{shapes} are empty")


def _check_finite(values: Array, name: str) -> None:
    """Raise an error that counts the values that are not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(values.sum()):
            return
    bad = ~np.isfinite(values)
    if bad.any():
        first = np.unravel_index(int(bad.argmax()), values.shape)
        raise ValueError(
            f"{name} have {int(bad.sum())} of {values.size} values that are NaN or infinite, "
            f"first {values[first]} at {format_index(first)}"
        )


def _refuse_class_probabilities(values: Array) -> None:
    """Raise an error for rows that are in 0..1 and add up to 1."""
    if values.min() < 0 or values.max() > 1:
        return
    if (abs(values.sum(axis=-1) - 1) <= SUM_TOLERANCE).all():
        raise ValueError(
            f"class_logits are between {values.min():g} and {values.max():g} and add up to 1 in "
            "every query: they are probabilities already; pass the logits before the softmax"
        )


def _refuse_mask_probabilities(masks: Array, kind: str) -> None:
    """Raise an error for masks that are all in 0..1; of most logits few are read."""
    for values in (masks.reshape(-1)[:SAMPLES] if masks.flags.c_contiguous else masks, masks):
        real = widen(values, kind)
        low, high = real.min(), real.max()
        if low < 0 or high > 1:
            return
    if low == high:  # such as zeros
        return
    raise ValueError(
        f"mask_logits are all between {low:g} and {high:g}: they are probabilities already; pass "
        "the logits before the sigmoid"
    )


def _softmax(logits: Array) -> Array:
    """Return the softmax of the last axis."""
    values = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: Array = values / values.sum(axis=-1, keepdims=True)
    return result
