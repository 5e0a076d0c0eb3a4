"""The part of the backends' contract that is about detections: masks with classes and scores."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy.typing as npt

Array = npt.NDArray[Any]
RunArrays = tuple[Array, Array, Array, Array]  # offsets, columns, tops, bottoms of masks


class ImageDetections(NamedTuple):
    """The detections of an image, by class, then in descending order of scores, and its targets.

    Bit a * T + t of a detection is of area range a and IoU limit t.
    """

    classes: Array  # [D] int64
    scores: Array  # [D] float64
    matched: Array  # [D] uint64: whether it has a match
    ignored: Array  # [D] uint64: whether it does not count
    target_classes: Array  # [K] int64, ascending
    targets: Array  # [K, A] int64: true masks that count, of each class and range


class DetectionOperations(Protocol):
    """The operations of a backend on detections. Runs are those of regions, as for objects."""

    # The matches of an image. A detection takes, in descending order of scores, the true mask of
    # its class with the largest IoU of those that are not taken; of equal ones the last. True masks
    # that do not count, crowds and those outside of the area range, are taken only where no other
    # is left; a crowd can be taken again and again, and its IoU is the share of the detection.
    # Detections without a match do not count where their pixels are outside of the range.
    def match_masks(
        self,
        runs: RunArrays,
        classes: Array,  # [N] int64
        scores: Array,  # [N] float64, finite
        true_runs: RunArrays,
        true_classes: Array,  # [K] int64
        true_areas: Array,  # [K] float64, by which ranges choose
        is_crowd: Array,  # [K] bool
        limits: Array,  # [T] float64, the least IoU of a match, ascending, above 0
        ranges: Array,  # [A, 2] float64, least and largest area; A * T is at most 64
        most: int,  # detections of a class that are kept
    ) -> ImageDetections: ...

    # Precision and recall of detections of all images, by class, then in descending order of
    # scores. Precision at a recall is the largest at this recall or a larger one, 0 where no
    # detection reaches it. Both are NaN where there is no target.
    def compute_precision(
        self,
        bounds: Array,  # [C + 1] int64: class c has the detections bounds[c] to bounds[c + 1] - 1
        rank: Array,  # [D] int64, of a detection among those of its class in its image
        matched: Array,  # [D] uint64, as in ImageDetections
        ignored: Array,  # [D] uint64
        targets: Array,  # [C, A] int64
        recalls: Array,  # [R] float64, ascending
        most: Array,  # [M] int64: detections of smaller ranks count
        precision: Array,  # [T, R, C, A, M] float64, written
        recall: Array,  # [T, C, A, M] float64, written
    ) -> None: ...
