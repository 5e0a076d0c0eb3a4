"""Right runs of the diagnosis corpus: whatever honest networks return, passed in many ways."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from corpus_logits import load
from corpus_scenes import KINDS, MEAN, STD, VOID, Scene, draw_shapes, normalize

import segpost

NETWORKS = (
    "shapes", "shapes_poor", "shapes_align_corners", "shapes_smoothed", "shapes_weighted",
    "lesion", "lesion_poor", "tile", "tile_unet", "layers", "layers_poor", "spots_sigmoid",
)  # fmt: skip


class CorpusRun(NamedTuple):
    """A run: the network, how its output was passed, the scene, and the arguments of `diagnose`."""

    network: str
    how: str
    scene: int
    arguments: dict[str, Any]


class Output(NamedTuple):
    """What a network returned for the test scenes of its kind."""

    classes: int
    logits: np.ndarray  # (N, C, h, w)
    labels: np.ndarray  # (N, H, W)
    scenes: list[Scene]
    targets: np.ndarray  # (N, H, W)
    options: dict[str, Any]  # grid and threshold


@cache
def output_of(network: str) -> Output:
    """Return the logits and labels of a network for its test scenes."""
    kind = KINDS[network.split("_")[0]]
    logits = load(network)
    scenes = [kind.draw(seed) for seed in range(len(logits))]
    targets = np.stack([scene.target for scene in scenes])
    options: dict[str, Any] = {
        "grid": "align_corners" if network.endswith("align_corners") else "half_pixel"
    }
    if logits.shape[1] == 1:
        options["threshold"] = 0.5
    return Output(
        kind.classes, logits, labels_of(logits, targets, options), scenes, targets, options
    )


def labels_of(logits: np.ndarray, targets: np.ndarray, options: dict[str, Any]) -> np.ndarray:
    """Return the labels of logits at target size."""
    size = targets.shape[-2:]
    if "threshold" in options:
        return np.asarray(segpost.postprocess(logits, size=size, **options).labels)
    return np.asarray(segpost.argmax(logits, size=size, **options))


def void_of(target: np.ndarray) -> dict[str, Any]:
    """Return the argument that ignores void, where the target has some."""
    return {"ignore_index": VOID} if (target == VOID).any() else {}


def iter_right_runs() -> Iterator[CorpusRun]:
    """Yield every right run."""
    for network in NETWORKS:
        output = output_of(network)
        for k in range(len(output.logits)):
            for how, arguments in iter_ways(output, k):
                if "target" in arguments and (arguments["target"] == VOID).all():
                    continue
                yield CorpusRun(network, how, k, arguments)
            if network.startswith("shapes"):
                target = draw_shapes(k, void=False).target
                arguments = {
                    "logits": output.logits[k],
                    "target": target,
                    "grid": output.options["grid"],
                }
                yield CorpusRun(network, "boundaries annotated", k, arguments)
    yield from iter_batches()
    yield from iter_sizes()


def iter_ways(output: Output, k: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the ways in which one scene is passed."""
    logits, labels, target = output.logits[k], output.labels[k], output.targets[k]
    void, classes, image = void_of(target), {"num_classes": output.classes}, output.scenes[k].image
    yield "logits, target", {"logits": logits, "target": target, **output.options, **void}
    yield "labels, target", {"labels": labels, "target": target, **classes, **void}
    yield "labels, target, no class count", {"labels": labels, "target": target, **void}
    yield "everything", {
        "logits": logits, "labels": labels, "target": target, "image": image,
        "input": normalize(image), "mean": MEAN, "std": STD, **classes, **output.options, **void,
    }  # fmt: skip
    yield "a crop", {
        "labels": labels[16:80, 32:96], "target": target[16:80, 32:96], **classes, **void,
    }  # fmt: skip
    if k % 2 == 0:
        yield "a small crop", {
            "labels": labels[40:56, 40:56], "target": target[40:56, 40:56], **classes, **void,
        }  # fmt: skip
        yield "low confidence", {
            "logits": logits / np.float32(30), "target": target, **output.options, **void,
        }  # fmt: skip
        yield "labels alone", {"labels": labels}
        yield "target alone", {"target": target, **classes, **void}
        yield "logits alone", {"logits": logits, **output.options}


def iter_batches() -> Iterator[CorpusRun]:
    """Yield batches of pictures."""
    for network in NETWORKS:
        output = output_of(network)
        void = void_of(output.targets)
        for first in range(0, len(output.logits), 4):
            part = slice(first, first + 4)
            yield CorpusRun(network, "four pictures", first, {
                "logits": output.logits[part], "target": output.targets[part],
                **output.options, **void,
            })  # fmt: skip
        for first in range(0, len(output.logits), 2):
            part = slice(first, first + 2)
            yield CorpusRun(network, "two pictures", first, {
                "labels": output.labels[part], "target": output.targets[part],
                "num_classes": output.classes, **void,
            })  # fmt: skip


def iter_sizes() -> Iterator[CorpusRun]:
    """Yield large pictures, which are small ones enlarged or side by side."""
    for network in ("shapes", "tile", "lesion"):
        output = output_of(network)
        for k in range(2):
            labels, target = (
                a[k].repeat(4, 0).repeat(4, 1) for a in (output.labels, output.targets)
            )
            yield CorpusRun(network, "enlarged", k, {
                "logits": output.logits[k], "target": target, **output.options, **void_of(target),
            })  # fmt: skip
            wide = [np.tile(labels, (2, 4)), np.tile(target, (2, 4))]
            yield CorpusRun(network, "a large picture", k, {
                "labels": wide[0][:1024, :2048], "target": wide[1][:1024, :2048],
                "num_classes": output.classes, **void_of(target),
            })  # fmt: skip
