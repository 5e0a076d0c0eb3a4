"""Palettes, names and colored pictures that are others."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from corpus_failures.failure import CorpusFailure
from diagnosis_scenes import Image
from holdout_runs import CITYSCAPES, Arguments, Holdout
from label_mistakes import save_in_order

import segpost


def iter_picture_mistakes(holdout: Holdout) -> Iterator[CorpusFailure]:
    """Yield palettes, names and colored pictures that are others."""

    def show(make: Callable[[np.ndarray], Arguments]) -> Callable[[int], Arguments]:
        return lambda k: make(holdout.outputs["street_fcn"].labels[k])

    def paint(labels: np.ndarray) -> np.ndarray:
        return np.asarray(segpost.colorize(labels, CITYSCAPES))

    yield CorpusFailure(
        "colors with red and blue exchanged", ("red-blue-swapped",),
        show(lambda a: {"labels": a, "palette": "cityscapes",
                         "color": np.ascontiguousarray(paint(a)[..., ::-1])}),
    )  # fmt: skip
    yield CorpusFailure(
        "colors of the next class", ("colors-shifted", "colors-of-other-labels"),
        show(lambda a: {"labels": a, "palette": "cityscapes", "color": paint(a + np.uint8(1))}),
    )  # fmt: skip
    yield CorpusFailure(
        "ids for gray values", ("ids-as-grey",),
        show(lambda a: {"color": np.repeat(a[..., None], 3, 2), "palette": "cityscapes"}),
    )  # fmt: skip
    yield CorpusFailure(
        "a palette of 0..1", ("palette-of-0-1",),
        show(lambda a: {"labels": a, "palette": CITYSCAPES.colors / 255}),
    )  # fmt: skip
    yield CorpusFailure(
        "a palette of four colors", ("palette-too-short",),
        show(lambda a: {"labels": a, "palette": segpost.Palette(CITYSCAPES.colors[:4]),
                         "num_classes": 8}),
    )  # fmt: skip
    yield CorpusFailure(
        "a picture with anti-aliasing", ("colors-unknown",),
        show(lambda a: {"color": np.asarray(Image.fromarray(paint(a)).resize(
            (300, 150), Image.Resampling.BILINEAR)), "palette": "cityscapes"}),
    )  # fmt: skip
    yield CorpusFailure(
        "an indexed file with its own order", ("indices-of-file-palette", "target-local-palette"),
        show(lambda a: {"labels": save_in_order(a, [3, 0, 5, 1, 7, 2, 4, 6], CITYSCAPES),
                        "palette": "cityscapes", "num_classes": 19}),
    )  # fmt: skip
