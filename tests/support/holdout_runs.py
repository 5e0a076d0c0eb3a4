"""Right runs of networks that the diagnosis corpus does not have, and what changes one argument."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from corpus_failures.scenes import enlarge
from corpus_right import CorpusRun, Output, iter_ways, labels_of, void_of
from corpus_scenes import MEAN, STD, VOID
from holdout_scenes import KINDS

import segpost

Arguments = dict[str, Any]
Make = Callable[[int], Arguments]  # the arguments of a scene
Change = Callable[[np.ndarray], Any]
CITYSCAPES, ADE20K = (segpost.Palette.named(name) for name in ("cityscapes", "ade20k"))


class Holdout(NamedTuple):
    """Outputs of networks by name, whose first word is the kind of scene."""

    outputs: dict[str, Output]

    def run(self, network: str, k: int) -> Arguments:
        """Return labels and target of a scene, as arguments."""
        output = self.outputs[network]
        target = output.targets[k]
        return {"labels": output.labels[k], "target": target, "num_classes": output.classes,
                **void_of(target)}  # fmt: skip

    def logits(self, network: str, k: int) -> Arguments:
        """Return logits and target of a scene, as arguments."""
        output = self.outputs[network]
        target = output.targets[k]
        return {"logits": output.logits[k], "target": target, **output.options, **void_of(target)}


def as_output(kind: str, logits: np.ndarray, first: int, align_corners: bool) -> Output:
    """Return the logits of the scenes from the seed `first` with their labels and targets."""
    scenes = [KINDS[kind].draw(first + k) for k in range(len(logits))]
    targets = np.stack([scene.target for scene in scenes])
    options: Arguments = {"grid": "align_corners" if align_corners else "half_pixel"}
    if logits.shape[1] == 1:
        options["threshold"] = 0.5
    labels = labels_of(logits, targets, options)
    return Output(KINDS[kind].classes, logits, labels, scenes, targets, options)


def iter_right(holdout: Holdout) -> Iterator[CorpusRun]:
    """Yield every right run."""
    for network, output in holdout.outputs.items():
        for k in range(len(output.logits)):
            for how, arguments in (*iter_ways(output, k), *iter_other_ways(output, k)):
                if "target" not in arguments or (arguments["target"] != VOID).any():
                    yield CorpusRun(network, how, k, arguments)
        for first in range(0, len(output.logits) - 2, 3):
            part = slice(first, first + 3)
            void = void_of(output.targets)
            yield CorpusRun(network, "three pictures, logits", first, {
                "logits": output.logits[part], "target": output.targets[part],
                **output.options, **void,
            })  # fmt: skip
            yield CorpusRun(network, "three pictures, labels", first, {
                "labels": output.labels[part], "target": output.targets[part],
                "num_classes": output.classes, **void,
            })  # fmt: skip


def iter_other_ways(output: Output, k: int) -> Iterator[tuple[str, Arguments]]:
    """Yield what honest code does to logits and labels."""
    logits, labels, target = output.logits[k], output.labels[k], output.targets[k]
    void, classes = void_of(target), {"num_classes": output.classes}
    maps: Arguments = {"target": target, **classes, **void}
    if len(logits) > 1:
        shifted = logits - logits.max(0)
        log_softmax = shifted - np.log(np.exp(shifted).sum(0))
        yield "log-softmax", {"logits": log_softmax, "target": target, **output.options, **void}
        yield "float16", {
            "logits": logits.astype(np.float16), "target": target, **output.options, **void,
        }  # fmt: skip
        full = enlarge(logits, target.shape)
        if output.options["grid"] == "half_pixel":
            yield "logits of full size", {"logits": full, "labels": labels, **maps}
    yield "a majority of 3 x 3", {"labels": _smooth_by_majority(labels, output.classes), **maps}
    yield "int64", {"labels": labels.astype(np.int64), **maps, "target": target.astype(np.int64)}
    if k % 3 == 0:
        yield "twice the size", {
            **maps, "labels": labels.repeat(2, 0).repeat(2, 1),
            "target": target.repeat(2, 0).repeat(2, 1),
        }  # fmt: skip
        yield "a palette", {"labels": labels, "palette": ADE20K, **maps}
        yield "colors", {
            "labels": labels, "palette": ADE20K, **maps,
            "color": np.asarray(segpost.colorize(labels, ADE20K)),
        }  # fmt: skip
        yield "class names", {
            "labels": labels, **maps, "class_names": [f"class {c}" for c in range(output.classes)],
        }  # fmt: skip
        yield "a corner", {**maps, "labels": labels[:40, :56], "target": target[:40, :56]}
    if k % 3 == 1 and not void:
        yield "one class more than there is", {
            "labels": labels, "target": target, "num_classes": output.classes + 1,
        }  # fmt: skip


def _smooth_by_majority(labels: np.ndarray, classes: int) -> np.ndarray:
    hot = np.pad(np.eye(classes)[labels], ((1, 1), (1, 1), (0, 0)))
    h, w = labels.shape
    sums = sum(hot[y : y + h, x : x + w] for y in range(3) for x in range(3))
    return np.asarray(np.asarray(sums).argmax(-1), labels.dtype)


def move_labels(holdout: Holdout, network: str, change: Change) -> Make:
    """Return what makes runs whose labels are changed, in memory of their own."""

    def make(k: int) -> Arguments:
        arguments = holdout.run(network, k)
        return {**arguments, "labels": np.ascontiguousarray(change(arguments["labels"]))}

    return make


def map_labels(holdout: Holdout, network: str, table: np.ndarray, **more: Any) -> Make:
    """Return what makes runs whose labels are those of a table."""

    def make(k: int) -> Arguments:
        arguments = holdout.run(network, k)
        return {**arguments, "labels": table[arguments["labels"]], **more}

    return make


def replace_target(holdout: Holdout, network: str, change: Change, **more: Any) -> Make:
    """Return what makes runs whose target is changed."""

    def make(k: int) -> Arguments:
        arguments = holdout.run(network, k)
        return {**arguments, "target": change(arguments["target"]), **more}

    return make


def replace_logits(holdout: Holdout, network: str, change: Change, **more: Any) -> Make:
    """Return what makes runs whose logits are changed."""

    def make(k: int) -> Arguments:
        arguments = holdout.logits(network, k)
        return {**arguments, "logits": change(arguments["logits"]), **more}

    return make


def feed_input(holdout: Holdout, network: str, change: Change) -> Make:
    """Return what makes runs of a changed input, with the image beside it."""

    def make(k: int) -> Arguments:
        image = holdout.outputs[network].scenes[k].image
        return {"input": change(image), "image": image, "mean": MEAN, "std": STD}

    return make
