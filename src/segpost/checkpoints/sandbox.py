"""Checkpoints that only their own library can read, in a child process with limits.

The child answers with JSON: names, shapes, dtypes and statistics.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from segpost.checkpoints.statistics import Statistics
from segpost.checkpoints.tree import State, TensorEntry
from segpost.files.safetensors import MAX_TENSORS
from segpost.files.sandbox import run_reader


def read(path: Path, layout: str, size: int, values: bool) -> State:
    """Return the content of a file, as the child reads it.

    Parameters
    ----------
    path : path
    layout : {"torch", "keras", "tensorflow"}
    size : int
        Bytes of the file; the limits grow with it.
    values : bool
        Whether its values are to be read.

    Raises
    ------
    ValueError
        If the file is refused, or its reader exceeded a limit or crashed.
    ModuleNotFoundError
        If the library that reads it is not installed.
    """
    answer = run_reader(
        "segpost.checkpoints.sandbox_child", path, size, layout, str(int(values))
    ).fields
    try:
        return _parse_answer(path, layout, answer)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"its reader gave an impossible answer: {error!r}") from None


def _parse_answer(path: Path, layout: str, answer: dict[str, Any]) -> State:
    """Return the state that an answer describes, after a check of its form."""
    tensors: dict[tuple[str, ...], TensorEntry] = {}
    if len(answer["tensors"]) > MAX_TENSORS:
        raise ValueError(f"more than {MAX_TENSORS} tensors")
    for keys, shape, kind, values in answer["tensors"]:
        if not all(isinstance(key, str) for key in (*keys, kind)):
            raise TypeError("a name that is no string")
        if not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError(f"shape {shape!r}")
        tensors[tuple(keys)] = TensorEntry(tuple(shape), kind, _parse_statistics(values))
    top_level = {str(key): str(kind) for key, kind in answer["keys"].items()}
    separator = "." if layout == "torch" else "/"
    versions = {
        tuple(map(str, keys)): {str(k): int(v) for k, v in entry.items()}
        for keys, entry in answer.get("versions", [])
    }
    layout = "keras-legacy" if answer.get("legacy") is True else layout
    return State(str(path), layout, tensors, top_level, separator, versions=versions)


def _parse_statistics(values: Any) -> Callable[[], Statistics] | None:
    """Return a function that returns the statistics of an answer, after a check of their types."""
    if values is None:
        return None
    *numbers, digest = values
    if not isinstance(digest, str) or not all(type(n) in (int, float) for n in numbers):
        raise TypeError("statistics that are no numbers")
    statistics = Statistics._make([*numbers, digest])
    return lambda: statistics
