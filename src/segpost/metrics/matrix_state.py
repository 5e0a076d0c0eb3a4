"""Counts of a `ConfusionMatrix` as plain data, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from segpost._core.arrays import Array
from segpost.metrics.counts import ImageCounts, LabelPairs
from segpost.metrics.image_table import ImageTable
from segpost.metrics.ratios import Int64
from segpost.metrics.saved import read_counts, read_integer
from segpost.metrics.saved_state import id_order

MAX_COUNT = 2**63 - 1


class MatrixTotals(NamedTuple):
    """Everything that a `ConfusionMatrix` has counted."""

    state: Int64  # (C + 1, C + 1)
    outside: LabelPairs
    images: list[ImageCounts]


def dump_totals(state: Int64, outside: LabelPairs, images: ImageTable) -> dict[str, Any]:
    """Return counts as plain data, but for an iterator over the images.

    The order of images with ids does not change it.
    """
    ids = images.ids
    order: Iterable[int] = range(len(images))
    if ids:
        order = sorted(order, key=lambda k: id_order(ids[k]))
    return {
        "state": state.tolist(),
        "outside": _dump_pairs(outside),
        "images": (_dump_image(images[k]) for k in order),
    }


def load_totals(totals: Mapping[str, Any], classes: int, *, per_image: bool) -> MatrixTotals:
    """Read counts that `dump_totals` returned.

    Raises
    ------
    ValueError
        If they are no counts of a matrix with so many classes.
    """
    images = [_load_image(image, classes, per_image) for image in totals["images"]]
    state = read_counts(totals["state"], (classes + 1, classes + 1), "state")
    outside = _load_pairs(totals["outside"], classes)
    if sum(map(sum, state.tolist())) > MAX_COUNT:
        raise ValueError("state has more pixels than int64 can count")
    return MatrixTotals(state, outside, images)


def check_pairs_in_state(totals: MatrixTotals, ignored: Array) -> None:
    """Refuse label pairs that occur more often than the cells of their state."""
    classes = len(totals.state) - 1
    listed = np.zeros(totals.state.shape, object)
    for (target, pred), count in totals.outside.items():
        row = target if 0 <= target < classes and target not in ignored else classes
        listed[row, pred if 0 <= pred < classes else classes] += count
    if (listed > totals.state).any():
        raise ValueError("outside has more pixels than the state")


def _load_image(image: Sequence[Any], classes: int, per_image: bool) -> ImageCounts:
    name, cells, counts, pairs = image
    size = classes + 1
    indices = read_counts(cells, (len(cells),), "images")
    if len(indices) and (int(indices[-1]) >= size * size or (np.diff(indices) < 1).any()):
        raise ValueError("images have cells outside the state, or twice")
    numbers = read_counts(counts, indices.shape, "images")
    if not (type(name) in (str, int) or (name is None and per_image)):
        raise ValueError(f"ids must be strings or integers, got {name!r}")
    return ImageCounts(name, indices, numbers, _load_pairs(pairs, classes))


def _dump_image(image: ImageCounts) -> list[Any]:
    cells, counts = image.cells.tolist(), image.counts.tolist()
    return [image.id, cells, counts, _dump_pairs(image.outside)]


def _dump_pairs(pairs: LabelPairs) -> list[list[int]]:
    return [[target, pred, count] for (target, pred), count in sorted(pairs.items())]


def _load_pairs(rows: Iterable[Sequence[int]], classes: int) -> LabelPairs:
    pairs: LabelPairs = {}
    for target, pred, count in rows:
        labels = [read_integer(value, -(2**63), MAX_COUNT, "outside") for value in (target, pred)]
        if all(0 <= label < classes for label in labels):
            raise ValueError(f"outside has {target}, {pred}, which are classes")
        pairs[target, pred] = read_integer(count, 1, MAX_COUNT, "outside")
    return pairs
