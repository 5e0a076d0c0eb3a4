"""The pictures of a diagnosis, small enough to be shown side by side."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from segpost._core.arrays import Array
from segpost.color.distinct import repeated_colors
from segpost.color.palette import Color, Palette
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
    if inputs.target_colors is not None:
        yield "target", _shrink(inputs.target_colors[0])
    target, predicted = _find_maps(context)
    palette = _choose_palette(context)
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


def iter_legend(context: DiagnosticContext) -> Iterator[tuple[str, Color]]:
    """Yield name and color of values that are no class, of wrong pixels, and of every class."""
    maps = [labels for labels in _find_maps(context) if labels is not None]
    if not maps:
        return
    inputs, palette = context.inputs, _choose_palette(context)
    is_ignored = [np.isin(labels, inputs.ignored) for labels in maps]
    if any(mask.any() for mask in is_ignored):
        yield "ignored", palette.void or VOID_COLOR
    is_class = [(labels >= 0) & (labels < len(palette)) for labels in maps]
    if not all((mask | other).all() for mask, other in zip(is_class, is_ignored, strict=True)):
        yield "no class", NO_CLASS_COLOR
    if len(maps) == 2 and maps[0].shape == maps[1].shape:
        yield "where they differ", WRONG_COLOR
    names = inputs.class_names or ()
    for label in range(len(palette)):
        yield names[label] if label < len(names) else palette.name(label), palette.color(label)


def _find_maps(context: DiagnosticContext) -> tuple[Array | None, Array | None]:
    """Return the first target and the first prediction, where there are some."""
    inputs = context.inputs
    target = None if inputs.target is None else _shrink(inputs.target[0])
    return target, None if inputs.predicted is None else _shrink(context.predicted[0])


def _shrink(array: Array) -> Array:
    """Return every n-th pixel; labels are never mixed."""
    step = max(1, -(-max(array.shape[:2]) // MAX_SIDE))
    small: Array = np.ascontiguousarray(array[::step, ::step])
    return small


def _choose_palette(context: DiagnosticContext) -> Palette:
    """Return the caller's palette, or one with a color for every class."""
    if context.inputs.palette is not None:
        return context.inputs.palette
    classes = context.classes or 0
    if not classes:
        maps = [labels for labels in _find_maps(context) if labels is not None]
        shown = [labels[~np.isin(labels, context.inputs.ignored)] for labels in maps]
        classes = 1 + max((int(labels.clip(0, 255).max(initial=0)) for labels in shown), default=0)
    return Palette(repeated_colors(max(classes, 2)))


def _colorize(labels: Array, palette: Palette, context: DiagnosticContext) -> Bytes:
    """Return labels in colors; values that are no class or ignored have colors of their own."""
    is_class = (labels >= 0) & (labels < len(palette))
    picture = palette.colors[np.where(is_class, labels, 0).astype(np.intp)]
    picture[~is_class] = NO_CLASS_COLOR
    picture[np.isin(labels, context.inputs.ignored)] = palette.void or VOID_COLOR
    return picture
