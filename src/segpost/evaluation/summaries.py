"""Numbers that the reports of an evaluation show: pixels of classes, and the worst images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from segpost.evaluation.pairing import Pair
from segpost.metrics.matrix import ConfusionMatrix
from segpost.metrics.scores import Scores

Int64 = npt.NDArray[np.int64]


class Mistake(NamedTuple):
    """The pair of classes that is most often confused in an image.

    Attributes
    ----------
    target, predicted : int
        Classes; `predicted` is the number of classes where the prediction is none.
    share : float
        Of the pixels of the image whose target is a class.
    """

    target: int
    predicted: int
    share: float


class WorstImage(NamedTuple):
    """An image of a low score, and its most frequent mistake."""

    pair: Pair
    miou: float
    pixel_accuracy: float
    mistake: Mistake | None


def class_pixels(scores: Scores) -> tuple[Int64, Int64]:
    """Return the pixels of every class in the target, (C,), and in the predictions, (C,)."""
    counts = scores.class_counts
    return counts.support, counts.predicted


def image_pixels(scores: Scores) -> Int64:
    """Return the pixels of every image whose target is a class, (N,)."""
    pixels: Int64 = scores.images.class_counts.support.sum(axis=1)
    return pixels


def ignored_pixels(cm: ConfusionMatrix) -> list[int]:
    """Return the pixels of every image whose target is ignored."""
    row = cm.num_classes + 1
    return [int(image.counts[image.cells // row == cm.num_classes].sum()) for image in cm.images]


def miou_histogram(scores: Scores, bins: int) -> Int64:
    """Return how many images have an own mIoU in each of the equal parts of 0..1, (bins,)."""
    miou = scores.images.miou
    counts, _ = np.histogram(miou[~np.isnan(miou)], bins, (0.0, 1.0))
    return counts


def worst_images(
    scores: Scores, cm: ConfusionMatrix, pairs: Iterable[Pair], count: int
) -> list[WorstImage]:
    """Return the images of the smallest mIoU, smallest first.

    Parameters
    ----------
    scores : Scores
        Scores of `cm`.
    cm : ConfusionMatrix
        The counts of every image.
    pairs : iterable of Pair
        The files of the images.
    count : int
        How many images at most.
    """
    by_id = {pair.id: pair for pair in pairs}
    positions = {id_: position for position, id_ in enumerate(scores.images.ids)}
    images = []
    for id_, miou in scores.images.worst(count):
        position = positions[id_]
        accuracy = float(scores.images.pixel_accuracy[position])
        mistake = _most_frequent_mistake(cm, position)
        images.append(WorstImage(by_id[str(id_)], miou, accuracy, mistake))
    return images


def has_ignored_pixels(cm: ConfusionMatrix) -> bool:
    """Return whether the target of any pixel is ignored."""
    return bool(cm.state[-1].any())


def _most_frequent_mistake(cm: ConfusionMatrix, position: int) -> Mistake | None:
    """Return the most frequent mistake in an image, None where there is none."""
    image, classes = cm.images[position], cm.num_classes
    target, predicted = np.divmod(image.cells, classes + 1)
    is_class = target < classes
    wrong = np.where((target != predicted) & is_class, image.counts, 0)
    if not wrong.any():
        return None
    most = int(wrong.argmax())
    share = int(wrong[most]) / int(image.counts[is_class].sum())
    return Mistake(int(target[most]), int(predicted[most]), share)
