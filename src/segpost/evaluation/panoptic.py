"""Panoptic maps of files: their forms, the classes of their pixels, and their segments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from segpost._core.arrays import Array
from segpost.evaluation.label_maps import LabelTable
from segpost.evaluation.pairing import Pair
from segpost.evaluation.panoptic_files import PanopticJson, read_panoptic_json
from segpost.files.images import Size, read_labels
from segpost.metrics.base import Accumulator
from segpost.metrics.instances import CITYSCAPES_THINGS
from segpost.metrics.panoptic.classes import PanopticClasses, as_panoptic_classes
from segpost.metrics.panoptic.measure import PanopticQuality

PanopticForm = Literal["coco", "cityscapes", "ids"]
PANOPTIC_FORMS: tuple[str, ...] = get_args(PanopticForm)
LABEL_DIVISOR = 1000
CITYSCAPES_DIVISOR = 1000
COLOR_CURE = "wanted are the ids of segments, one number a pixel; panoptic=coco takes colors"
MAX_TABLE = 1 << 24  # ids of colors are smaller
Segments = list[dict[str, Any]]


@dataclass(frozen=True)
class PanopticReader:
    """Reads pairs of panoptic maps.

    Parameters
    ----------
    form : {"coco", "cityscapes", "ids"}
        PNG files in colors with JSON files of segments; Cityscapes' instanceIds; or ids that are
        class * label_divisor + instance.
    categories : tuple of int
        The category of each class, ascending.
    things : tuple of int
        Those that are things.
    ignore_index : tuple of int
        Categories that are void.
    void_label : int
        The label of pixels that are void, or of categories that are not known.
    label_divisor : int
        Of the form "ids".
    sources : tuple of str
        The JSON files of predictions and targets, of the form "coco".
    label_table : LabelTable, optional
        What the categories of the form "cityscapes" become.
    """

    form: PanopticForm
    categories: tuple[int, ...]
    things: tuple[int, ...]
    ignore_index: tuple[int, ...]
    void_label: int
    label_divisor: int = LABEL_DIVISOR
    sources: tuple[str, ...] = ()
    label_table: LabelTable | None = None

    @cached_property
    def sides(self) -> tuple[PanopticJson, ...]:
        """The content of the JSON files of predictions and targets, which is read once."""
        return tuple(read_panoptic_json(Path(source)) for source in self.sources)

    def empty_measure(self, names: Sequence[str] | None) -> PanopticQuality:
        """Return the measure of the classes, which has counted nothing."""
        return PanopticQuality(
            self.things,
            [category for category in self.categories if category not in self.things],
            ignore_index=self.ignore_index,
            class_names=names,
        )

    def read(self, pair: Pair, side: int, check: Callable[[Size], None]) -> tuple[Any, Array]:
        """Return the map of a prediction (side 0) or of a target (side 1), and its labels.

        Raises
        ------
        ValueError, OSError
            If the file cannot be read, or its values are no ids of the form.
        """
        path = pair.target if side else pair.preds
        if self.form == "coco":
            ids = _read_colors(path, check)
            source = self.sides[side]
            segments = source.segments[path.relative_to(source.folder).as_posix()]
            return (ids, segments), self._labels_of_segments(ids, segments)
        ids = read_labels(path, None, check, COLOR_CURE)
        if self.form == "ids":
            return ids, self._labels(ids.astype(np.int64) // self.label_divisor)
        segments = self._segments_of_instances(ids, is_target=bool(side))
        return (ids, segments), self._labels_of_segments(ids, segments)

    def update(self, measures: Sequence[Accumulator], name: str, preds: Any, target: Any) -> None:
        """Count the maps of one image in the panoptic quality among measures."""
        divisor = self.label_divisor if self.form == "ids" else None
        for measure in measures:
            if isinstance(measure, PanopticQuality):
                measure.update(preds, target, ids=name, label_divisor=divisor)

    def _segments_of_instances(self, ids: Array, *, is_target: bool) -> Segments:
        """Return the segments of Cityscapes' ids; below 1000, a thing is a group of objects."""
        assert self.label_table is not None
        values = _values_of(ids)
        is_class = values < CITYSCAPES_DIVISOR
        categories = self.label_table(np.where(is_class, values, values // CITYSCAPES_DIVISOR))
        is_crowd = is_class & np.isin(categories, self.things) & is_target
        columns = (values.tolist(), categories.tolist(), is_crowd.tolist())
        return [
            {"id": v, "category_id": c, "iscrowd": crowd}
            for v, c, crowd in zip(*columns, strict=True)
        ]

    def _labels_of_segments(self, ids: Array, segments: Segments) -> Array:
        """Return the class of every pixel, from the list of segments."""
        pairs = [(row.get("id"), row.get("category_id")) for row in segments]
        valid_pairs = [(v, c) for v, c in pairs if type(v) is int and type(c) is int and v >= 0]
        top = int(ids.max(initial=0))
        table = np.full(top + 1, self.void_label, self._dtype)
        values, categories = np.array(valid_pairs, np.int64).reshape(-1, 2).T
        is_there = values <= top
        table[values[is_there]] = self._labels(categories[is_there])
        return np.take(table, ids)

    def _labels(self, categories: Array) -> Array:
        """Return the classes of categories; those that are void or not known are void."""
        classes = self._classes().find(categories)
        return np.where(classes < 0, self.void_label, classes).astype(self._dtype)

    def _classes(self) -> PanopticClasses:
        stuff = [category for category in self.categories if category not in self.things]
        return as_panoptic_classes(self.things, stuff, self.ignore_index)

    @property
    def _dtype(self) -> Any:
        return np.min_scalar_type(self.void_label)


def cityscapes_things() -> tuple[int, ...]:
    """Return the trainIds of Cityscapes that are things."""
    return tuple(sorted(CITYSCAPES_THINGS))


def _read_colors(path: Path, check: Callable[[Size], None]) -> Array:
    """Return the ids of the colors of a PNG file, uint32."""
    ids = read_labels(path, _ids_of_colors, check)
    if ids.dtype != np.uint32:
        raise ValueError(
            f"it has one number a pixel ({ids.dtype}), and panoptic=coco takes pictures in colors "
            '(RGB): id = R + 256 G + 65536 B; panoptic="ids" takes numbers that have the class'
        )
    return ids


def _ids_of_colors(colors: Array) -> Array:
    """Return the ids of colors (H, W, 3)."""
    ids = colors[..., 2].astype(np.uint32)
    for channel in (1, 0):
        ids <<= np.uint32(8)
        ids |= colors[..., channel]
    return ids


def _values_of(ids: Array) -> Array:
    """Return the different values of a map, ascending, int64."""
    if ids.size and int(ids.min()) < 0:
        raise ValueError(f"ids of segments must not be negative, got {int(ids.min())}")
    if int(ids.max(initial=0)) < MAX_TABLE:
        return np.flatnonzero(np.bincount(ids.reshape(-1)))
    return np.unique(ids).astype(np.int64)
