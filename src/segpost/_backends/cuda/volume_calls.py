"""The operations of the CUDA backend on volumes.

Images between slices are interpolated in float64, a few at a time, and go to the operations of
images; labels and masks have kernels of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from segpost._backends.cuda.calls import DeviceCalls
from segpost._backends.volumes import Outputs, sum_volumes
from segpost._core.contract import Array, LogitErrors, Logits
from segpost._core.sampling import Axes, VolumeAxes

BLEND_BYTES = 64 << 20  # of interpolated images


class VolumeCalls(DeviceCalls):
    """The operations of `VolumeOperations`."""

    if TYPE_CHECKING:
        softmax: Callable[..., LogitErrors]
        rank_classes: Callable[..., LogitErrors]

    def argmax_volume(self, logits: Logits, axes: VolumeAxes, labels: Array) -> LogitErrors:
        return self._sum_volumes(
            logits, labels, lambda volume, out: self._argmax_one_volume(volume, axes, out)
        )

    def binarize_volume(
        self, logits: Logits, axes: VolumeAxes, cutoffs: Array, values: Array | None, out: Array
    ) -> LogitErrors:
        return self._sum_volumes(
            logits,
            out,
            lambda volume, masks: self._binarize_one_volume(volume, axes, cutoffs, values, masks),
        )

    def softmax_volume(
        self,
        logits: Logits,
        axes: VolumeAxes,
        probabilities: Array | None,
        confidence: Array | None,
    ) -> LogitErrors:
        if probabilities is None:
            return self.rank_volume(logits, axes, None, confidence, None, None, None, None)
        return self._blend(logits, axes, self.softmax, (probabilities, confidence))

    def rank_volume(self, logits: Logits, axes: VolumeAxes, *outputs: Array | None) -> LogitErrors:
        return self._blend(logits, axes, self.rank_classes, outputs)

    def _sum_volumes(
        self, logits: Logits, out: Array, operate: Callable[[Logits, Array], LogitErrors]
    ) -> LogitErrors:
        """Call an operation for every volume, and return the errors of all."""
        total = LogitErrors()
        for n in range(len(out)):
            one_volume = logits._replace(values=logits.values[n : n + 1])
            errors = operate(one_volume, out[n : n + 1])
            logits_before = n * math.prod(logits.values.shape[2:])
            total = total.plus(errors, logits_before, n * math.prod(out.shape[1:]))
        return total

    def _argmax_one_volume(self, logits: Logits, axes: VolumeAxes, labels: Array) -> LogitErrors:
        with self._at(logits.values) as context:
            tables = self.devices.tables.axes(axes, context)
            errors = self._new_errors(6, context)
            size = self.runtime.argmax_volume_workspace(logits, tables, labels)
            workspace = context.empty((size,), np.uint8) if size else None
            self.runtime.argmax_volume(logits, tables, labels, context.stream, errors, workspace)
            return self._logit_errors("argmax", errors)

    def _binarize_one_volume(
        self, logits: Logits, axes: VolumeAxes, cutoffs: Array, values: Array | None, out: Array
    ) -> LogitErrors:
        with self._at(logits.values) as context:
            get = self.devices.tables.get
            tables = self.devices.tables.axes(axes, context)
            levels = get(cutoffs, context)
            values_there = None if values is None else get(values, context)
            errors = self._new_errors(6, context)
            self.runtime.binarize_volume(
                logits, tables, levels, values_there, out, context.stream, errors
            )
            return self._logit_errors("binarize", errors)

    def _blend(
        self,
        logits: Logits,
        axes: VolumeAxes,
        operate: Callable[..., LogitErrors],
        outputs: Outputs,
    ) -> LogitErrors:
        """Call an operation of images for those between the slices of volumes."""
        in_plane, pixels = Axes(axes.y, axes.x), axes.y.n_out * axes.x.n_out

        def operate_each(slices: Logits, images: Outputs) -> LogitErrors:
            _, *shape = slices.values.shape
            count = max(BLEND_BYTES // (8 * math.prod(shape)), 1)
            total = LogitErrors()
            with self._at(slices.values) as context:
                tables: Any = self.devices.tables.axes(axes, context)
                for first in range(0, axes.z.n_out, count):
                    last = min(first + count, axes.z.n_out)
                    blended = context.empty((last - first, *shape), np.float64)
                    self.runtime.blend_slices(slices, tables.z, first, blended, context.stream)
                    parts = (None if image is None else image[first:last] for image in images)
                    between = slices._replace(values=blended, kind="float64")
                    errors = operate(between, in_plane, *parts)
                    total = total.plus(errors, 0, first * pixels)
            return total

        return sum_volumes(logits, outputs, operate_each)
