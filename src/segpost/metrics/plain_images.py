"""The counts of one image of labels, in one call of the compiled module where that can be."""

from __future__ import annotations

from typing import Any, NamedTuple

from segpost._backends import registry
from segpost._core import arrays
from segpost._core.array_types import Int64Array
from segpost._core.arrays import LABEL_KINDS, Array
from segpost._core.extensions import load_native

try:
    count_image = load_native().count_image
except ImportError:  # it is not there, or cannot be loaded

    def count_image(*_: object) -> None:
        """Return None, as the compiled function does for labels that are no class."""


class ImageBytes(NamedTuple):
    """The counts of one image, and its columns in an `ImageTable`."""

    table: Int64Array  # (C + 2, C + 1), the array of a `CountTable` without invalid labels
    cells: bytes
    counts: bytes


def count_plain_image(preds: Any, target: Any, classes: int, ignored: Array) -> ImageBytes | None:
    """Count an image of valid labels on the CPU.

    Parameters
    ----------
    preds, target : object
        Arguments of `update`, not checked yet.
    classes : int
    ignored : (n,) int64

    Returns
    -------
    counts : ImageBytes or None
        None for whatever else the arguments are: other functions count or refuse them.
    """
    if registry.backend_name() != "native":
        return None
    labels, truth = arrays.read_array(preds), arrays.read_array(target)
    if labels is None or truth is None:
        return None
    if labels.kind not in LABEL_KINDS or truth.kind not in LABEL_KINDS:
        return None
    shape = labels.array.shape
    if len(shape) != 2 or shape != truth.array.shape or 0 in shape:
        return None
    counts = count_image(labels.array, truth.array, ignored, classes)
    return None if counts is None else ImageBytes(*counts)
