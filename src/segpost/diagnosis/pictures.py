"""The pictures of a diagnosis, small enough to be shown side by side."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from segpost._core.arrays import Array
from segpost.color.palette import Palette
from segpost.diagnosis.context import Case, Table

SIDE = 640  # pixels of the longer side
VOID_COLOR = (224, 224, 192)
NO_CLASS = (255, 0, 255)
WRONG = (229, 72, 77)


def side_by_side(case: Case) -> Iterator[tuple[str, Table]]:
    """Photograph, target, prediction, what was drawn of it, and where the first two differ."""
    if case.has("image"):
        yield "image", _small(case.image[0])
    target = _small(case.target[0]) if case.has("target") else None
    if case.has("target_colors"):
        yield "target", _small(case.target_colors[0])
    preds = _small(case.predicted[0]) if case.has("predicted") else None
    palette = _palette(case, [array for array in (target, preds) if array is not None])
    if target is not None:
        yield "target", _painted(target, palette, case)
    if preds is not None:
        yield "prediction", _painted(preds, palette, case)
    if case.has("color"):
        yield "as it was drawn", _small(case.color[0])
    if target is not None and preds is not None and target.shape == preds.shape:
        made = np.zeros((*target.shape, 3), np.uint8)
        made[target != preds] = WRONG
        made[np.isin(target, case.ignored)] = VOID_COLOR
        yield "where they differ", made


def _small(array: Array) -> Array:
    """Every so many pixels; labels are never mixed."""
    step = max(1, -(-max(array.shape[:2]) // SIDE))
    small: Array = np.ascontiguousarray(array[::step, ::step])
    return small


def _palette(case: Case, maps: list[Array]) -> Palette:
    """The palette that was given, or one in which all classes can be seen."""
    if case.has("palette"):
        return case.palette
    top = max((int(labels.clip(0, 255).max(initial=0)) for labels in maps), default=0)
    classes = max(case.classes or 0, top + 1, 2)
    distinct = Palette.distinct(min(classes, 1024)).colors
    return Palette(distinct[np.arange(classes) % len(distinct)])


def _painted(labels: Array, palette: Palette, case: Case) -> Table:
    known = (labels >= 0) & (labels < len(palette))
    made = palette.colors[np.where(known, labels, 0).astype(np.intp)]
    made[~known] = NO_CLASS
    made[np.isin(labels, case.ignored)] = palette.void or VOID_COLOR
    return made
