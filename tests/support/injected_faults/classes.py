"""Faults of what classes mean."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from diagnosis_scenes import Failure, pair, regions


def iter_class_faults() -> Iterator[Failure]:
    """Yield faults of what classes mean."""
    _, labels, target = pair()
    ids = np.array([7, 8, 11, 12, 13, 17, 19], np.uint8)
    order = np.array([3, 1, 6, 0, 2, 5, 4], np.uint8)
    binary = (target > 3).astype(np.uint8)
    wide_target, wide_labels = target.astype(int) * 2 + 246, (labels.astype(int) * 2 + 246) % 256

    yield Failure(
        "labelid-for-trainid",
        "the target has labelIds, all below 20",
        lambda: {"labels": labels, "target": ids[target], "num_classes": 20},
    )
    yield Failure(
        "labelid-for-trainid",
        "the prediction has labelIds",
        lambda: {"labels": ids[labels], "target": target, "num_classes": 20},
    )
    yield Failure(
        "reduce-zero-label-missing",
        "the target counts from 1",
        lambda: {"labels": labels, "target": target + np.uint8(1), "num_classes": 150},
    )
    yield Failure(
        "reduce-zero-label-twice",
        "1 was taken from the target twice",
        lambda: {
            "labels": labels,
            "target": np.where(target == 0, 255, target - 1).astype(np.uint8),
            "num_classes": 150,
            "ignore_index": 255,
        },
    )
    yield Failure(
        "class-offset",
        "the target is 2 further",
        lambda: {"labels": labels, "target": target + np.uint8(2), "num_classes": 20},
    )
    yield Failure(
        "inverted-mask",
        "foreground and background exchanged",
        lambda: {"labels": 1 - binary, "target": binary, "num_classes": 2},
    )
    yield Failure(
        "classes-permuted",
        "another order of the classes",
        lambda: {"labels": order[labels], "target": target},
    )
    yield Failure(
        "no-common-class",
        "no class in common",
        lambda: {
            "labels": labels % 2 + np.uint8(10),
            "target": regions(seed=4) % 3,
            "num_classes": 20,
        },
    )
    yield Failure(
        "ids-wrapped",
        "ids of 300 classes in 8 bits",
        lambda: {"labels": wide_labels.astype(np.uint8), "target": wide_target, "num_classes": 300},
    )
