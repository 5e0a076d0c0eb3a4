"""The colors of drawn images, and whether a palette has them."""

from __future__ import annotations

import numpy as np

from segpost._core.arrays import Array
from segpost.color.palette import Palette
from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.values import pack_rgb


class ImageColors:
    """The colors of an image, each once."""

    def __init__(self, image: Array) -> None:
        self.colors = np.unique(pack_rgb(image))
        self.count = len(self.colors)
        self.count_not_black = int((self.colors != 0).sum())

    @staticmethod
    def of(context: DiagnosticContext) -> ImageColors | None:
        """Return the colors of the drawn image, or None where it has no pixels."""
        if context.inputs.color is None:
            return None
        image = context.inputs.color
        colors: ImageColors = context.cached("image colors", lambda: ImageColors(image))
        return colors

    def are_in(self, palette: Palette, *, swapped: bool = False) -> Array:
        """Return which of the colors a palette has; void counts, red and blue may be swapped."""
        rows = palette.colors if palette.void is None else [*palette.colors, palette.void]
        table = np.asarray(rows, np.uint8)
        return np.isin(self.colors, pack_rgb(table[:, ::-1] if swapped else table))


def draw(palette: Palette, labels: Array, image: Array) -> Array:
    """Return labels in colors; labels without a color have that of the image."""
    wide = labels.astype(np.int64)
    drawn: Array = palette.colors[wide.clip(0, len(palette) - 1)]
    beyond = (wide < 0) | (wide >= len(palette))
    drawn[beyond] = image[beyond]
    return drawn


def is_drawn_with(palette: Palette, context: DiagnosticContext, swapped: bool = False) -> bool:
    """Return whether the image shows the labels in the colors of a palette."""
    labels, color = context.inputs.labels, context.inputs.color
    if labels is None or color is None or labels.shape != color.shape[:3]:
        return False
    image = color[..., ::-1] if swapped else color
    return bool(np.array_equal(draw(palette, labels, image), image))
