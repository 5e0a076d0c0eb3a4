"""Counts of single images: added up, and each id counted once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from segpost.metrics.counts import ImageCounts, LabelPairs, add_pairs
from segpost.metrics.image_table import ImageTable
from segpost.metrics.ratios import Int64


def sum_images(images: Iterable[ImageCounts], classes: int) -> tuple[Int64, LabelPairs]:
    """Return the state of all images together, and their invalid label pairs."""
    state = np.zeros((classes + 1) * (classes + 1), np.int64)
    outside: LabelPairs = {}
    for image in images:
        state[image.cells] += image.counts
        add_pairs(outside, image.outside)
    return state.reshape(classes + 1, classes + 1), outside


def check_ids(images: Iterable[ImageCounts], counted: ImageTable) -> bool:
    """Return whether images and those before them have ids; an error where only some have."""
    have_ids = {image.id is not None for image in images}
    if counted:
        have_ids.add(counted.has_ids)
    if len(have_ids) > 1:
        raise ValueError("ids must be given for all images or for none")
    return True in have_ids


def without_repetitions(
    images: Iterable[ImageCounts],
    counted: ImageTable,
    duplicates: str,
) -> list[ImageCounts]:
    """Leave out images whose id was counted before.

    Parameters
    ----------
    images : iterable of ImageCounts
        New images with ids.
    counted : ImageTable
        The images before them.
    duplicates : {"raise", "drop"}
        Whether repetitions are an error. Other counts under the same id always are.
    """
    first: dict[str | int, ImageCounts] = {}
    for image in images:
        assert image.id is not None
        before = first.get(image.id)
        if before is None and (index := counted.find(image.id)) is not None:
            before = counted[index]
        if before is None:
            first[image.id] = image
            continue
        is_same = before.outside == image.outside and all(
            np.array_equal(a, b) for a, b in zip(before[1:3], image[1:3], strict=True)
        )
        if duplicates == "raise" or not is_same:
            difference = "" if is_same else ", with other counts the second time"
            cure = '; duplicates="drop" counts it once' if is_same else ""
            raise ValueError(f"ids has {image.id!r} twice{difference}{cure}")
    return list(first.values())
