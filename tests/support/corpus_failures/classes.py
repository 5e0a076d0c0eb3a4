"""Other meanings of classes than those of the target."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from corpus_failures.failure import CorpusFailure
from corpus_failures.scenes import IGNORE, pass_labels, pass_logits, scene_of


def iter_class_failures() -> Iterator[CorpusFailure]:
    """Yield other meanings of classes."""
    order = np.array([5, 4, 3, 2, 1, 0], np.uint8)
    yield CorpusFailure(
        "another order",
        ("classes-permuted",),
        lambda k: pass_labels(scene_of(k), order[scene_of(k).labels]),
    )
    yield CorpusFailure(
        "another order, tiles",
        ("classes-permuted",),
        lambda k: pass_labels(
            scene_of(k, "tile"),
            np.array([1, 2, 0, 4, 3], np.uint8)[scene_of(k, "tile").labels],
            num_classes=5,
        ),
    )
    yield CorpusFailure(
        "two classes exchanged",
        ("classes-permuted",),
        lambda k: pass_labels(
            scene_of(k, "tile"),
            np.array([0, 2, 1, 3, 4], np.uint8)[scene_of(k, "tile").labels],
            num_classes=5,
        ),
    )
    yield CorpusFailure(
        "two layers exchanged",
        ("classes-permuted",),
        lambda k: {
            "labels": np.array([0, 2, 1, 3, 4, 5, 6], np.uint8)[scene_of(k, "layers").labels],
            "target": scene_of(k, "layers").target,
            "num_classes": 7,
        },
    )
    yield CorpusFailure(
        "logits in another order",
        ("classes-permuted",),
        lambda k: pass_logits(scene_of(k)._replace(logits=scene_of(k).logits[order])),
    )
    yield CorpusFailure(
        "foreground and background exchanged",
        ("inverted-mask",),
        lambda k: {
            "labels": 1 - scene_of(k, "lesion").labels,
            "target": scene_of(k, "lesion").target,
            "num_classes": 2,
        },
    )
    yield CorpusFailure(
        "ids modulo 256",
        ("ids-wrapped",),
        lambda k: {
            "labels": ((scene_of(k, "tile").labels.astype(int) * 2 + 250) % 256).astype(np.uint8),
            "target": np.where(
                scene_of(k, "tile").target == 255,
                999,
                scene_of(k, "tile").target.astype(int) * 2 + 250,
            ),
            "num_classes": 300,
            "ignore_index": 999,
        },
    )
    yield CorpusFailure(
        "reduce_zero_label twice",
        ("reduce-zero-label-twice",),
        lambda k: {
            "labels": scene_of(k, "layers").labels,
            "num_classes": 7,
            **IGNORE,
            "target": scene_of(k, "layers").target - np.uint8(1),
        },
    )
