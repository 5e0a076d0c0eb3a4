"""Mistakes after the network, in its numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from diagnosis_scenes import softmax

from corpus_failures.failure import CorpusFailure
from corpus_failures.scenes import IGNORE, scene_of


def iter_logit_failures() -> Iterator[CorpusFailure]:
    """Yield mistakes after the network, in its numbers."""

    def pass_full(k: int, **more: Any) -> dict[str, Any]:
        scene = scene_of(k)
        return {"logits": scene.full, "target": scene.target, **IGNORE, **more}

    def change_full(
        change: Callable[[np.ndarray], np.ndarray], **more: Any
    ) -> Callable[[int], Any]:
        return lambda k: {**pass_full(k), "logits": change(scene_of(k).full), **more}

    def overflow(full: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return (full * np.float32(2e4)).astype(np.float16)

    def softmax_in_float16(full: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            powers = np.exp((full * 4).astype(np.float16))
            return np.asarray(powers / powers.sum(0))

    def quantize(full: np.ndarray) -> np.ndarray:
        return np.asarray(np.clip(np.rint(full * 4) + 128, 0, 255), np.uint8)

    yield CorpusFailure(
        "overflow of float16", ("infinite-logits", "nan-logits"), change_full(overflow)
    )
    yield CorpusFailure(
        "softmax in float16 without the maximum", ("nan-logits",), change_full(softmax_in_float16)
    )
    yield CorpusFailure(
        "raw integers",
        ("quantized-logits",),
        change_full(lambda full: (quantize(full).astype(int) - 128).astype(np.int8)),
    )
    yield CorpusFailure(
        "uint8 logits read as int8",
        ("wrapped-logits",),
        change_full(lambda full: quantize(full).view(np.int8)),
    )
    yield CorpusFailure(
        "int8 logits read as uint8",
        ("wrapped-logits",),
        change_full(lambda full: quantize(full) - np.uint8(128)),
    )
    yield CorpusFailure(
        "softmax twice",
        ("softmax-twice", "probabilities-as-logits"),
        change_full(lambda full: softmax(softmax(full)).astype(np.float32)),
    )
    yield CorpusFailure(
        "probabilities",
        ("probabilities-as-logits",),
        change_full(lambda full: softmax(full).astype(np.float32)),
    )
    yield CorpusFailure(
        "sigmoid for softmax",
        ("sigmoid-as-logits",),
        change_full(lambda full: 1 / (1 + np.exp(-full))),
    )
    yield CorpusFailure(
        "softmax over columns",
        ("softmax-wrong-axis",),
        change_full(lambda full: softmax(full.transpose(2, 0, 1)).transpose(1, 2, 0)),
    )
    yield CorpusFailure(
        "softmax over rows",
        ("softmax-wrong-axis",),
        change_full(lambda full: softmax(full.transpose(1, 0, 2)).transpose(1, 0, 2)),
    )
    yield CorpusFailure(
        "softmax over a batch of two",
        ("softmax-wrong-axis",),
        lambda k: {
            "logits": softmax(np.stack([scene_of(k).full, scene_of(k + 1).full])),
            "target": np.stack([scene_of(k).target, scene_of(k + 1).target]),
            **IGNORE,
        },
    )
    yield CorpusFailure(
        "softmax over a batch of one", ("constant-logits",), change_full(np.ones_like)
    )
    yield CorpusFailure(
        "bytes of probabilities",
        ("quantized-logits",),
        change_full(lambda full: (softmax(full) * 255).astype(np.uint8)),
    )
    yield CorpusFailure(
        "channels last taken for first",
        ("class-axis",),
        change_full(lambda full: full.transpose(1, 2, 0), num_classes=6),
    )
    yield CorpusFailure(
        "channels last, no class count",
        ("class-axis",),
        lambda k: {"logits": scene_of(k).full.transpose(1, 2, 0)},
    )
    yield CorpusFailure(
        "reshape for transpose",
        ("reshape-not-transpose",),
        change_full(lambda full: np.ascontiguousarray(full.transpose(1, 2, 0)).reshape(full.shape)),
    )
    yield CorpusFailure(
        "flipped pass added, not flipped back",
        ("symmetric-logits",),
        change_full(lambda full: (full + full[..., ::-1]) / 2),
    )
    yield CorpusFailure(
        "a class without weights",
        ("dead-class",),
        lambda k: {"logits": np.where(np.arange(6)[:, None, None] == 4, 0, scene_of(k).logits)},
    )
    yield CorpusFailure(
        "no class possible",
        ("no-class-possible",),
        lambda k: {"logits": np.where(np.arange(24)[:, None] < 3, -np.inf, scene_of(k).logits)},
    )
    yield CorpusFailure(
        "a head of another number of classes",
        ("other-number-of-classes",),
        lambda k: {**pass_full(k), "num_classes": 21},
    )
    yield CorpusFailure(
        "float32 read as int32",
        ("bits-as-floats",),
        change_full(lambda full: np.ascontiguousarray(full).view(np.int32)),
    )
    yield CorpusFailure(
        "int32 ids read as float32 logits",
        ("bits-as-floats",),
        lambda k: {
            "target": scene_of(k).target,
            **IGNORE,
            "logits": scene_of(k).labels.astype(np.int32).view(np.float32)[None],
        },
    )
    yield CorpusFailure(
        "probabilities of a sigmoid head and a threshold",
        ("sigmoid-twice",),
        lambda k: _pass_sigmoid_head(k, lambda v: 1 / (1 + np.exp(-v))),
    )
    yield CorpusFailure(
        "sigmoid head, argmax",
        ("one-channel",),
        lambda k: {
            **_pass_sigmoid_head(k, lambda v: v, threshold=None),
            "labels": np.zeros_like(scene_of(k, "spots_sigmoid").target),
        },
    )
    yield CorpusFailure(
        "sigmoid head, logits above 0.5",
        ("threshold-on-logits",),
        lambda k: {
            **_pass_sigmoid_head(k, lambda v: v),
            "labels": (scene_of(k, "spots_sigmoid").full[0] > 0.5).astype(np.uint8),
        },
    )


def _pass_sigmoid_head(
    k: int, change: Callable[[np.ndarray], np.ndarray], threshold: float | None = 0.5
) -> dict[str, Any]:
    scene = scene_of(k, "spots_sigmoid")
    return {"logits": change(scene.full), "target": scene.target, "threshold": threshold}
