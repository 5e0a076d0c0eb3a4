"""The Numba backend: what an installation without a C++ compiler runs on."""

from segpost._backends.numba.color import colorize, labels_from_colors, overlay
from segpost._backends.numba.crf.solver import dense_crf
from segpost._backends.numba.labels.operations import argmax, fuses, softmax
from segpost._backends.numba.labels.volumes import argmax_volume
from segpost._backends.numba.metrics.boundary import boundary_bands, boundary_matches
from segpost._backends.numba.metrics.confusion import confusion_labels, confusion_logits
from segpost._backends.numba.metrics.instances import instance_counts
from segpost._backends.numba.spatial import letterbox

__all__ = [
    "argmax",
    "argmax_volume",
    "boundary_bands",
    "boundary_matches",
    "colorize",
    "confusion_labels",
    "confusion_logits",
    "dense_crf",
    "fuses",
    "instance_counts",
    "labels_from_colors",
    "letterbox",
    "overlay",
    "softmax",
]
