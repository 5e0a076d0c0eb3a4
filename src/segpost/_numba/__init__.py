"""The Numba backend: what an installation without a C++ compiler runs on."""

from segpost._numba.labels import argmax, softmax
from segpost._numba.palette import colorize, labels_from_colors, overlay

__all__ = ["argmax", "colorize", "labels_from_colors", "overlay", "softmax"]
