"""Faults of targets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from diagnosis_scenes import CLASSES, SIZE, Failure, mark_void, regions, resize_smoothly

import segpost


def iter_target_faults() -> Iterator[Failure]:
    """Yield faults of targets."""
    target = regions()
    voc = segpost.Palette.named("voc")
    brightness = (voc.colors @ np.array([19595, 38470, 7471]) + 0x8000 >> 16).astype(np.uint8)
    scattered = np.array([0, 2, 5, 9, 12, 15, 20], np.uint8)[target]
    label_ids = np.array([7, 8, 11, 21, 23, 26, 33], np.uint8)[target]

    yield Failure(
        "target-is-a-picture",
        "a target in VOC's colors",
        lambda: {"target": segpost.colorize(target, voc)},
    )
    yield Failure(
        "target-0-255",
        "a mask of 0 and 255 with two classes",
        lambda: {"target": (target == 2).astype(np.uint8) * 255, "num_classes": 2},
    )
    yield Failure(
        "target-0-255",
        "the same with 255 ignored",
        lambda: {
            "target": (target == 2).astype(np.uint8) * 255,
            "num_classes": 2,
            "ignore_index": 255,
        },
    )
    yield Failure(
        "void-not-ignored",
        "255 along the borders, nothing ignored",
        lambda: {"target": mark_void(target), "num_classes": CLASSES},
    )
    yield Failure(
        "target-interpolated",
        "a target resized with interpolation",
        lambda: {
            "target": resize_smoothly(target * np.uint8(20), (250, 333)),
            "num_classes": 21,
        },
    )
    yield Failure(
        "target-luma",
        "VOC's colors read as grey",
        lambda: {"target": brightness[scattered], "palette": "voc"},
    )
    yield Failure(
        "target-luma",
        "the red channel of VOC's colors",
        lambda: {"target": voc.colors[scattered][..., 0], "num_classes": 21},
    )
    yield Failure(
        "target-labelid",
        "labelIds for 19 classes",
        lambda: {"target": label_ids, "num_classes": 19},
    )
    yield Failure(
        "target-one-too-many",
        "1..7 for 7 classes",
        lambda: {"target": target + np.uint8(1), "num_classes": CLASSES},
    )
    yield Failure(
        "target-outside",
        "ids beyond the classes",
        lambda: {
            "target": np.array([0, 1, 2, 3, 40, 41, 43], np.uint8)[target],
            "num_classes": CLASSES,
        },
    )
    yield Failure(
        "target-all-void",
        "nothing but 255",
        lambda: {"target": np.full(SIZE, 255, np.uint8), "num_classes": 3, "ignore_index": 255},
    )
    yield Failure(
        "target-stretched",
        "plt.imsave of the target",
        lambda: {"target": (target * 255.0 / 6).round().astype(np.uint8), "num_classes": CLASSES},
    )
