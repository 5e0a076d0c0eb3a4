"""Images that two runs share, with the counts of both."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segpost._core.text import format_names
from segpost.metrics.comparability import check_comparable
from segpost.metrics.matrix import ConfusionMatrix
from segpost.metrics.ratios import Int64
from segpost.metrics.run_values import ImageId
from segpost.metrics.saved_state import id_order


class RunPair(NamedTuple):
    """Two runs on the images that both have, in the same order.

    Attributes
    ----------
    a, b : ConfusionMatrix
        Counts of the shared images alone.
    only_a, only_b : tuple of str or int
        Ids of the images that one run has.
    """

    a: ConfusionMatrix
    b: ConfusionMatrix
    only_a: tuple[ImageId, ...]
    only_b: tuple[ImageId, ...]


def pair_runs(a: ConfusionMatrix, b: ConfusionMatrix, names: tuple[str, str]) -> RunPair:
    """Return the counts of the images that two runs share, in the order of their ids.

    Raises
    ------
    ValueError
        If a run has no ids, they share no image, they count other classes, or the target of an
        image is not the same.
    """
    check_comparable(a, b, names)
    ids = []
    for cm, name in ((a, names[0]), (b, names[1])):
        own = cm.image_ids
        if not own:
            raise ValueError(
                f"{name} has no counts of images with ids, by which runs are paired: count with "
                "ConfusionMatrix(..., per_image=True) and update(..., ids=)"
            )
        ids.append(own)
    place_of = {id_: k for k, id_ in enumerate(ids[1])}
    shared = [k for k, id_ in enumerate(ids[0]) if id_ in place_of]
    if not shared:
        raise ValueError(
            f"{names[0]} and {names[1]} share no image: ids are "
            f"{format_names(list(map(str, ids[0])))} and {format_names(list(map(str, ids[1])))}"
        )
    shared.sort(key=lambda k: id_order(ids[0][k]))  # the order of counting decides nothing
    places = [place_of[ids[0][k]] for k in shared]
    first_ids = {*ids[0]}
    pair = RunPair(
        a.with_images(np.array(shared)),
        b.with_images(np.array(places)),
        tuple(id_ for id_ in ids[0] if id_ not in place_of),
        tuple(id_ for id_ in ids[1] if id_ not in first_ids),
    )
    _check_same_targets(pair, names)
    return pair


def _check_same_targets(pair: RunPair, names: tuple[str, str]) -> None:
    """Raise an error where the pixels of a class in the target of an image are not the same."""
    ours, others = (_target_pixels(cm) for cm in (pair.a, pair.b))
    is_other = (ours != others).any(axis=1)
    if is_other.any():
        first = pair.a.images[int(is_other.argmax())].id
        raise ValueError(
            f"{names[0]} and {names[1]} have other targets for {int(is_other.sum())} of "
            f"{len(is_other)} shared images, first {first!r}: count both with the same targets"
        )


def _target_pixels(cm: ConfusionMatrix) -> Int64:
    """Return the target pixels of each class, and void, of every image: (N, C + 1)."""
    packed, rows = cm.packed_images(), cm.num_classes + 1
    images = len(packed.lengths)
    place = np.repeat(np.arange(images) * rows, packed.lengths) + packed.cells // rows
    sums = np.zeros(images * rows, np.int64)
    np.add.at(sums, place, packed.counts.astype(np.int64))
    return sums.reshape(images, rows)
