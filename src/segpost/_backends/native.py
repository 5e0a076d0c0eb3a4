"""The native backend: the compiled kernels, which return the contract's records themselves."""

from __future__ import annotations

from collections.abc import Sequence

from segpost import _cpu
from segpost._backends.operations import collect_operations
from segpost._backends.reference import features
from segpost._core import contract
from segpost._core.contract import (
    LATTICES,
    Array,
    ColorOutputs,
    CrfSolver,
    LogitErrors,
    Logits,
    Pairwise,
    Unary,
)
from segpost._core.sampling import Axes

_cpu.bind_records(contract)  # an error where the compiled code has other fields in mind
globals().update(collect_operations(_cpu, features))


def argmax(
    logits: Logits,
    axes: Axes | None,
    labels: Array,
    paint: ColorOutputs | None = None,
    confidence: Array | None = None,
    fast: bool = False,
    probabilities: Array | None = None,
) -> LogitErrors:
    return _cpu.argmax(logits, axes, labels, paint, confidence, fast, probabilities)


def fuses(*, resized: bool, sigmoid: bool, probabilities: bool) -> bool:
    """Whether argmax computes confidence in one pass."""
    return not sigmoid and not (probabilities and resized)


def dense_crf(
    unary: Unary, terms: Sequence[Pairwise], include_self: bool, method: str, quality: str
) -> CrfSolver:
    config = None if method == "exact" else LATTICES[quality]
    return _cpu.CrfSolver(unary, tuple(terms), include_self, config)
