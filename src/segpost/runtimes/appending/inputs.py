"""Inputs on which the labels of two models are compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from segpost._core.arrays import Array

RANDOM = 3  # inputs that are made
FREE_SIDES = (1, 3, 128, 160)  # of an input (N, C, H, W) where the model fixes none
LARGEST = 1 << 27  # elements of an input that is made


class InputSpec(NamedTuple):
    """An input of a model."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


def make_inputs(specs: list[InputSpec]) -> Iterator[dict[str, Array]]:
    """Yield random inputs: noise, blocks of one color, and both, always the same ones.

    Raises
    ------
    ValueError
        If an input is too large to make, or of a type without numbers.
    """
    for seed in range(RANDOM):
        rng = np.random.default_rng(seed)
        yield {spec.name: _make_one(spec, rng, seed) for spec in specs}


def _make_one(spec: InputSpec, rng: np.random.Generator, seed: int) -> Array:
    defaults = FREE_SIDES if len(spec.shape) == 4 else (1,) * len(spec.shape)
    if len(spec.shape) == 4 and spec.shape[3] in (1, 3, 4):
        defaults = (1, 128, 160, 3)
    shape = tuple(
        default if side is None else side
        for side, default in zip(spec.shape, defaults, strict=True)
    )
    if np.prod(np.array(shape, float)) > LARGEST:
        raise ValueError(
            f"input {spec.name!r} has shape {shape}, which is too large to try; pass inputs=, or "
            "check=False"
        )
    try:
        dtype = np.dtype(spec.dtype)
    except TypeError:
        dtype = np.dtype(object)
    if dtype.kind not in "fiub":
        raise ValueError(
            f"input {spec.name!r} is of type {spec.dtype}, of which segpost makes none; pass "
            "inputs=, or check=False"
        )
    noise = rng.normal(size=shape)
    if len(shape) == 4 and seed:
        coarse = rng.normal(size=[-(-side // 16) for side in shape])
        blocks = coarse
        for axis, side in enumerate(shape):
            blocks = np.repeat(blocks, 16, axis).take(np.arange(side), axis)
        noise = 2 * blocks + (0 if seed == 1 else noise)
    if dtype.kind == "f":
        return noise.astype(dtype)
    if dtype.kind == "b":
        return noise > 0
    return np.clip(np.rint(128 + 64 * noise), 0, min(255, np.iinfo(dtype).max)).astype(dtype)


def check_inputs(inputs: Any, specs: list[InputSpec]) -> list[dict[str, Array]]:
    """Return the user's inputs as dicts of arrays, by the names of the model's inputs.

    Raises
    ------
    TypeError, ValueError
        If they are not arrays, or are named otherwise.
    """
    names = [spec.name for spec in specs]
    if isinstance(inputs, (Mapping, np.ndarray)):
        inputs = [inputs]
    if isinstance(inputs, str) or not isinstance(inputs, Iterable):
        raise TypeError(
            "inputs must be a dict of arrays by the names of the model's inputs, or a list of "
            f"them, got {type(inputs).__name__}"
        )
    checked = []
    for entry in inputs:
        if not isinstance(entry, Mapping):
            if len(names) != 1:
                raise ValueError(
                    f"inputs must be dicts: the model has the inputs {', '.join(map(repr, names))}"
                )
            entry = {names[0]: entry}
        if set(entry) != set(names):
            raise ValueError(
                f"inputs are named {', '.join(map(repr, entry))}, and the model's are "
                f"{', '.join(map(repr, names))}"
            )
        checked.append({name: np.asarray(entry[name]) for name in names})
    return checked
