"""The Numba backend: what an installation without a C++ compiler runs on."""

from segpost._numba.boundary import bands, boundary_matches
from segpost._numba.confusion import confusion_labels, confusion_logits
from segpost._numba.crf import dense_crf
from segpost._numba.instances import instance_counts
from segpost._numba.labels import argmax, softmax
from segpost._numba.letterbox import letterbox
from segpost._numba.palette import colorize, labels_from_colors, overlay
from segpost._numba.volumes import argmax_volume

__all__ = [
    "argmax",
    "argmax_volume",
    "bands",
    "boundary_matches",
    "colorize",
    "confusion_labels",
    "confusion_logits",
    "dense_crf",
    "instance_counts",
    "labels_from_colors",
    "letterbox",
    "overlay",
    "softmax",
]
