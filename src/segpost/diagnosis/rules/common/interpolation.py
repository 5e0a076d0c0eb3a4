"""Ids that interpolation or a lossy file format mixed of their neighbors."""

from __future__ import annotations

import numpy as np

from segpost._core.arrays import Array
from segpost.diagnosis.coded_maps import index_values
from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.rule import RuleResult
from segpost.diagnosis.values import count_values, format_values

MIN_VALUES, MAX_VALUES = 5, 4096  # of a map in which mixtures are searched
MIN_MIXED_SHARE = 0.7  # of the pixels of a value: they lie between smaller and larger neighbors
MAX_ORDERED_DISTANCE = 4  # between the neighbors of a thin layer, of layers in order
MIN_ENLARGED = 0.99  # of the labels that an enlargement explains
MIN_FLAT_SHARE = 0.5  # of the pixels: they equal their neighbors, as in any label map


def find_interpolated_ids(
    context: DiagnosticContext, labels: Array, name: str
) -> RuleResult | None:
    """Return a result where ids occur only between a smaller and a larger neighbor."""
    ids = count_values(labels)
    if min(labels.shape[1:]) < 3 or not MIN_VALUES <= len(ids.values) <= MAX_VALUES:
        return None
    image = labels[0] if len(labels) == 1 else labels.reshape(-1, labels.shape[-1])
    inner = image[1:-1, 1:-1]
    low, high = inner.copy(), inner.copy()
    height, width = image.shape
    for dy in range(3):
        for dx in range(3):
            neighbor = image[dy : height - 2 + dy, dx : width - 2 + dx]
            np.minimum(low, neighbor, out=low)
            np.maximum(high, neighbor, out=high)
    values, codes = index_values(inner)
    codes = codes.reshape(-1)

    def count(mask: Array) -> Array:
        return np.bincount(codes[mask.reshape(-1)], minlength=len(values))

    pixels = np.bincount(codes, minlength=len(values))
    between = count((low < inner) & (inner < high))
    flat = count(low == high)
    is_mixed = (between >= MIN_MIXED_SHARE * pixels) & (flat == 0)
    is_mixed &= ~np.isin(values, context.inputs.ignored)
    is_area = flat > 0
    if is_mixed.sum() < 3 or is_area.sum() < 2 or flat.sum() < MIN_FLAT_SHARE * inner.size:
        return None
    beyond = values[:0]
    if context.classes:
        beyond = values[is_mixed & np.isin(values, context.out_of_range(ids))]
    is_at_mixture = is_mixed[codes].reshape(inner.shape)
    if not len(beyond):
        if is_mixed.sum() < max(4, is_area.sum()):
            return None
        distance = high[is_at_mixture].astype(np.int64) - low[is_at_mixture]
        if (distance > MAX_ORDERED_DISTANCE).mean() < 0.5:
            return None  # thin layers that touch in the order of their ids
    if _are_in_target(context, labels, is_at_mixture):
        return None
    count_mixed = int(pixels[is_mixed].sum())
    mixed = format_values(values[is_mixed])
    return RuleResult(
        "certain" if len(beyond) >= 3 else "likely",
        f"{int(is_mixed.sum())} of {len(values)} values of {name} occur only between smaller and "
        f"larger neighbors, at {count_mixed} pixels: {mixed}",
        {
            "values": mixed,
            "pixels": count_mixed,
            "values_of_areas": format_values(values[is_area]),
            "no_classes": len(beyond),
        },
    )


def _are_in_target(context: DiagnosticContext, labels: Array, is_at_mixture: Array) -> bool:
    """Return whether most mixtures of labels are the target's own ids at the same pixels."""
    target = context.inputs.target
    if target is None or target is labels or target.shape != labels.shape:
        return False
    truth, seen = (
        maps[0] if len(maps) == 1 else maps.reshape(-1, maps.shape[-1]) for maps in (target, labels)
    )
    same = (truth == seen)[1:-1, 1:-1][is_at_mixture]
    return bool(same.size) and bool(same.mean() >= 0.5)


def find_enlarged_ids(context: DiagnosticContext) -> RuleResult | None:
    """Return a result where labels are the argmax of logits, enlarged with interpolation."""
    if context.inputs.logits is None or context.labels_match_logits:
        return None
    n, h, w = context.logits_size
    labels = context.labels
    if labels.shape[0] != n or min(h, w) < 2 or labels.shape[1] * labels.shape[2] <= h * w:
        return None
    small = context.labels_at_logits_size.astype(np.float32)
    enlarged = _enlarge(_enlarge(small, labels.shape[1], 1), labels.shape[2], 2)
    nearest = next(context.iter_resized_labels(), None)
    if nearest is None:
        return None
    nearest_agreement = float((nearest == labels).mean())
    for values in (np.rint(enlarged), np.floor(enlarged + 1e-4)):
        agreement = float((values == labels).mean())
        if agreement >= MIN_ENLARGED and 1 - agreement < 0.2 * (1 - nearest_agreement):
            return RuleResult(
                "certain",
                f"{agreement:.1%} of the labels are those of the {h} x {w} logits, enlarged with "
                "interpolation between ids",
                {"agreement": agreement, "agreement_of_logits": nearest_agreement},
            )
    return None


def _enlarge(values: Array, n_out: int, axis: int) -> Array:
    """Return values of another length along an axis, linear on half_pixel."""
    n_in = values.shape[axis]
    position = ((np.arange(n_out) + 0.5) * n_in / n_out - 0.5).clip(0, n_in - 1)
    first = np.minimum(position.astype(np.intp), n_in - 2)
    share = (position - first).astype(np.float32)
    shape = [1] * values.ndim
    shape[axis] = n_out
    share = share.reshape(shape)
    low, high = values.take(first, axis), values.take(first + 1, axis)
    mixed: Array = low * (1 - share) + high * share
    return mixed
