"""The native backend: the compiled kernels, which return the contract's records themselves."""

from __future__ import annotations

from collections.abc import Sequence

from segpost import _cpu
from segpost._core import contract
from segpost._core.contract import (
    LATTICES,
    CrfSolver,
    Pairwise,
    Unary,
)
from segpost._cpu import (
    argmax,
    argmax_volume,
    boundary_bands,
    boundary_matches,
    colorize,
    confusion_labels,
    confusion_logits,
    instance_counts,
    labels_from_colors,
    letterbox,
    overlay,
    softmax,
)

__all__ = [
    "argmax",
    "argmax_volume",
    "boundary_bands",
    "boundary_matches",
    "colorize",
    "confusion_labels",
    "confusion_logits",
    "dense_crf",
    "fuses",
    "instance_counts",
    "labels_from_colors",
    "letterbox",
    "overlay",
    "softmax",
]

_cpu.bind_records(contract)  # an error where the compiled code has other fields in mind


def fuses(*, resized: bool, sigmoid: bool, probabilities: bool) -> bool:
    """Whether argmax computes confidence in one pass."""
    return not sigmoid and not (probabilities and resized)


def dense_crf(
    unary: Unary, terms: Sequence[Pairwise], own: bool, method: str, quality: str
) -> CrfSolver:
    recipe = None if method == "exact" else LATTICES[quality]
    return _cpu.CrfSolver(unary, tuple(terms), own, recipe)
