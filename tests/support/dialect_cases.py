"""Small label maps about which libraries disagree, with the mIoU of each library."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from reference_libraries import Images

import segpost
from segpost.metrics.dialects import DIALECTS

ERROR = None
NAN = math.nan


class Case(NamedTuple):
    """Small maps that libraries disagree about."""

    classes: int
    ignored: int | None
    images: list[tuple[list[int], list[int]]]  # predictions, target
    says: dict[str, float | None]  # mIoU; segpost's own as "segpost"


def says(
    own: float, other: float | None = NAN, names: str = "", **more: float | None
) -> dict[str, float | None]:
    """The same for all, but for those named."""
    return {
        **dict.fromkeys(["segpost", *DIALECTS], own),
        **dict.fromkeys(names.split(), other),
        **more,
    }


# The cases of the issue threads, each with what the libraries print for it.
AWKWARD = {
    "a class in neither map": Case(
        4,
        None,
        [([0, 0, 1, 2, 2, 2], [0, 0, 1, 1, 2, 2])],
        says(0.7222, NAN, "voc torchvision", smp=0.7917, paddleseg=0.7917, sklearn=0.5417),
    ),
    "a class that is only predicted": Case(
        4,
        None,
        [([0, 0, 1, 1, 2, 3], [0, 0, 1, 1, 2, 2])],
        says(0.625, 0.8333, "detectron2 monai"),
    ),
    "a prediction of 255": Case(
        3,
        None,
        [([0, 0, 1, 1, 2, 255], [0, 0, 1, 1, 2, 2])],
        says(0.8333, ERROR, "voc torchmetrics detectron2 torchvision monai", keras=1.0),
    ),
    "a prediction of the number of classes": Case(
        3,
        None,
        [([3, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 2])],
        says(
            0.8333,
            ERROR,
            "voc monai",
            torchmetrics=0.7222,
            torchvision=0.7222,
            detectron2=1.0,
            keras=1.0,
        ),
    ),
    "such a prediction on the last class": Case(
        3,
        None,
        [([0, 0, 1, 1, 2, 3], [0, 0, 1, 1, 2, 2])],
        says(0.8333, ERROR, "voc torchmetrics torchvision monai", detectron2=1.0, keras=1.0),
    ),
    "a target of 7": Case(
        3,
        None,
        [([0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 7])],
        says(
            0.8333,
            1.0,
            "segpost cityscapes voc detectron2 torchvision keras",
            torchmetrics=ERROR,
            monai=ERROR,
        ),
    ),
    "void as -1": Case(3, -1, [([0, 0, 1, 2, 2, 2, 1], [0, 0, 1, 1, 2, 2, -1])], says(0.7222)),
    "a class as void": Case(
        3,
        0,
        [([0, 1, 1, 1, 2, 0], [0, 0, 1, 1, 2, 2])],
        says(
            0.75,
            0.5,
            "mmseg hf keras paddleseg sklearn",
            voc=ERROR,
            torchvision=ERROR,
            smp=ERROR,
            monai=0.5833,
        ),
    ),
    "a prediction of no class on void": Case(
        3,
        255,
        [([0, 0, 1, 2, 2, 2, 255], [0, 0, 1, 1, 2, 2, 255])],
        says(0.7222, ERROR, "voc detectron2 monai"),
    ),
    "nothing but void": Case(
        3,
        255,
        [([0, 1, 2], [255, 255, 255])],
        says(NAN, ERROR, "sklearn", smp=1.0, paddleseg=1.0, keras=0.0, monai=0.0),
    ),
    "two images": Case(
        2,
        None,
        [
            ([0, 0, 1, 1, 1], [0, 1, 1, 1, 1]),
            ([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]),
        ],
        says(0.7662, monai=0.7268),
    ),
}


def count_all(images: Images, classes: int, ignored: Any = None) -> segpost.ConfusionMatrix:
    """Counts of everything, whatever the labels."""
    cm = segpost.ConfusionMatrix(
        classes, ignore_index=ignored, per_image=True, invalid_target="drop"
    )
    for preds, target in images:
        cm.update(preds=preds, target=target)
    return cm


def maps(case: Case) -> Images:
    """Two rows, since cityscapesScripts and torchmetrics take pictures."""
    return [(np.array([p, p]), np.array([t, t])) for p, t in case.images]
