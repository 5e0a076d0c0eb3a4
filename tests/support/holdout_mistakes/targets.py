"""Mistakes of targets beside a right prediction."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from corpus_failures.failure import CorpusFailure
from corpus_scenes import VOID
from diagnosis_scenes import Image, resize_smoothly
from holdout_runs import ADE20K, CITYSCAPES, Arguments, Holdout, replace_target
from label_mistakes import fill_void, paint, paint_gray


def iter_target_mistakes(holdout: Holdout) -> Iterator[CorpusFailure]:
    """Yield mistakes of targets beside a right prediction."""

    def replace(
        change: Callable[[np.ndarray], Any], network: str = "street_fcn", **more: Any
    ) -> Callable[[int], Arguments]:
        return replace_target(holdout, network, change, **more)

    cityscapes: Arguments = {"palette": "cityscapes", "num_classes": 19}
    yield CorpusFailure(
        "gray of Cityscapes",
        ("target-luma",),
        replace(lambda t: paint_gray(t, CITYSCAPES), **cityscapes),
    )
    yield CorpusFailure(
        "colors of Cityscapes", ("target-is-a-picture",),
        replace(lambda t: paint(t, CITYSCAPES), **cityscapes),
    )  # fmt: skip
    yield CorpusFailure(
        "enlarged by 1.3 with interpolation", ("target-interpolated",),
        lambda k: {"target": resize_smoothly(
            fill_void(holdout.outputs["street_fcn"].targets[k]) * np.uint8(9), (166, 333)),
            "num_classes": 8},
    )  # fmt: skip
    yield CorpusFailure(
        "void is a value like others",
        ("void-not-ignored",),
        replace(lambda t: t, ignore_index=None),
    )
    yield CorpusFailure(
        "0 is void, classes from 1",
        ("reduce-zero-label-missing", "class-offset", "target-one-too-many"),
        replace(lambda t: np.where(t == VOID, 0, t + 1).astype(np.uint8)),
    )  # fmt: skip
    yield CorpusFailure(
        "class 0 became void", ("reduce-zero-label-twice", "class-offset"),
        replace(lambda t: np.where(t == VOID, VOID, t - np.uint8(1)).astype(np.uint8)),
    )  # fmt: skip
    yield CorpusFailure(
        "a JPEG of quality 90", ("lossy-label-file",), replace(lambda t: _as_jpeg(t * np.uint8(20)))
    )
    yield CorpusFailure(
        "divided by 255, float32",
        ("ids-divided",),
        replace(lambda t: np.float32(fill_void(t)) / 255),
    )
    yield CorpusFailure(
        "times 25", ("target-stretched",), replace(lambda t: fill_void(t) * np.uint8(25))
    )
    for network in ("street_fcn", "street_poor", "vessels_full"):
        if network in holdout.outputs:
            yield CorpusFailure(
                f"void became class 0, {network}", (), replace(fill_void, network),
            )  # fmt: skip
    yield CorpusFailure("all void", ("target-all-void",), replace(lambda t: np.full_like(t, VOID)))
    if "cover_long" in holdout.outputs:
        yield CorpusFailure(
            "gray of ADE20K", ("target-luma",),
            replace(lambda t: paint_gray(t, ADE20K), "cover_long",
                palette="ade20k", num_classes=150),
        )  # fmt: skip
        yield CorpusFailure(
            "an id no class has", ("target-outside",),
            replace(lambda t: np.where(t == 0, 99, t).astype(np.uint8), "cover_long"),
            scenes=tuple(k for k in range(8)
                         if (holdout.outputs["cover_long"].targets[k] == 0).any())[:4],
        )  # fmt: skip


def _as_jpeg(target: np.ndarray) -> Any:
    buffer = io.BytesIO()
    Image.fromarray(target).save(buffer, "JPEG", quality=90)
    return Image.open(buffer)
