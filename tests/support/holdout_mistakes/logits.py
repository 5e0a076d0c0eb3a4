"""Logits that are others, or were read in another way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from corpus_failures.failure import CorpusFailure
from diagnosis_scenes import resize_nearest, softmax
from holdout_runs import Arguments, Holdout, replace_logits

import segpost


def iter_logit_mistakes(holdout: Holdout) -> Iterator[CorpusFailure]:
    """Yield logits that are others, or were read in another way."""

    def change_logits(
        change: Callable[[np.ndarray], np.ndarray], network: str = "street_fcn", **more: Any
    ) -> Callable[[int], Arguments]:
        return replace_logits(holdout, network, change, **more)

    def add_labels(
        change: Callable[[np.ndarray, np.ndarray], np.ndarray], network: str = "street_fcn"
    ) -> Callable[[int], Arguments]:
        def make(k: int) -> Arguments:
            arguments = holdout.logits(network, k)
            labels = change(arguments["logits"], holdout.outputs[network].labels[k])
            return {**arguments, "labels": labels}

        return make

    def as_bytes(logits: np.ndarray) -> np.ndarray:
        return np.asarray(np.clip(np.rint(logits * 8 + 128), 0, 255), np.uint8)

    size = (128, 256)
    for network, side in (("street_fcn", 8), ("street_fcn", 3), ("organs_long", 2)):
        if network in holdout.outputs:
            yield CorpusFailure(
                f"enlarged {side} times by nearest neighbor, {network}", ("blocky-logits",),
                change_logits(lambda a, side=side: a.repeat(side, 1).repeat(side, 2),  # type: ignore[misc]
                        network),
            )  # fmt: skip
    yield CorpusFailure(
        "channels last", ("class-axis",),
        change_logits(lambda a: np.ascontiguousarray(a.transpose(1, 2, 0)), num_classes=8),
    )  # fmt: skip
    yield CorpusFailure(
        "reshaped, not transposed", ("reshape-not-transpose",),
        change_logits(lambda a: a.transpose(1, 2, 0).reshape(a.shape)),
    )  # fmt: skip
    yield CorpusFailure(
        "a softmax", ("probabilities-as-logits",), change_logits(lambda a: softmax(a))
    )
    yield CorpusFailure(
        "a softmax of a softmax", ("softmax-twice", "probabilities-as-logits"),
        change_logits(lambda a: softmax(softmax(a))),
    )  # fmt: skip
    yield CorpusFailure(
        "a sigmoid", ("sigmoid-as-logits",), change_logits(lambda a: 1 / (1 + np.exp(-a)))
    )
    yield CorpusFailure(
        "a softmax over the width",
        ("softmax-wrong-axis",),
        change_logits(lambda a: softmax(a.transpose(2, 0, 1)).transpose(1, 2, 0)),
    )
    yield CorpusFailure("raw bytes", ("quantized-logits",), change_logits(as_bytes))
    yield CorpusFailure(
        "bytes read with a sign",
        ("wrapped-logits",),
        change_logits(lambda a: as_bytes(a).view(np.int8)),
    )
    yield CorpusFailure(
        "NaN in a class", ("nan-logits",),
        change_logits(lambda a: np.where(
            np.arange(len(a))[:, None, None] == 2, np.float32(np.nan), a)),
    )  # fmt: skip
    yield CorpusFailure(
        "argmax at stride 8, then enlarged", ("argmax-before-resize",),
        add_labels(lambda a, _: resize_nearest(a.argmax(0).astype(np.uint8), size)),
    )  # fmt: skip
    yield CorpusFailure(
        "labels in blocks of 8", ("blocky-labels",),
        lambda k: {**holdout.run("street_fcn", k), "labels": resize_nearest(
            holdout.outputs["street_fcn"].logits[k].argmax(0).astype(np.uint8), size)},
    )  # fmt: skip
    yield CorpusFailure(
        "argmax over the width", ("wrong-argmax-axis",),
        lambda k: {"logits": holdout.outputs["street_fcn"].logits[k],
                   "labels": holdout.outputs["street_fcn"].logits[k].argmax(-1)},
    )  # fmt: skip
    yield CorpusFailure(
        "labels on asymmetric, grid half_pixel", ("labels-on-another-grid",),
        lambda k: {"logits": holdout.outputs["street_fcn"].logits[k], "grid": "half_pixel",
                   "labels": segpost.argmax(holdout.outputs["street_fcn"].logits[k], size=size,
                                            grid="asymmetric")},
    )  # fmt: skip
    yield CorpusFailure(
        "logits in another order of classes",
        ("classes-permuted",),
        change_logits(lambda a: a[::-1]),
    )
    yield CorpusFailure(
        "mirrored logits", ("turned",), change_logits(lambda a: np.ascontiguousarray(a[..., ::-1]))
    )
    yield CorpusFailure(
        "seven of eight classes", ("other-number-of-classes",),
        change_logits(lambda a: a[:7], num_classes=8),
    )  # fmt: skip
    yield CorpusFailure(
        "logits of the next picture", (),
        lambda k: {**holdout.logits("street_fcn", k),
                   "logits": holdout.outputs["street_fcn"].logits[k + 1]},
    )  # fmt: skip
    if "vessels_sigmoid" in holdout.outputs:
        one = "vessels_sigmoid"
        yield CorpusFailure(
            "argmax of one channel", ("one-channel",),
            lambda k: {n: v for n, v in holdout.logits(one, k).items() if n != "threshold"},
        )  # fmt: skip
        yield CorpusFailure(
            "a sigmoid before the threshold", ("sigmoid-twice",),
            change_logits(lambda a: 1 / (1 + np.exp(-a)), one),
        )  # fmt: skip
