"""Pairs of tensors whose names are not alike: by their values, or by their order and shapes."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from segpost.checkpoints.tree import TensorEntry, Tensors

MIN_PAIRED = 0.9  # of the model's tensors with varying values that must be in the checkpoint
MIN_TENSORS = 2
# Ends of names that mean the same in other libraries.
ENDS = {
    "gamma": "weight",
    "beta": "bias",
    "kernel": "weight",
    "scale": "weight",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
    "mean": "running_mean",
    "var": "running_var",
}


def pair_by_values(checkpoint: Tensors, model: Tensors) -> dict[str, str]:
    """Return names of the checkpoint with names of the model that hold the same values.

    Tensors with equal values are paired in the order of their names: whichever goes where, the
    model is the same.
    """
    old, new = _by_content(checkpoint), _by_content(model)
    pairs: dict[str, str] = {}
    varying = paired_count = 0
    for key, names in new.items():
        others = old.get(key, [])
        if key[2]:  # its values vary
            varying += len(names)
            paired_count += min(len(names), len(others))
        pairs |= dict(
            zip(sorted(others, key=natural_key), sorted(names, key=natural_key), strict=False)
        )
    if paired_count < MIN_TENSORS or paired_count < MIN_PAIRED * varying:
        return {}
    return pairs


def _by_content(tensors: Tensors) -> dict[tuple[str, tuple[int, ...], bool], list[str]]:
    groups: dict[tuple[str, tuple[int, ...], bool], list[str]] = defaultdict(list)
    for name, entry in tensors.items():
        statistics = entry.statistics
        if statistics is not None:
            groups[statistics.digest, entry.shape, not statistics.is_constant].append(name)
    return groups


def pair_by_order(checkpoint: Tensors, model: Tensors) -> dict[str, str]:
    """Return names of the checkpoint with those at the same place of the model.

    All of them must have the same shapes and ends of names in the same order.
    """
    if len(checkpoint) != len(model):
        return {}
    pairs = list(zip(checkpoint.items(), model.items(), strict=True))
    if any(a.shape != b.shape or _end(old) != _end(new) for (old, a), (new, b) in pairs):
        return {}
    shapes = Counter(_kind(name, entry) for name, entry in model.items())
    if len(shapes) < MIN_TENSORS or max(shapes.values()) == len(model):
        return {}  # every order of equal shapes would do
    return {old: new for (old, _), (new, _) in pairs}


def _kind(name: str, entry: TensorEntry) -> tuple[str, tuple[int, ...]]:
    return _end(name), entry.shape


def _end(name: str) -> str:
    end = re.split(r"[./]", name)[-1]
    return ENDS.get(end, end)


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts numbers in names by their value."""
    return [
        (0, int(part), "") if part.isdigit() else (1, 0, part)
        for part in re.split(r"(\d+)", name)
        if part
    ]
