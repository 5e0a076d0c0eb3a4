"""Safetensors files as checkpoints: only the header is read until statistics are asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from segpost.checkpoints.statistics import READ_KINDS, Statistics, compute_statistics
from segpost.checkpoints.tree import State, TensorEntry
from segpost.files.safetensors import Slot, iter_values, read_slots


def read(path: Path, values: bool) -> State:
    """Return the content of a file; only its header is read until statistics are asked for.

    Raises
    ------
    ValueError
        If the header is damaged or malicious.
    """
    tensors: dict[tuple[str, ...], TensorEntry] = {
        (name,): TensorEntry(slot.shape, slot.kind, _reader_of(path, slot) if values else None)
        for name, slot in read_slots(path).items()
    }
    return State(str(path), "safetensors", tensors)


def _reader_of(path: Path, slot: Slot) -> Callable[[], Statistics] | None:
    """Return a function that reads the values of a tensor; None for other element types."""
    if slot.kind not in READ_KINDS:
        return None
    return lambda: compute_statistics(iter_values(path, slot), slot.kind)
