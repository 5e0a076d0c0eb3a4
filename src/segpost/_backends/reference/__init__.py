"""The definition that every backend is held to: short NumPy in float64, written to be read."""

from segpost._backends.reference.boundary import boundary_bands, boundary_matches
from segpost._backends.reference.color import colorize, labels_from_colors, overlay
from segpost._backends.reference.confusion import confusion_labels, confusion_logits
from segpost._backends.reference.crf import dense_crf
from segpost._backends.reference.features import (
    feature_range,
    label_energies,
    prepare_guide,
    reduce_max,
    supports,
)
from segpost._backends.reference.instances import instance_counts
from segpost._backends.reference.labels import argmax, softmax
from segpost._backends.reference.spatial import letterbox
from segpost._backends.reference.volumes import argmax_volume

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
