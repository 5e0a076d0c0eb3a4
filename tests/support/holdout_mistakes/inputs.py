"""Mistakes of preprocessing, with the image beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from corpus_failures.failure import CorpusFailure
from corpus_scenes import MEAN, STD, normalize
from holdout_runs import Holdout, feed_input


def iter_input_mistakes(holdout: Holdout) -> Iterator[CorpusFailure]:
    """Yield mistakes of preprocessing, with the image beside them."""
    mean, std = np.array(MEAN), np.array(STD)

    def feed(change: Callable[[np.ndarray], np.ndarray], network: str = "street_fcn") -> Any:
        return feed_input(holdout, network, change)

    def planes(a: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(a.transpose(2, 0, 1), np.float32)

    luma = np.array((0.299, 0.587, 0.114))
    scale = ("input-normalization",)
    mixed = ("input-channels-mixed",)
    changes: tuple[tuple[str, tuple[str, ...], Callable[[np.ndarray], np.ndarray]], ...] = (
        ("gray by BT.601", mixed, lambda a: normalize((a @ luma)[..., None].repeat(3, 2))),
        ("normalized twice", scale, lambda a: planes(((a / 255 - mean) / std - mean) / std)),
        ("the mean was not subtracted", scale, lambda a: planes(a / 255 / std)),
        ("not divided by std", scale, lambda a: planes(a / 255 - mean)),
        ("Caffe's means, blue first", ("input-bgr", "input-normalization"),
         lambda a: planes(a[..., ::-1] - np.array((104.0, 117.0, 123.0)))),
        ("another part of the image", ("input-of-other-image",),
         lambda a: normalize(np.roll(a, (30, 61), (0, 1)))),
        ("green and blue exchanged", mixed, lambda a: normalize(a[..., [0, 2, 1]])),
        ("a negative", scale, lambda a: normalize(255 - a)),
        ("a pixel that is not finite", ("input-not-finite",),
         lambda a: np.where(np.arange(a.shape[1]) == 3, np.nan, normalize(a))),
        ("zeros", ("input-constant",), lambda a: normalize(a) * np.float32(0)),
        ("upside down", ("input-flipped",), lambda a: normalize(a[::-1])),
        ("the red channel three times", mixed, lambda a: normalize(a[..., :1].repeat(3, 2))),
    )  # fmt: skip
    for what, codes, change in changes:
        yield CorpusFailure(f"input: {what}", codes, feed(change))
    if "organs_long" in holdout.outputs:
        yield CorpusFailure(
            "input: turned", ("input-flipped",),
            feed(lambda a: normalize(np.rot90(a)), "organs_long"),
        )  # fmt: skip
