"""Other meanings of classes than those of the target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from corpus_failures.failure import CorpusFailure
from holdout_runs import Holdout, map_labels


def iter_class_mistakes(holdout: Holdout) -> Iterator[CorpusFailure]:
    """Yield other meanings of classes."""

    def map_classes(table: np.ndarray, network: str = "street_fcn", **more: Any) -> Any:
        return map_labels(holdout, network, table, **more)

    eight = np.arange(8, dtype=np.uint8)
    yield CorpusFailure("classes in reverse", ("classes-permuted",), map_classes(eight[::-1]))
    yield CorpusFailure(
        "classes by alphabet", ("classes-permuted",),
        map_classes(np.array([4, 3, 1, 7, 0, 2, 6, 5], np.uint8)),
    )  # fmt: skip
    yield CorpusFailure(
        "each class is the next",
        ("classes-permuted", "class-offset", "reduce-zero-label-missing",
         "reduce-zero-label-twice"),
        map_classes(np.roll(eight, -1)),
    )  # fmt: skip
    yield CorpusFailure(
        "three further", ("class-offset",), map_classes(eight + np.uint8(3), num_classes=11)
    )
    yield CorpusFailure(
        "road and sky exchanged", ("classes-permuted",), map_classes(_exchange(8, 0, 3))
    )
    yield CorpusFailure("times 30", ("labels-stretched",), map_classes(eight * np.uint8(30)))
    yield CorpusFailure("cars called people", (), map_classes(np.where(eight == 4, 6, eight)))
    yield CorpusFailure("nothing but road", ("one-class",), map_classes(eight * np.uint8(0)))
    yield CorpusFailure(
        "labelIds of Cityscapes", ("labelid-for-trainid", "labels-outside", "classes-permuted"),
        map_classes(np.array([7, 8, 11, 23, 26, 17, 24, 21], np.uint8), num_classes=19),
    )  # fmt: skip
    if "cover_long" in holdout.outputs:
        twelve = np.random.RandomState(4).permutation(12).astype(np.uint8)
        yield CorpusFailure(
            "a random order of twelve", ("classes-permuted",), map_classes(twelve, "cover_long")
        )
    if "vessels_full" in holdout.outputs:
        two = np.arange(2, dtype=np.uint8)
        yield CorpusFailure(
            "background for vessels", ("inverted-mask",), map_classes(1 - two, "vessels_full")
        )
        yield CorpusFailure(
            "a mask of 0 and 255",
            ("labels-0-255",),
            map_classes(two * np.uint8(255), "vessels_full"),
        )
    if "organs_long" in holdout.outputs:
        five = np.arange(5, dtype=np.uint8)
        yield CorpusFailure(
            "two organs exchanged", ("classes-permuted",),
            map_classes(_exchange(5, 1, 2), "organs_long"),
            scenes=tuple(k for k in range(8) if np.isin(
                (1, 2), holdout.outputs["organs_long"].targets[k]).all())[:4],
        )  # fmt: skip
        yield CorpusFailure(
            "counted from 1",
            ("reduce-zero-label-missing", "reduce-zero-label-twice", "class-offset"),
            map_classes(five + np.uint8(1), "organs_long", num_classes=6),
        )  # fmt: skip


def _exchange(classes: int, one: int, other: int) -> np.ndarray:
    table = np.arange(classes, dtype=np.uint8)
    table[[one, other]] = table[[other, one]]
    return table
