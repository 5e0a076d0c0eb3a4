"""What networks of the corpus returned for a scene, as arguments of `diagnose`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from corpus_logits import load
from corpus_right import labels_of, output_of
from diagnosis_scenes import interpolate

import segpost

IGNORE = {"ignore_index": 255}
VOC = segpost.Palette.named("voc")
OWN_ORDER = [3, 0, 5, 1, 2, 4]  # of the classes, in a file with a palette of its own
SEVERAL = (0, 3, 5, 6)  # scenes with more than two classes


class Scene(NamedTuple):
    """What the well-trained network returned for a scene, and what is right."""

    logits: np.ndarray
    labels: np.ndarray
    target: np.ndarray
    image: np.ndarray
    full: np.ndarray  # logits at image size


def scene_of(k: int, network: str = "shapes") -> Scene:
    """Return a scene of the network of shapes, or another."""
    output = output_of(network)
    logits = output.logits[k]
    size = output.targets.shape[1:]
    return Scene(
        logits, output.labels[k], output.targets[k], output.scenes[k].image,
        enlarge(logits, size),
    )  # fmt: skip


def enlarge(logits: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Return (C, h, w) logits at another size, bilinear on half_pixel."""
    return np.asarray(interpolate(logits, size), np.float32)


def scene_of_mistake(name: str, k: int) -> Scene:
    """Return a scene of the shapes network under a stored mistake."""
    scene = scene_of(k)
    logits = load(f"shapes_{name}")[k]
    labels = labels_of(logits, scene.target, {})
    return scene._replace(logits=logits, labels=labels, full=enlarge(logits, scene.target.shape))


def pass_logits(scene: Scene, **more: Any) -> dict[str, Any]:
    """Return logits and target as arguments."""
    return {"logits": scene.logits, "target": scene.target, **IGNORE, **more}


def pass_labels(scene: Scene, labels: np.ndarray, **more: Any) -> dict[str, Any]:
    """Return labels and target as arguments."""
    return {"labels": labels, "target": scene.target, "num_classes": 6, **IGNORE, **more}
