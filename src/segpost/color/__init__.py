"""Colors of classes: palettes, and the operations between label maps and color images."""

from segpost._core.public import public_module
from segpost.color.operations import colorize, labels_from_colors, overlay
from segpost.color.palette import Palette

__all__ = ["Palette", "colorize", "labels_from_colors", "overlay"]

public_module(__name__)
