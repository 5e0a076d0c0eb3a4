"""Mistakes made with the outputs of the unseen networks, the same ones with each of them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from corpus_failures.failure import CorpusFailure
from corpus_right import Output, labels_of, void_of
from corpus_scenes import Kind, normalize
from diagnosis_scenes import resize_nearest, softmax
from holdout_runs import (
    Arguments,
    Change,
    Holdout,
    Make,
    feed_input,
    map_labels,
    move_labels,
    replace_logits,
    replace_target,
)
from label_mistakes import fill_void, paint, paint_gray
from unseen_scenes import KINDS

import segpost

FIRST = 4300  # seed of the first scene
SCENES = 8  # of each network in right runs
FAILING = (1, 6)  # scenes of failing runs
VOC = segpost.Palette.named("voc")


def train_unseen(
    module: str = "unseen_networks", kinds: dict[str, Kind] = KINDS, first: int = FIRST
) -> Holdout:
    """Return the outputs of the networks of a module, which are trained now, on one thread."""
    torch = pytest.importorskip("torch")
    train_corpus: Any = importlib.import_module("train_corpus")
    networks: Any = importlib.import_module(module)
    outputs, threads = {}, torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        for name, kind in kinds.items():
            patch.setitem(train_corpus.KINDS, name, kind)
        for name, (architecture, steps) in networks.NETWORKS.items():
            kind_name = name.split("_")[0]
            kind = kinds[kind_name]
            torch.manual_seed(steps)
            model = architecture(kind.classes)
            train_corpus.train(model, kind_name, steps)
            scenes = [kind.draw(first + k) for k in range(SCENES)]
            logits = train_corpus.run(model, [scene.image for scene in scenes])
            targets = np.stack([scene.target for scene in scenes])
            options: Arguments = {"grid": "half_pixel"}
            labels = labels_of(logits, targets, options)
            outputs[name] = Output(kind.classes, logits, labels, scenes, targets, options)
    torch.set_num_threads(threads)
    return Holdout(outputs)


def iter_unseen_mistakes(holdout: Holdout) -> Iterator[CorpusFailure]:
    """Yield every mistake with every network."""
    for network in holdout.outputs:
        for iterator in (_iter_places, _iter_classes, _iter_targets, _iter_logits, _iter_inputs):
            for what, codes, make in iterator(holdout, network):
                yield CorpusFailure(f"{what}, {network}", codes, make, FAILING)


Mistakes = Iterator[tuple[str, tuple[str, ...], Make]]


def _iter_places(holdout: Holdout, network: str) -> Mistakes:
    """Yield predictions that are not where their target is."""

    def move(change: Change) -> Make:
        return move_labels(holdout, network, change)

    def add_border(labels: np.ndarray) -> np.ndarray:
        """Return labels of an image that was padded by a tenth at each side, and stretched."""
        h, w = labels.shape
        return resize_nearest(np.pad(labels, ((h // 10, h // 10), (w // 10, w // 10))), (h, w))

    yield "9 down, 6 to the left", ("shifted",), move(lambda a: np.roll(a, (9, -6), (0, 1)))
    yield "mirrored", ("turned",), move(lambda a: a[:, ::-1])
    yield "turned by 180 degrees", ("turned",), move(lambda a: a[::-1, ::-1])
    yield "padding at all sides kept", ("letterbox",), move(add_border)
    yield "a third of the size", ("size-mismatch",), move(lambda a: a[::3, ::3])


def _iter_classes(holdout: Holdout, network: str) -> Mistakes:
    """Yield other meanings of classes."""
    classes = holdout.outputs[network].classes

    def map_classes(table: np.ndarray, **more: Any) -> Make:
        return map_labels(holdout, network, table, **more)

    ids = np.arange(classes, dtype=np.uint8)
    offset = ("class-offset", "reduce-zero-label-missing", "reduce-zero-label-twice")
    yield "the last class first", ("classes-permuted", *offset), map_classes(np.roll(ids, 1))
    yield "two further", offset, map_classes(ids + np.uint8(2), num_classes=classes + 2)
    yield (
        "spread over 0..255",
        ("labels-stretched", "labels-outside"),
        map_classes(ids * np.uint8(255 // (classes - 1))),
    )
    yield "one class", ("one-class",), map_classes(ids * np.uint8(0) + np.uint8(1))


def _iter_targets(holdout: Holdout, network: str) -> Mistakes:
    """Yield mistakes of targets beside a right prediction."""

    def replace(change: Change, **more: Any) -> Make:
        return replace_target(holdout, network, change, **more)

    voc: Arguments = {"palette": "voc", "num_classes": 21}
    yield "target in gray of VOC", ("target-luma",), replace(lambda t: paint_gray(t, VOC), **voc)
    yield (
        "target in colors of VOC",
        ("target-is-a-picture",),
        replace(lambda t: paint(t, VOC), **voc),
    )
    yield (
        "target divided by 255",
        ("ids-divided",),
        replace(lambda t: fill_void(t).astype(np.float32) / 255),
    )
    yield "target times 12", ("target-stretched",), replace(lambda t: fill_void(t) * np.uint8(12))
    yield (
        "target of zeros",
        ("target-all-zero",),
        replace(np.zeros_like, **void_of(holdout.outputs[network].targets)),
    )


def _iter_logits(holdout: Holdout, network: str) -> Mistakes:
    """Yield logits that are others, or were read in another way."""

    def change_logits(change: Change, **more: Any) -> Make:
        return replace_logits(holdout, network, change, **more)

    classes = holdout.outputs[network].classes
    yield (
        "channels last",
        ("class-axis",),
        change_logits(lambda a: np.ascontiguousarray(a.transpose(1, 2, 0)), num_classes=classes),
    )
    yield (
        "reshaped, not transposed",
        ("reshape-not-transpose",),
        change_logits(lambda a: a.transpose(1, 2, 0).reshape(a.shape)),
    )
    yield "a softmax", ("probabilities-as-logits",), change_logits(softmax)
    yield (
        "bytes",
        ("quantized-logits",),
        change_logits(lambda a: np.asarray(np.clip(np.rint(a * 9 + 120), 0, 255), np.uint8)),
    )
    yield (
        "bytes read with a sign",
        ("wrapped-logits",),
        change_logits(
            lambda a: np.asarray(np.clip(np.rint(a * 9 + 120), 0, 255), np.uint8).view(np.int8)
        ),
    )
    yield "classes in reverse", ("classes-permuted",), change_logits(lambda a: a[::-1])
    yield (
        "enlarged 4 times by nearest neighbor",
        ("blocky-logits",),
        change_logits(lambda a: a.repeat(4, 1).repeat(4, 2)),
    )
    yield (
        "infinite in a row",
        ("infinite-logits",),
        change_logits(
            lambda a: np.where(np.arange(a.shape[1])[:, None] == 3, np.float32(np.inf), a)
        ),
    )


def _iter_inputs(holdout: Holdout, network: str) -> Mistakes:
    """Yield mistakes of preprocessing, with the image beside them."""

    def feed(change: Change) -> Make:
        return feed_input(holdout, network, change)

    is_gray = network.startswith("ice")
    if not is_gray:  # of an image without colors the order cannot be seen in the values
        yield "input: blue first", ("input-bgr",), feed(lambda a: normalize(a[..., ::-1]))
    yield "input: mirrored", ("input-flipped",), feed(lambda a: normalize(a[:, ::-1]))
    yield (
        "input: 0..255",
        ("input-normalization",),
        feed(lambda a: np.ascontiguousarray(a.transpose(2, 0, 1), np.float32)),
    )
    yield (
        "input: another image",
        ("input-of-other-image",),
        feed(lambda a: normalize(np.roll(a[::-1], (17, 23), (0, 1)))),
    )
