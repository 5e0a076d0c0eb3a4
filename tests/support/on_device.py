"""A CUDA backend for arrays on the CPU: each is copied to the device and back.

So every claim of the other tests is one about the CUDA kernels too: on a device where there is one,
and from the same sources emulated on the CPU.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from emulated.build import build, compiler

from segpost._backends import features, reference
from segpost._backends.cuda.backend import CudaBackend
from segpost._backends.cuda.devices import Devices
from segpost._core import cuda_module
from segpost._core.arrays import widen
from segpost._core.contract import (
    ColorOutputs,
    CrfSolver,
    CrfStep,
    LabelErrors,
    LogitErrors,
    Logits,
    Pairwise,
    Unary,
)
from segpost._core.device import Array, DeviceArray, DeviceContext, device_view, to_host
from segpost._core.device_arrays import Memory
from segpost._core.object_contract import Runs
from segpost._core.query_contract import QueryGrids, QueryMasks
from segpost._core.run_lengths import RunLengths
from segpost._core.sampling import Axes, VolumeAxes

OF_RUNS = (
    "count_runs",
    "compress_counts",
    "label_components",
    "count_contacts",
    "decompress_runs",
    "sort_groups",
    "complement_runs",
    "trace_rings",
)
EMULATED, REAL = "cuda-emulated", "cuda-device"
LINE = 64  # bytes: where an array begins within as many is kept


def missing(name: str) -> str | None:
    """Why a backend of this module cannot be tested here."""
    if name == REAL:
        return cuda_module.cuda_problem()
    return None if compiler() else "no C++ compiler to emulate CUDA with"


@lru_cache
def backend(name: str) -> OnDevice:
    """The CUDA backend, emulated or not."""
    return OnDevice(build() if name == EMULATED else cuda_module.cuda_runtime())


class OnDevice:
    """The operations that CUDA has, on copies."""

    def __init__(self, runtime: Any) -> None:
        self.gpu = CudaBackend(Devices(runtime))
        self.place = DeviceContext("cuda", 0, 0, self.empty, runtime)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        memory = Memory(self.place.runtime, size, 0)
        return device_view(memory.address, shape, None, dtype, self.place, memory)

    def there(self, array: Array) -> DeviceArray:
        """A copy on the device, of the same strides, as well aligned and no better."""
        if not array.size:
            return device_view(0, array.shape, array.strides, array.dtype, self.place, None)
        pairs = [*zip(array.shape, array.strides, strict=True)]
        low = sum(min(0, (n - 1) * step) for n, step in pairs)
        high = sum(max(0, (n - 1) * step) for n, step in pairs) + array.itemsize
        start = array.ctypes.data + low
        span = np.frombuffer(ctypes.string_at(start, high - low), np.uint8)
        memory = Memory(self.place.runtime, LINE + len(span), 0)
        address = memory.address + start % LINE
        self.place.runtime.copy_in(address, span, 0)
        layout = array.shape, array.strides, array.dtype
        return device_view(address - low, *layout, self.place, memory)

    def run(self, call: Callable[..., Any], arguments: list[Any], outputs: tuple[int, ...]) -> Any:
        """The call with copies of the arrays; of those that are outputs copies come back."""
        copies = [self.copied(value) for value in arguments]
        result = call(*copies)
        for i in outputs:
            if arguments[i] is not None:
                arguments[i][...] = to_host(copies[i])
        return result

    def copied(self, value: Any) -> Any:
        if isinstance(value, Logits):
            return value._replace(values=self.there(value.values))
        return self.there(value) if isinstance(value, np.ndarray) and value.ndim > 2 else value

    def argmax(
        self,
        logits: Logits,
        axes: Axes | None,
        labels: Array,
        paint: ColorOutputs | None = None,
        confidence: Array | None = None,
        fast: bool = False,
        probabilities: Array | None = None,
    ) -> LogitErrors:
        _, color, laid = paint or (None, None, None)
        image, _, overlay = laid or (None, None, None)

        def call(there: Any, labels: Any, color: Any, image: Any, over: Any, *sure: Any) -> Any:
            over = laid and laid._replace(image=image, out=over)
            copies = paint and paint._replace(color=color, overlay=over)
            return self.gpu.argmax(there, axes, labels, copies, sure[0], fast, sure[1])

        arguments = [logits, labels, color, image, overlay, confidence, probabilities]
        report: LogitErrors = self.run(call, arguments, (1, 2, 4, 5, 6))
        return report

    def fuses(self, *, resized: bool, sigmoid: bool, probabilities: bool) -> bool:
        fused: bool = self.gpu.fuses(resized=resized, sigmoid=sigmoid, probabilities=probabilities)
        return fused

    def find_runs(self, labels: Array, values: Array | None = None) -> Runs:
        runs: Runs = self.run(self.gpu.find_runs, [labels, values], ())
        return runs

    def argmax_runs(self, logits: Logits, axes: Axes) -> tuple[Runs, LogitErrors]:
        result: tuple[Runs, LogitErrors] = self.run(self.gpu.argmax_runs, [logits, axes], ())
        return result

    def bound_masks(self, masks: QueryMasks) -> tuple[int, int]:
        return self.gpu.bound_masks(masks._replace(values=self.there(masks.values)))

    def label_classes(
        self, masks: QueryMasks, grids: QueryGrids, weights: Array, labels: Array
    ) -> None:
        there = masks._replace(values=self.there(masks.values))
        self.run(lambda out: self.gpu.label_classes(there, grids, weights, out), [labels], (0,))

    def assign_queries(
        self,
        masks: QueryMasks,
        grids: QueryGrids,
        queries: Array,
        scores: Array,
        thresholds: Array,
        is_logit: bool,
        is_late: bool,
        cuts: bool,
        labels: Array,
        counts: Array,
    ) -> None:
        there, out = masks._replace(values=self.there(masks.values)), self.there(labels)
        settings = is_logit, is_late, cuts
        self.gpu.assign_queries(there, grids, queries, scores, thresholds, *settings, out, counts)
        labels[...] = to_host(out)

    def measure_masks(
        self,
        masks: QueryMasks,
        grids: QueryGrids,
        queries: Array,
        level: float,
        is_late: bool,
        bits: Array,
        areas: Array,
        sums: Array,
    ) -> None:
        there, out = masks._replace(values=self.there(masks.values)), self.there(bits)
        self.gpu.measure_masks(there, grids, queries, level, is_late, out, areas, sums)
        bits[...] = to_host(out)

    def paint_masks(
        self,
        bits: Array,
        masks: Array,
        values: Array,
        row: Array,
        column: Array,
        labels: Array,
        counts: Array,
    ) -> None:
        out = self.there(labels)
        self.gpu.paint_masks(self.there(bits), masks, values, row, column, out, counts)
        labels[...] = to_host(out)

    def replace_labels(self, labels: Array, values: Array, out: Array) -> None:
        there = self.there(out)
        self.gpu.replace_labels(self.there(labels), values, there)
        out[...] = to_host(there)

    def __getattr__(self, name: str) -> Any:
        """An operation on runs, which have been read on the CPU."""
        if name not in OF_RUNS:
            raise AttributeError(name)
        return getattr(reference, name)

    def argmax_volume(self, logits: Logits, axes: VolumeAxes, labels: Array) -> LogitErrors:
        report: LogitErrors = self.run(self.gpu.argmax_volume, [logits, axes, labels], (2,))
        return report

    def binarize_volume(
        self, logits: Logits, axes: VolumeAxes, cutoffs: Array, values: Array | None, out: Array
    ) -> LogitErrors:
        arguments = [logits, axes, cutoffs, values, out]
        report: LogitErrors = self.run(self.gpu.binarize_volume, arguments, (4,))
        return report

    def softmax_volume(
        self, logits: Logits, axes: VolumeAxes, *outputs: Array | None
    ) -> LogitErrors:
        arguments = [logits, axes, *outputs]
        report: LogitErrors = self.run(self.gpu.softmax_volume, arguments, (2, 3))
        return report

    def rank_volume(self, logits: Logits, axes: VolumeAxes, *outputs: Array | None) -> LogitErrors:
        arguments = [logits, axes, *outputs]
        report: LogitErrors = self.run(self.gpu.rank_volume, arguments, (3, 4, 5, 6, 7))
        return report

    def softmax(
        self,
        logits: Logits,
        axes: Axes | None,
        probabilities: Array | None,
        confidence: Array | None,
    ) -> LogitErrors:
        arguments = [logits, axes, probabilities, confidence]
        report: LogitErrors = self.run(self.gpu.softmax, arguments, (2, 3))
        return report

    def binarize(
        self, logits: Logits, axes: Axes | None, cutoffs: Array, masks: Array, packed: bool
    ) -> LogitErrors:
        arguments = [logits, axes, cutoffs, masks, packed]
        report: LogitErrors = self.run(self.gpu.binarize, arguments, (3,))
        return report

    def binarize_labels(
        self, logits: Logits, axes: Axes | None, cutoffs: Array, values: Array, labels: Array
    ) -> LogitErrors:
        arguments = [logits, axes, cutoffs, values, labels]
        report: LogitErrors = self.run(self.gpu.binarize_labels, arguments, (4,))
        return report

    def binarize_runs(
        self, logits: Logits, axes: Axes | None, cutoffs: Array
    ) -> tuple[RunLengths, LogitErrors]:
        arguments = [logits, axes, cutoffs]
        result: tuple[RunLengths, LogitErrors] = self.run(self.gpu.binarize_runs, arguments, ())
        return result

    def rank_classes(
        self,
        logits: Logits,
        axes: Axes | None,
        labels: Array | None,
        confidence: Array | None,
        entropy: Array | None,
        margin: Array | None,
        top_labels: Array | None,
        top_probabilities: Array | None,
    ) -> LogitErrors:
        maps = [confidence, entropy, margin, top_labels, top_probabilities]
        arguments = [logits, axes, labels, *maps]
        report: LogitErrors = self.run(self.gpu.rank_classes, arguments, (3, 4, 5, 6, 7))
        return report

    def colorize(
        self, labels: Array, lut: Array, ignore_index: int | None, out: Array
    ) -> LabelErrors:
        bad: LabelErrors = self.run(self.gpu.colorize, [labels, lut, ignore_index, out], (3,))
        return bad

    def overlay(
        self,
        image: Array,
        labels: Array,
        lut: Array,
        alpha: Array,
        ignore_index: int | None,
        contour: int,
        out: Array,
    ) -> LabelErrors:
        arguments = [image, labels, lut, alpha, ignore_index, contour, out]
        bad: LabelErrors = self.run(self.gpu.overlay, arguments, (6,))
        return bad

    def labels_from_colors(
        self, image: Array, keys: Array, values: Array, out: Array
    ) -> LabelErrors:
        bad: LabelErrors = self.run(self.gpu.labels_from_colors, [image, keys, values, out], (3,))
        return bad

    def confusion_labels(self, preds: Array, target: Array, ignored: Array, counts: Array) -> None:
        self.run(self.gpu.confusion_labels, [preds, target, ignored, counts], ())

    def confusion_logits(
        self, logits: Logits, axes: Axes | None, target: Array, ignored: Array, counts: Array
    ) -> LogitErrors:
        arguments = [logits, axes, target, ignored, counts]
        report: LogitErrors = self.run(self.gpu.confusion_logits, arguments, ())
        return report

    def supports(self, operation: str, kind: str = "") -> bool:
        return True  # bfloat16 is widened before it is copied

    def label_energies(
        self, labels: Array, certainty: float, unsure: int | None, out: Array
    ) -> LabelErrors:
        arguments = [labels, certainty, unsure, out]
        errors: LabelErrors = self.run(self.gpu.label_energies, arguments, (3,))
        return errors

    def feature_range(self, values: Array, kind: str) -> tuple[Array, LabelErrors]:
        if kind == "bfloat16":
            values, kind = widen(values, kind), "float32"
        result: tuple[Array, LabelErrors] = self.gpu.feature_range(self.there(values), kind)
        return result

    def prepare_guide(
        self, values: Array, kind: str, bounds: Array, limits: Array
    ) -> tuple[Array, Array]:
        return features.prepare_guide(values, kind, bounds, limits)

    def reduce_max(self, values: Array, out: Array) -> None:
        self.run(self.gpu.reduce_max, [values, out], (1,))

    def dense_crf(
        self, unary: Unary, terms: Sequence[Pairwise], include_self: bool, method: str, quality: str
    ) -> CrfOnDevice:
        there = [
            term if term.guide is None else term._replace(guide=self.there(term.guide))
            for term in terms
        ]
        values = self.there(unary.values)
        solver = self.gpu.dense_crf(
            unary._replace(values=values), there, include_self, method, quality
        )
        return CrfOnDevice(self, solver)


class CrfOnDevice:
    """A solver whose arrays are copied."""

    def __init__(self, device: OnDevice, solver: CrfSolver) -> None:
        self.device, self.solver = device, solver
        self.bad = solver.bad

    def infer(
        self,
        out: Array,
        iterations: int,
        start: Array | None,
        tolerance: float | None,
        trace: bool,
    ) -> list[CrfStep]:
        arguments = [out, iterations, start, tolerance, trace]
        steps: list[CrfStep] = self.device.run(self.solver.infer, arguments, (0,))
        return steps
