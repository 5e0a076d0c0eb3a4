"""The operations of the CUDA backend, on the stream of the caller."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np

from segpost._backends.cuda import crf_inputs, objects
from segpost._backends.cuda.crf import CrfSolver as DeviceCrf
from segpost._backends.cuda.devices import Devices
from segpost._backends.cuda.mask_runs import read_runs
from segpost._backends.cuda.query_calls import QueryCalls
from segpost._backends.cuda.volume_calls import VolumeCalls
from segpost._backends.reference.objects import runs_of_argmax
from segpost._core import cuda_module
from segpost._core.arrays import WIDE_KINDS
from segpost._core.contract import (
    LATTICES,
    Array,
    ColorOutputs,
    CrfSolver,
    LabelErrors,
    LogitErrors,
    Logits,
    Pairwise,
    Unary,
)
from segpost._core.device import DeviceContext, context_of, with_float_confidence
from segpost._core.object_contract import Runs
from segpost._core.query_contract import QueryGrids, QueryMasks
from segpost._core.run_lengths import RunLengths
from segpost._core.sampling import Axes, same_size_axes
from segpost._core.thresholds import level_table


class CudaBackend(QueryCalls, VolumeCalls):
    """The operations on the devices of one runtime, with one time of reading error counts."""

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
        with ExitStack() as contexts:
            context = contexts.enter_context(self._at(logits.values))
            floats = (
                None
                if confidence is None
                else contexts.enter_context(with_float_confidence(confidence, context))
            )
            tables = self.devices.tables.axes(axes, context)
            errors = self._new_errors(6, context)
            self.runtime.argmax(
                logits,
                tables,
                labels,
                paint and ColorOutputs(self.devices.tables.get(paint.lut, context), paint.color),
                floats,
                context.stream,
                errors,
                self._workspace(logits, tables, context),
            )
        if paint is not None and paint.overlay is not None:
            image, alpha, out = paint.overlay
            self.overlay(image, labels, paint.lut, alpha, None, 0, out)
        nan, undefined, without_confidence = self._read_errors("argmax", errors)
        return LogitErrors(*nan, *(undefined if confidence is None else without_confidence))

    def fuses(self, *, resized: bool, sigmoid: bool, probabilities: bool) -> bool:
        """Return whether argmax computes confidence in the same pass."""
        return not probabilities

    def softmax(
        self,
        logits: Logits,
        axes: Axes | None,
        probabilities: Array | None,
        confidence: Array | None,
    ) -> LogitErrors:
        with ExitStack() as contexts:
            context = contexts.enter_context(self._at(logits.values))
            floats = (
                None
                if confidence is None
                else contexts.enter_context(with_float_confidence(confidence, context))
            )
            errors = self._new_errors(6, context)
            tables = self.devices.tables.axes(axes, context)
            self.runtime.softmax(logits, tables, probabilities, floats, context.stream, errors)
        return self._logit_errors("softmax", errors)

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
        maps = labels, confidence, entropy, margin, top_labels, top_probabilities
        grid = axes or same_size_axes(logits.values.shape[2:])
        with self._at(logits.values) as context:
            errors = self._new_errors(6, context)
            tables = self.devices.tables.axes(grid, context)
            self.runtime.rank_classes(logits, tables, *maps, context.stream, errors)
            return self._logit_errors("rank_classes", errors)

    def binarize(
        self, logits: Logits, axes: Axes | None, cutoffs: Array, masks: Array, packed: bool
    ) -> LogitErrors:
        return self._binarize(logits, axes, cutoffs, masks, packed, swapped=False)

    def _binarize(
        self,
        logits: Logits,
        axes: Axes | None,
        cutoffs: Array,
        masks: Array,
        packed: bool,
        *,
        swapped: bool,
    ) -> LogitErrors:
        with self._at(logits.values) as context:
            errors = self._new_errors(6, context)
            self.runtime.binarize(
                logits,
                self.devices.tables.axes(axes, context),
                self._levels(logits, axes, cutoffs, context),
                masks,
                packed,
                swapped,
                context.stream,
                errors,
            )
            return self._logit_errors("binarize", errors)

    def binarize_labels(
        self, logits: Logits, axes: Axes | None, cutoffs: Array, values: Array, labels: Array
    ) -> LogitErrors:
        with self._at(logits.values) as context:
            errors = self._new_errors(6, context)
            self.runtime.binarize_labels(
                logits,
                self.devices.tables.axes(axes, context),
                self._levels(logits, axes, cutoffs, context),
                self.devices.tables.get(values, context),
                labels,
                context.stream,
                errors,
            )
            return self._logit_errors("binarize", errors)

    def binarize_runs(
        self, logits: Logits, axes: Axes | None, cutoffs: Array
    ) -> tuple[RunLengths, LogitErrors]:
        """Return the counts of all masks, from the places where their bits, by columns, change."""
        n, classes, height, width = logits.values.shape
        if axes is not None:
            height, width = axes.y.n_out, axes.x.n_out
        shape = (n, classes, width, -(-height // 8))
        bits = context_of(logits.values).empty(shape, np.uint8)
        swapped = logits._replace(values=logits.values.transpose(0, 1, 3, 2))
        exchanged = None if axes is None else Axes(axes.x, axes.y)
        errors = self._binarize(swapped, exchanged, cutoffs, bits, True, swapped=True)
        with self._at(bits) as context:
            return read_runs(context, bits, height), errors

    def _levels(
        self, logits: Logits, axes: Axes | None, cutoffs: Array, context: DeviceContext
    ) -> Array:
        dtype = np.float64 if logits.kind in WIDE_KINDS else np.float32
        return self.devices.tables.get(level_table(cutoffs, axes, dtype), context)

    def label_classes(
        self, masks: QueryMasks, grids: QueryGrids, weights: Array, labels: Array
    ) -> None:
        with self._at(masks.values) as context:
            for n in range(len(labels)):
                scores = self._class_scores(context, masks, grids, weights, n)
                self.with_check("off").argmax(scores, grids.to_result, labels[n : n + 1])

    def find_runs(self, labels: Array, values: Array | None = None) -> Runs:
        with self._at(labels) as context:
            return objects.find_runs(context, labels, values)

    def argmax_runs(self, logits: Logits, axes: Axes) -> tuple[Runs, LogitErrors]:
        return runs_of_argmax(self.argmax, self.find_runs, logits, axes)

    def colorize(
        self, labels: Array, lut: Array, ignore_index: int | None, out: Array
    ) -> LabelErrors:
        with self._at(labels) as context:
            errors = self._new_errors(2, context)
            table = self.devices.tables.get(lut, context)
            self.runtime.colorize(labels, table, ignore_index, out, context.stream, errors)
            return self._label_errors("colorize", errors)

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
        with self._at(image) as context:
            errors = self._new_errors(2, context)
            tables = self.devices.tables.get(lut, context), self.devices.tables.get(alpha, context)
            self.runtime.overlay(
                image, labels, *tables, ignore_index, contour, out, context.stream, errors
            )
            return self._label_errors("overlay", errors)

    def labels_from_colors(
        self, image: Array, keys: Array, values: Array, out: Array
    ) -> LabelErrors:
        with self._at(image) as context:
            errors = self._new_errors(2, context)
            tables = (
                self.devices.tables.get(keys, context),
                self.devices.tables.get(values, context),
            )
            self.runtime.labels_from_colors(image, *tables, out, context.stream, errors)
            return self._label_errors("labels_from_colors", errors)

    def confusion_labels(self, preds: Array, target: Array, ignored: Array, counts: Array) -> None:
        with self._at(preds) as context, self._counting(counts, context) as cells:
            arguments = preds, target, self.devices.tables.get(ignored, context), cells
            self.runtime.confusion_labels(*arguments, context.stream)

    def confusion_logits(
        self, logits: Logits, axes: Axes | None, target: Array, ignored: Array, counts: Array
    ) -> LogitErrors:
        with self._at(logits.values) as context, self._counting(counts, context) as cells:
            errors = self._new_errors(6, context)
            if errors is not None and errors is not self._buffer:
                self.runtime.clear(errors.ctypes.data, errors.nbytes, context.stream)
            tables = self.devices.tables.axes(axes, context)
            self.runtime.confusion_logits(
                logits,
                tables,
                target,
                self.devices.tables.get(ignored, context),
                cells,
                context.empty(target.shape, np.int32),
                context.stream,
                errors,
                self._workspace(logits, tables, context),
            )
            return self._logit_errors("confusion_logits", errors)

    def dense_crf(
        self, unary: Unary, terms: Sequence[Pairwise], include_self: bool, method: str, quality: str
    ) -> CrfSolver:
        with self._at(unary.values):
            return DeviceCrf(
                unary, terms, include_self, None if method == "exact" else LATTICES[quality]
            )

    def label_energies(
        self, labels: Array, certainty: float, unsure: int | None, out: Array
    ) -> LabelErrors:
        with self._at(labels) as context:
            return crf_inputs.label_energies(context, labels, certainty, unsure, out)

    def feature_range(self, features: Array, kind: str) -> tuple[Array, LabelErrors]:
        with self._at(features) as context:
            return crf_inputs.feature_range(context, features)

    def prepare_guide(
        self, features: Array, kind: str, bounds: Array, limits: Array
    ) -> tuple[Array, Array]:
        return features, bounds  # the kernels read any real type in float64, relative to the bounds

    def reduce_max(self, values: Array, out: Array) -> None:
        with self._at(values) as context, with_float_confidence(out, context) as floats:
            self.runtime.reduce_max(values, floats, context.stream)


def make_backend() -> CudaBackend:
    """Return the backend of the compiled module."""
    return CudaBackend(Devices(cuda_module.cuda_runtime()))
