"""What comes after a segmentation network: labels, colors and overlays from its logits."""

from segpost._config import build_config, num_threads, set_num_threads
from segpost._dispatch import use_backend
from segpost.colors import Palette
from segpost.labels import argmax, softmax
from segpost.palette import colorize, labels_from_colors, overlay
from segpost.postprocess import postprocess
from segpost.segmentation import Segmentation

__version__ = "0.1.0"

__all__ = [
    "Palette",
    "Segmentation",
    "argmax",
    "build_config",
    "colorize",
    "labels_from_colors",
    "num_threads",
    "overlay",
    "postprocess",
    "set_num_threads",
    "softmax",
    "use_backend",
]
