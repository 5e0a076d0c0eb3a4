"""The Numba backend: what an installation without a C++ compiler runs on."""

from segpost._backends.numba.color import colorize, labels_from_colors, overlay
from segpost._backends.numba.crf.solver import dense_crf
from segpost._backends.numba.labels.operations import argmax, softmax
from segpost._backends.numba.labels.volumes import argmax_volume
from segpost._backends.numba.metrics.boundary import boundary_bands, boundary_matches
from segpost._backends.numba.metrics.confusion import confusion_labels, confusion_logits
from segpost._backends.numba.metrics.instances import instance_counts
from segpost._backends.numba.spatial import letterbox
from segpost._backends.reference.features import (
    feature_range,
    label_energies,
    prepare_guide,
    reduce_max,
    supports,
)

__all__ = [
    "argmax",
    "argmax_volume",
    "boundary_bands",
    "boundary_matches",
    "colorize",
    "confusion_labels",
    "confusion_logits",
    "dense_crf",
    "feature_range",
    "instance_counts",
    "label_energies",
    "labels_from_colors",
    "letterbox",
    "overlay",
    "prepare_guide",
    "reduce_max",
    "softmax",
    "supports",
]
