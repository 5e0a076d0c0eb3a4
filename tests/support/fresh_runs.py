"""Mistakes with networks of 45-85 % accuracy, of other sizes and kinds than the hold-outs had."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from corpus_failures.failure import CorpusFailure
from corpus_right import void_of
from corpus_scenes import VOID, normalize
from diagnosis_scenes import resize_nearest, softmax
from fresh_scenes import KINDS
from holdout_runs import CITYSCAPES, Arguments, Change, Holdout, Make, feed_input
from label_mistakes import fill_void, paint, paint_gray
from unseen_runs import Mistakes, train_unseen

FIRST = 5200  # seed of the first scene
FAILING = (2, 5)  # scenes of failing runs
OFFSETS = ("class-offset", "reduce-zero-label-missing", "reduce-zero-label-twice")


def train_fresh() -> Holdout:
    """Return the outputs of the fresh networks, which are trained now."""
    return train_unseen("fresh_networks", KINDS, FIRST)


def iter_fresh_mistakes(holdout: Holdout) -> Iterator[CorpusFailure]:
    """Yield every mistake with every network."""
    for network in holdout.outputs:
        for iterator in (_iter_places, _iter_classes, _iter_targets, _iter_logits, _iter_inputs):
            for what, codes, make in iterator(holdout, network):
                yield CorpusFailure(f"{what}, {network}", codes, make, FAILING)


def is_equal_to_right(failure: CorpusFailure, holdout: Holdout, scene: int) -> bool:
    """Return whether a mistake changed nothing, so that the arrays are those of a right run."""
    network = failure.what.rsplit(", ", 1)[1]
    arguments = failure.make(scene)
    right = {**holdout.logits(network, scene), **holdout.run(network, scene)}
    right["input"] = normalize(holdout.outputs[network].scenes[scene].image)
    shared = [name for name in ("labels", "target", "logits", "input") if name in arguments]
    return all(np.array_equal(arguments[name], right[name]) for name in shared)


def _change_argument(
    holdout: Holdout, network: str, name: str, *, of_logits: bool = False
) -> Callable[..., Make]:
    """Return a function of a change of one argument that makes failing runs."""

    def change_array(change: Change, **more: Any) -> Make:
        def make(k: int) -> Arguments:
            arguments = (holdout.logits if of_logits else holdout.run)(network, k)
            return {**arguments, name: np.ascontiguousarray(change(arguments[name])), **more}

        return make

    return change_array


def _iter_places(holdout: Holdout, network: str) -> Mistakes:
    """Yield predictions that are not where their target is."""
    change_array = _change_argument(holdout, network, "labels")

    def pad_and_resize(top: float, bottom: float, left: float, right: float) -> Change:
        def pad(labels: np.ndarray) -> np.ndarray:
            h, w = labels.shape
            widths = [[round(a * h), round(b * h)] for a, b in ((top, bottom),)]
            widths += [[round(a * w), round(b * w)] for a, b in ((left, right),)]
            return resize_nearest(np.pad(labels, widths), labels.shape)

        return pad

    def shift(labels: np.ndarray) -> np.ndarray:
        h, w = labels.shape
        return np.pad(labels, ((0, 7), (11, 0)), "edge")[7 : 7 + h, :w]

    def stretch_middle(labels: np.ndarray) -> np.ndarray:
        h, w = labels.shape
        a, b = round(0.09 * h), round(0.09 * w)
        return resize_nearest(labels[a : h - a, b : w - b], labels.shape)

    def reorder(k: int) -> Arguments:
        output = holdout.outputs[network]
        chosen = [k, k + 1, k + 2]
        return {"labels": output.labels[[chosen[i] for i in (2, 0, 1)]],
                "target": output.targets[chosen], "num_classes": output.classes,
                **void_of(output.targets)}  # fmt: skip

    yield "7 up, 11 to the right", ("shifted",), change_array(shift)
    yield "upside down", ("turned",), change_array(lambda a: a[::-1])
    yield "turned by 180 degrees", ("turned",), change_array(lambda a: a[::-1, ::-1])
    yield (
        "a sixteenth and an eighth of padding kept",
        ("letterbox",),
        change_array(pad_and_resize(1 / 16, 1 / 16, 1 / 8, 1 / 8)),
    )
    yield (
        "a fifth of padding below and at the right kept",
        ("letterbox",),
        change_array(pad_and_resize(0, 1 / 5, 0, 1 / 5)),
    )
    yield "the middle 82 % stretched", ("letterbox",), change_array(stretch_middle)
    yield (
        "left and right half exchanged", ("tiles-exchanged",),
        change_array(lambda a: np.roll(a, a.shape[1] // 2, 1)),
    )  # fmt: skip
    yield "three pictures in another order", ("pictures-exchanged",), reorder
    yield "half of the size", ("size-mismatch",), change_array(lambda a: a[::2, ::2])


def _iter_classes(holdout: Holdout, network: str) -> Mistakes:
    """Yield other meanings of classes."""
    change_array = _change_argument(holdout, network, "labels")
    classes = holdout.outputs[network].classes
    ids = np.arange(classes, dtype=np.uint8)
    random = np.random.RandomState(5).permutation(ids)
    permuted = ("classes-permuted",)
    yield (
        "counted from 1",
        OFFSETS,
        change_array(lambda a: a + np.uint8(1), num_classes=classes + 1),
    )
    yield "the first class last", (*permuted, *OFFSETS), change_array(lambda a: np.roll(ids, -1)[a])
    yield "classes in a random order", permuted, change_array(lambda a: random[a])
    yield (
        "labels stretched to 255",
        ("labels-stretched", "labels-outside"),
        change_array(lambda a: np.rint(ids * 255 / (classes - 1)).astype(np.uint8)[a]),
    )
    yield "one class", ("one-class",), change_array(lambda a: np.full_like(a, 2))


def _iter_targets(holdout: Holdout, network: str) -> Mistakes:
    """Yield mistakes of targets beside a right prediction."""
    change_array = _change_argument(holdout, network, "target")
    classes = holdout.outputs[network].classes

    cityscapes: Arguments = {"palette": "cityscapes", "num_classes": 19}
    yield (
        "target in gray of Cityscapes",
        ("target-luma",),
        change_array(lambda t: paint_gray(t, CITYSCAPES), **cityscapes),
    )
    yield (
        "target in colors of Cityscapes",
        ("target-is-a-picture",),
        change_array(lambda t: paint(t, CITYSCAPES), **cityscapes),
    )
    yield (
        "target divided by 255",
        ("ids-divided",),
        change_array(lambda t: fill_void(t).astype(np.float32) / 255),
    )
    yield (
        "target times 20",
        ("target-stretched",),
        change_array(lambda t: fill_void(t) * np.uint8(20)),
    )
    yield (
        "target of zeros",
        ("target-all-zero",),
        change_array(np.zeros_like, **void_of(holdout.outputs[network].targets)),
    )
    yield (
        "target from 1",
        ("target-one-too-many", *OFFSETS),
        change_array(
            lambda t: np.where(t == VOID, VOID, t + 1).astype(np.uint8), num_classes=classes
        ),
    )


def _iter_logits(holdout: Holdout, network: str) -> Mistakes:
    """Yield logits that are others, or were read in another way."""
    change_array = _change_argument(holdout, network, "logits", of_logits=True)
    classes = holdout.outputs[network].classes

    def as_bytes(logits: np.ndarray) -> np.ndarray:
        scale = 110 / abs(logits).max()
        return np.asarray(np.rint(logits * scale + 128), np.uint8)

    yield (
        "channels last",
        ("class-axis",),
        change_array(lambda a: a.transpose(1, 2, 0), num_classes=classes),
    )
    yield (
        "reshaped, not transposed",
        ("reshape-not-transpose",),
        change_array(lambda a: a.transpose(1, 2, 0).reshape(a.shape)),
    )
    yield "a softmax", ("probabilities-as-logits",), change_array(softmax)
    yield "a softmax of a softmax", ("softmax-twice",), change_array(lambda a: softmax(softmax(a)))
    yield "bytes", ("quantized-logits",), change_array(as_bytes)
    yield (
        "bytes read with a sign",
        ("wrapped-logits",),
        change_array(lambda a: as_bytes(a).view(np.int8)),
    )
    yield "logits in reverse", ("classes-permuted",), change_array(lambda a: a[::-1])
    yield (
        "enlarged 3 times by nearest neighbor",
        ("blocky-logits",),
        change_array(lambda a: a.repeat(3, 1).repeat(3, 2)),
    )
    yield (
        "NaN in a corner",
        ("nan-logits",),
        change_array(
            lambda a: np.where(
                np.add.outer(*map(np.arange, a.shape[1:])) < 3, np.float32(np.nan), a
            )
        ),
    )


def _iter_inputs(holdout: Holdout, network: str) -> Mistakes:
    """Yield mistakes of preprocessing, with the image beside them."""

    def feed(change: Change) -> Make:
        return feed_input(holdout, network, change)

    yield "input: blue first", ("input-bgr",), feed(lambda a: normalize(a[..., ::-1]))
    yield "input: upside down", ("input-flipped",), feed(lambda a: normalize(a[::-1]))
    yield (
        "input: 0..1",
        ("input-normalization",),
        feed(lambda a: np.asarray(a.transpose(2, 0, 1) / 255, np.float32)),
    )
    yield (
        "input: another image",
        ("input-of-other-image",),
        feed(lambda a: normalize(np.roll(a[:, ::-1], (31, 12), (0, 1)))),
    )
    yield (
        "input: gray",
        ("input-channels-mixed",),
        feed(lambda a: normalize(a.mean(2, keepdims=True).repeat(3, 2))),
    )
