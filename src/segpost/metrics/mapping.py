"""Predicted ids that count as other classes: a product on the counts, without the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from segpost._core.arguments import as_integer
from segpost.metrics.arguments import as_class_number
from segpost.metrics.counts import CountSnapshot, ImageCounts, LabelPairs, label_limit
from segpost.metrics.ratios import Int64

PredMapping = Mapping[int, int | str] | Mapping[str, int | str]


def as_pred_mapping(
    mapping: PredMapping, classes: int, names: Sequence[str] | None
) -> dict[int, int]:
    """Return which class each predicted id counts as, by numbers.

    Raises
    ------
    TypeError, ValueError
        If it maps no integers or names of classes to classes.
    """
    if not isinstance(mapping, Mapping):
        raise TypeError(f"mapping must be a dict of predicted ids to classes, got {mapping!r}")
    limit, result = label_limit(classes), {}
    for key, value in mapping.items():
        source = (
            as_class_number(key, "mapping", names)
            if isinstance(key, str)
            else as_integer(key, "mapping")
        )
        number = as_class_number(value, "mapping", names)
        if not 0 <= number < classes:
            raise ValueError(f"mapping must lead to 0..{classes - 1}, got {key!r}: {value!r}")
        if not -limit < source < limit:
            raise ValueError(
                f"mapping has the predicted id {source}; ids are told apart below {limit}"
            )
        result[source] = number
    return result


def map_preds(snapshot: CountSnapshot, mapping: Mapping[int, int]) -> CountSnapshot:
    """Return counts in which predicted ids count as the classes that they are mapped to."""
    ignored = set(snapshot.settings["ignore_index"])
    classes = snapshot.num_classes
    state, outside = _map_counts(snapshot.state, snapshot.outside, mapping, ignored)
    state.flags.writeable = False
    images = []
    for image in snapshot.images:
        counts, pairs = _map_counts(image.state(classes), image.outside, mapping, ignored)
        flat = counts.reshape(-1)
        cells = np.flatnonzero(flat)
        images.append(ImageCounts(image.id, cells, flat[cells], pairs))
    return replace(snapshot, state=state, outside=outside, images=images)


def _map_counts(
    state: Int64,
    outside: Mapping[tuple[int, int], int],
    mapping: Mapping[int, int],
    ignored: set[int],
) -> tuple[Int64, LabelPairs]:
    """Return a state and its invalid label pairs with mapped predictions."""
    classes = len(state) - 1
    columns = np.eye(classes + 1, dtype=np.int64)
    for source, number in mapping.items():
        if 0 <= source < classes:
            columns[source] = 0
            columns[source, number] = 1
    result: Int64 = state @ columns
    pairs: LabelPairs = {}
    for (target, pred), count in outside.items():
        number = mapping.get(pred, pred)
        is_class = 0 <= target < classes
        if pred in mapping and not 0 <= pred < classes:
            row = target if is_class and target not in ignored else classes
            result[row, classes] -= count
            result[row, number] += count
        if not (is_class and 0 <= number < classes):
            pairs[target, number] = pairs.get((target, number), 0) + count
    return result, pairs
