"""Keras models, and whole models in the older `.h5` format, which are loaded by order."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from segpost.checkpoints import sandbox, tree
from segpost.checkpoints.tree import State, TensorEntry

LEGACY = "keras-legacy"


def is_model(value: Any) -> bool:
    """Return whether a value is a live Keras model."""
    return callable(getattr(value, "save_weights", None)) and hasattr(value, "weights")


def read_model(model: Any, name: str, values: bool) -> State:
    """Return the weights of a Keras model under the names that its own writer gives them."""
    if not model.weights:
        raise ValueError(f"{name} is a Keras model without weights; build it: model.build(shape)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.weights.h5")
        model.save_weights(str(path))
        state = sandbox.read(path, "keras", path.stat().st_size, values)
    return State(type(model).__name__, "model", state.tensors, state.keys, state.separator)


def align_legacy(source: State, model: Any, values: bool) -> tuple[State, State] | None:
    """Return a whole-model `.h5` file and a live model under the same names, as Keras pairs them.

    Keras' own loader pairs layers that have weights by their order, and their weights too. None
    where the numbers of layers or weights differ.
    """
    layers: dict[str, list[tree.Path]] = {}
    for path in source.tensors:
        if path[0] not in tree.KERAS_OPTIMIZERS:
            layers.setdefault(path[0], []).append(path)
    targets = [(layer, _weights(layer)) for layer in model.layers]
    targets = [(layer, weights) for layer, weights in targets if weights]
    if [len(paths) for paths in layers.values()] != [len(weights) for _, weights in targets]:
        return None
    renamed = {p: e for p, e in source.tensors.items() if p[0] in tree.KERAS_OPTIMIZERS}
    live: dict[tree.Path, TensorEntry] = {}
    for paths, (layer, weights) in zip(layers.values(), targets, strict=True):
        for path, weight in zip(paths, weights, strict=True):
            key = (layer.name, *path[1:])
            renamed[key] = source.tensors[path]
            live[key] = tree.as_entry(np.asarray(weight.numpy()), "/".join(key), values)
    target = State(type(model).__name__, "model", live, separator="/")
    return replace(source, tensors=renamed), target


def _weights(layer: Any) -> list[Any]:
    """Return the weights of a layer in the order of the format."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]
