"""Mistakes made with the outputs of the unseen networks, the same ones with each of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from corpus_failures import CorpusFailure
from corpus_right import Output, labels_of, void_of
from corpus_scenes import MEAN, STD, VOID, Kind, normalize
from diagnosis_scenes import Image, resized, softmax
from holdout_runs import Arguments, Holdout
from unseen_scenes import KINDS

import segpost

FIRST = 4300  # seed of the first scene
SCENES = 8  # of each network in right runs
FAILING = (1, 6)  # scenes of failing runs
Change = Callable[[np.ndarray], np.ndarray]


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


Mistakes = Iterator[tuple[str, tuple[str, ...], Callable[[int], Arguments]]]


def _iter_places(holdout: Holdout, network: str) -> Mistakes:
    """Yield predictions that are not where their target is."""

    def moved(change: Change) -> Callable[[int], Arguments]:
        def make(k: int) -> Arguments:
            arguments = holdout.run(network, k)
            return {**arguments, "labels": np.ascontiguousarray(change(arguments["labels"]))}

        return make

    def border(labels: np.ndarray) -> np.ndarray:
        """Return labels of an image that was padded by a tenth at each side, and stretched."""
        h, w = labels.shape
        return resized(np.pad(labels, ((h // 10, h // 10), (w // 10, w // 10))), (h, w))

    yield "9 down, 6 to the left", ("shifted",), moved(lambda a: np.roll(a, (9, -6), (0, 1)))
    yield "mirrored", ("turned",), moved(lambda a: a[:, ::-1])
    yield "turned by 180 degrees", ("turned",), moved(lambda a: a[::-1, ::-1])
    yield "padding at all sides kept", ("letterbox",), moved(border)
    yield "a third of the size", ("size-mismatch",), moved(lambda a: a[::3, ::3])


def _iter_classes(holdout: Holdout, network: str) -> Mistakes:
    """Yield other meanings of classes."""
    classes = holdout.outputs[network].classes

    def mapped(table: np.ndarray, **more: Any) -> Callable[[int], Arguments]:
        def make(k: int) -> Arguments:
            arguments = holdout.run(network, k)
            return {**arguments, "labels": table[arguments["labels"]], **more}

        return make

    ids = np.arange(classes, dtype=np.uint8)
    offset = ("class-offset", "reduce-zero-label-missing", "reduce-zero-label-twice")
    yield "the last class first", ("classes-permuted", *offset), mapped(np.roll(ids, 1))
    yield "two further", offset, mapped(ids + np.uint8(2), num_classes=classes + 2)
    yield (
        "spread over 0..255",
        ("labels-stretched", "labels-outside"),
        mapped(ids * np.uint8(255 // (classes - 1))),
    )
    yield "one class", ("one-class",), mapped(ids * np.uint8(0) + np.uint8(1))


def _iter_targets(holdout: Holdout, network: str) -> Mistakes:
    """Yield mistakes of targets beside a right prediction."""

    def read(change: Change, **more: Any) -> Callable[[int], Arguments]:
        def make(k: int) -> Arguments:
            arguments = holdout.run(network, k)
            return {**arguments, "target": change(arguments["target"]), **more}

        return make

    def kept(target: np.ndarray) -> np.ndarray:
        return np.where(target == VOID, 0, target).astype(np.uint8)

    def shown(target: np.ndarray) -> np.ndarray:
        return np.asarray(segpost.colorize(kept(target), "voc"))

    def gray(target: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(shown(target)).convert("L"))

    voc: Arguments = {"palette": "voc", "num_classes": 21}
    yield "target in gray of VOC", ("target-luma",), read(gray, **voc)
    yield "target in colors of VOC", ("target-is-a-picture",), read(shown, **voc)
    yield (
        "target divided by 255",
        ("ids-divided",),
        read(lambda t: kept(t).astype(np.float32) / 255),
    )
    yield "target times 12", ("target-stretched",), read(lambda t: kept(t) * np.uint8(12))
    yield (
        "target of zeros",
        ("target-all-zero",),
        read(np.zeros_like, **void_of(holdout.outputs[network].targets)),
    )


def _iter_logits(holdout: Holdout, network: str) -> Mistakes:
    """Yield logits that are others, or were read in another way."""

    def changed(change: Change, **more: Any) -> Callable[[int], Arguments]:
        def make(k: int) -> Arguments:
            arguments = holdout.logits(network, k)
            return {**arguments, "logits": change(arguments["logits"]), **more}

        return make

    classes = holdout.outputs[network].classes
    yield (
        "channels last",
        ("class-axis",),
        changed(lambda a: np.ascontiguousarray(a.transpose(1, 2, 0)), num_classes=classes),
    )
    yield (
        "reshaped, not transposed",
        ("reshape-not-transpose",),
        changed(lambda a: a.transpose(1, 2, 0).reshape(a.shape)),
    )
    yield "a softmax", ("probabilities-as-logits",), changed(softmax)
    yield (
        "bytes",
        ("quantized-logits",),
        changed(lambda a: np.asarray(np.clip(np.rint(a * 9 + 120), 0, 255), np.uint8)),
    )
    yield (
        "bytes read with a sign",
        ("wrapped-logits",),
        changed(
            lambda a: np.asarray(np.clip(np.rint(a * 9 + 120), 0, 255), np.uint8).view(np.int8)
        ),
    )
    yield "classes in reverse", ("classes-permuted",), changed(lambda a: a[::-1])
    yield (
        "enlarged 4 times by nearest neighbor",
        ("blocky-logits",),
        changed(lambda a: a.repeat(4, 1).repeat(4, 2)),
    )
    yield (
        "infinite in a row",
        ("infinite-logits",),
        changed(lambda a: np.where(np.arange(a.shape[1])[:, None] == 3, np.float32(np.inf), a)),
    )


def _iter_inputs(holdout: Holdout, network: str) -> Mistakes:
    """Yield mistakes of preprocessing, with the image beside them."""

    def fed(change: Change) -> Callable[[int], Arguments]:
        def make(k: int) -> Arguments:
            image = holdout.outputs[network].scenes[k].image
            return {"input": change(image), "image": image, "mean": MEAN, "std": STD}

        return make

    is_gray = network.startswith("ice")
    if not is_gray:  # of an image without colors the order cannot be seen in the values
        yield "input: blue first", ("input-bgr",), fed(lambda a: normalize(a[..., ::-1]))
    yield "input: mirrored", ("input-flipped",), fed(lambda a: normalize(a[:, ::-1]))
    yield (
        "input: 0..255",
        ("input-normalization",),
        fed(lambda a: np.ascontiguousarray(a.transpose(2, 0, 1), np.float32)),
    )
    yield (
        "input: another image",
        ("input-of-other-image",),
        fed(lambda a: normalize(np.roll(a[::-1], (17, 23), (0, 1)))),
    )
