"""The definition that every backend is held to: short NumPy in float64, written to be read."""

from segpost._reference.labels import argmax, softmax
from segpost._reference.palette import colorize, labels_from_colors, overlay

__all__ = ["argmax", "colorize", "labels_from_colors", "overlay", "softmax"]
