"""Mistakes of targets beside a right prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from corpus_right import output_of
from diagnosis_scenes import open_saved, resize_smoothly
from label_mistakes import fill_void, paint, paint_gray, save_in_order, stretch_to_255

from corpus_failures.failure import CorpusFailure
from corpus_failures.scenes import IGNORE, OWN_ORDER, SEVERAL, VOC, pass_labels, scene_of


def iter_target_failures() -> Iterator[CorpusFailure]:
    """Yield mistakes of targets beside a right prediction."""

    def replace_target(change: Callable[[np.ndarray], Any], **more: Any) -> Callable[[int], Any]:
        return lambda k: {**pass_labels(scene_of(k), scene_of(k).labels),
                          "target": change(scene_of(k).target), **more}  # fmt: skip

    def paint_channel(channel: int, target: np.ndarray) -> np.ndarray:
        return paint(target, VOC)[..., channel]

    yield CorpusFailure(
        "resized with interpolation",
        ("target-interpolated",),
        lambda k: {
            "target": resize_smoothly(fill_void(scene_of(k).target) * np.uint8(40), (130, 170)),
            "num_classes": 6,
        },
    )
    yield CorpusFailure(
        "a JPEG file",
        ("lossy-label-file",),
        lambda k: {
            **pass_labels(scene_of(k), scene_of(k).labels),
            "target": open_saved(scene_of(k).target, kind="JPEG"),
        },
    )
    yield CorpusFailure(
        "colors read as gray",
        ("target-luma",),
        replace_target(lambda t: paint_gray(t, VOC), palette="voc", num_classes=21),
    )
    yield CorpusFailure(
        "colors read as gray, no palette",
        ("target-luma",),
        replace_target(lambda t: paint_gray(t, VOC)),
    )
    for channel, name in enumerate(("red", "green", "blue")):
        yield CorpusFailure(
            f"{name} channel of the colors",
            ("target-luma",),
            replace_target(partial(paint_channel, channel), palette="voc", num_classes=21),
            scenes=(0, 6) if name == "blue" else SEVERAL,
        )
    yield CorpusFailure(
        "a picture in colors", ("target-is-a-picture",), replace_target(lambda t: paint(t, VOC))
    )
    yield CorpusFailure(
        "a picture in blue, green, red",
        ("target-is-a-picture",),
        replace_target(
            lambda t: np.ascontiguousarray(paint(t, VOC)[..., ::-1]), palette="voc", num_classes=21
        ),
    )
    yield CorpusFailure(
        "plt.imsave of the target",
        ("target-stretched",),
        replace_target(lambda t: stretch_to_255(fill_void(t))),
        scenes=(0, 3, 5, 7),
    )
    yield CorpusFailure(
        "times 12",
        ("target-stretched",),
        replace_target(lambda t: fill_void(t) * np.uint8(12)),
        scenes=SEVERAL,
    )
    yield CorpusFailure(
        "void 255 is not ignored",
        ("void-not-ignored",),
        replace_target(lambda t: t, ignore_index=None),
    )
    yield CorpusFailure(
        "counts from 1",
        ("reduce-zero-label-missing", "target-one-too-many"),
        replace_target(lambda t: np.where(t == 255, 255, t + 1).astype(np.uint8)),
    )
    yield CorpusFailure(
        "two further",
        ("class-offset",),
        replace_target(lambda t: np.where(t == 255, 255, t + 2).astype(np.uint8), num_classes=9),
    )
    yield CorpusFailure(
        "divided by 255",
        ("ids-divided",),
        replace_target(lambda t: (fill_void(t) / 255).astype(np.float32)),
    )
    yield CorpusFailure(
        "divided by 255 and cast",
        ("target-all-zero",),
        lambda k: {
            "labels": scene_of(k, "tile").labels,
            "target": np.zeros((128, 128), np.int64),
            "num_classes": 5,
        },
    )
    yield CorpusFailure(
        "0 and 255",
        ("target-0-255",),
        lambda k: {
            "labels": scene_of(k, "lesion").labels,
            "num_classes": 2,
            "target": scene_of(k, "lesion").target * np.uint8(255),
        },
    )
    yield CorpusFailure(
        "0 and 255 with 255 ignored",
        ("target-0-255",),
        lambda k: {
            "labels": scene_of(k, "lesion").labels,
            "num_classes": 2,
            **IGNORE,
            "target": scene_of(k, "lesion").target * np.uint8(255),
        },
    )
    for network in ("shapes", "tile"):
        yield CorpusFailure(
            f"void became class 0, {network}",
            (),
            lambda k, network=network: {  # type: ignore[misc]
                "labels": scene_of(k, network).labels,
                "target": fill_void(scene_of(k, network).target),
                "num_classes": output_of(network).classes,
                **IGNORE,
            },
        )
    yield CorpusFailure(
        "nothing but void", ("target-all-void",), replace_target(lambda t: np.full_like(t, 255))
    )
    yield CorpusFailure(
        "ids beyond the classes",
        ("target-outside",),
        replace_target(lambda t: np.where(t == 0, 77, t).astype(np.uint8)),
    )
    yield CorpusFailure(
        "an index for each color of the file",
        ("target-local-palette",),
        replace_target(
            lambda t: save_in_order(fill_void(t), OWN_ORDER, VOC), palette="voc", num_classes=21
        ),
    )
    yield CorpusFailure(
        "Cityscapes' labelIds",
        ("labelid-for-trainid", "target-labelid"),
        replace_target(
            lambda t: np.where(t == 255, 255, np.array([7, 8, 11, 12, 13, 17], np.uint8)[t % 6]),
            num_classes=19,
        ),
    )
