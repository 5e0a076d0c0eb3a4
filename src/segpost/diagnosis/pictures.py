"""The pictures of a diagnosis, small enough to be shown side by side."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from segpost._core.arrays import Array
from segpost.color.distinct import repeated_colors
from segpost.color.palette import Palette
from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.values import Bytes

MAX_SIDE = 640  # pixels of the longer side
VOID_COLOR = (224, 224, 192)
NO_CLASS_COLOR = (255, 0, 255)
WRONG_COLOR = (229, 72, 77)


def iter_pictures(context: DiagnosticContext) -> Iterator[tuple[str, Bytes]]:
    """Yield title and picture: image, target, prediction, its colors, and the differences."""
    inputs = context.inputs
    if inputs.image is not None:
        yield "image", _shrink(inputs.image[0])
    target = None if inputs.target is None else _shrink(inputs.target[0])
    if inputs.target_colors is not None:
        yield "target", _shrink(inputs.target_colors[0])
    predicted = None if inputs.predicted is None else _shrink(context.predicted[0])
    palette = _choose_palette(context, [map_ for map_ in (target, predicted) if map_ is not None])
    if target is not None:
        yield "target", _colorize(target, palette, context)
    if predicted is not None:
        yield "prediction", _colorize(predicted, palette, context)
    if inputs.color is not None:
        yield "as it was drawn", _shrink(inputs.color[0])
    if target is not None and predicted is not None and target.shape == predicted.shape:
        differences = np.zeros((*target.shape, 3), np.uint8)
        differences[target != predicted] = WRONG_COLOR
        differences[np.isin(target, inputs.ignored)] = VOID_COLOR
        yield "where they differ", differences


def _shrink(array: Array) -> Array:
    """Return every n-th pixel; labels are never mixed."""
    step = max(1, -(-max(array.shape[:2]) // MAX_SIDE))
    small: Array = np.ascontiguousarray(array[::step, ::step])
    return small


def _choose_palette(context: DiagnosticContext, maps: list[Array]) -> Palette:
    """Return the caller's palette, or one that shows every class of the maps."""
    if context.inputs.palette is not None:
        return context.inputs.palette
    largest = max((int(labels.clip(0, 255).max(initial=0)) for labels in maps), default=0)
    classes = max(context.classes or 0, largest + 1, 2)
    return Palette(repeated_colors(classes))


def _colorize(labels: Array, palette: Palette, context: DiagnosticContext) -> Bytes:
    """Return labels in colors; values that are no class or ignored have colors of their own."""
    is_class = (labels >= 0) & (labels < len(palette))
    picture = palette.colors[np.where(is_class, labels, 0).astype(np.intp)]
    picture[~is_class] = NO_CLASS_COLOR
    picture[np.isin(labels, context.inputs.ignored)] = palette.void or VOID_COLOR
    return picture
