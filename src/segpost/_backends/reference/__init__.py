"""The definition that every backend is held to: short NumPy in float64, written to be read."""

from segpost._backends.reference.boundary import boundary_bands, boundary_matches
from segpost._backends.reference.color import colorize, labels_from_colors, overlay
from segpost._backends.reference.confusion import confusion_labels, confusion_logits
from segpost._backends.reference.crf import dense_crf
from segpost._backends.reference.instances import instance_counts
from segpost._backends.reference.labels import argmax, fuses, softmax
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
    "fuses",
    "instance_counts",
    "labels_from_colors",
    "letterbox",
    "overlay",
    "softmax",
]
