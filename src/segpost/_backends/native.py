"""The native backend: the compiled kernels, with what they report as the contract's tuples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segpost import _cpu
from segpost._core.contract import (
    LATTICES,
    Array,
    ColorOutputs,
    CrfStep,
    LabelErrors,
    LatticeConfig,
    LogitErrors,
    Logits,
    Pairwise,
    Unary,
    UnaryErrors,
)
from segpost._core.sampling import Axes, FilterTaps, VolumeAxes


def argmax(
    logits: Logits,
    axes: Axes | None,
    labels: Array,
    paint: ColorOutputs | None = None,
    confidence: Array | None = None,
    fast: bool = False,
    probabilities: Array | None = None,
) -> LogitErrors:
    return LogitErrors(*_cpu.argmax(logits, axes, labels, paint, confidence, fast, probabilities))


def fuses(*, resized: bool, sigmoid: bool, probabilities: bool) -> bool:
    return not sigmoid and not (probabilities and resized)


def argmax_volume(logits: Logits, axes: VolumeAxes, labels: Array) -> LogitErrors:
    return LogitErrors(*_cpu.argmax_volume(logits, axes, labels))


def softmax(
    logits: Logits, axes: Axes | None, probabilities: Array | None, confidence: Array | None
) -> LogitErrors:
    return LogitErrors(*_cpu.softmax(logits, axes, probabilities, confidence))


def colorize(labels: Array, lut: Array, ignore_index: int | None, out: Array) -> LabelErrors:
    return LabelErrors(*_cpu.colorize(labels, lut, ignore_index, out))


def overlay(
    image: Array,
    labels: Array,
    lut: Array,
    alpha: Array,
    ignore_index: int | None,
    contour: int,
    out: Array,
) -> LabelErrors:
    return LabelErrors(*_cpu.overlay(image, labels, lut, alpha, ignore_index, contour, out))


def labels_from_colors(image: Array, keys: Array, values: Array, out: Array) -> LabelErrors:
    return LabelErrors(*_cpu.labels_from_colors(image, keys, values, out))


def letterbox(
    image: Array, y: FilterTaps, x: FilterTaps, offset: tuple[int, int], colors: Array, out: Array
) -> None:
    filters = (y.first, y.weights.astype(np.float32)), (x.first, x.weights.astype(np.float32))
    _cpu.letterbox(image, *filters, offset, colors.astype(np.float32), out)


def confusion_labels(preds: Array, target: Array, ignored: Array, counts: Array) -> None:
    _cpu.confusion_labels(preds, target, ignored, counts)


def confusion_logits(
    logits: Logits, axes: Axes | None, target: Array, ignored: Array, counts: Array
) -> LogitErrors:
    return LogitErrors(*_cpu.confusion_logits(logits, axes, target, ignored, counts))


def boundary_bands(
    labels: Array, width: int, frame: bool, classes: int, ignored: Array, out: Array
) -> None:
    _cpu.bands(labels, width, frame, classes, ignored, out)


def boundary_matches(
    preds: Array, target: Array, ignored: Array, offsets: Array, counts: Array
) -> None:
    _cpu.boundary_matches(preds, target, ignored, offsets, counts)


def instance_counts(
    preds: Array, target: Array, instances: Array, groups: Array, ignored: Array, counts: Array
) -> None:
    _cpu.instance_counts(preds, target, instances, groups, ignored, counts)


class CrfSolver:
    """A lattice and a grid for every term of one image, in native memory."""

    def __init__(
        self, unary: Unary, terms: Sequence[Pairwise], own: bool, recipe: LatticeConfig | None
    ) -> None:
        self._solver = _cpu.CrfSolver(unary, tuple(terms), own, recipe)
        self.bad = UnaryErrors(*self._solver.bad)

    def infer(
        self,
        out: Array,
        iterations: int,
        start: Array | None,
        tolerance: float | None,
        trace: bool,
    ) -> list[CrfStep]:
        steps = self._solver.infer(out, iterations, start, tolerance, trace)
        return [CrfStep(*step) for step in steps]


def dense_crf(
    unary: Unary, terms: Sequence[Pairwise], own: bool, method: str, quality: str
) -> CrfSolver:
    return CrfSolver(unary, terms, own, None if method == "exact" else LATTICES[quality])
