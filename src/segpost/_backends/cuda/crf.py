"""The dense CRF on a device, and what is done there with its inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from segpost._core.contract import CrfStep, LabelErrors, LatticeConfig, Pairwise, Unary, UnaryErrors
from segpost._core.device import (
    Array,
    context_of,
    device_guard,
    read_error_counts,
    to_host,
    with_float_confidence,
)

TOP = np.uint64(1 << 63)


class CrfSolver:
    """A dense CRF of one image, in memory of its device."""

    def __init__(
        self,
        unary: Unary,
        terms: Sequence[Pairwise],
        include_self: bool,
        config: LatticeConfig | None,
    ) -> None:
        self._context = context_of(unary.values)
        with device_guard(self._context):
            self._solver = self._context.runtime.CrfSolver(
                unary, tuple(terms), include_self, config, self._context.stream, self._memory
            )
        self.bad: UnaryErrors = self._solver.bad

    def _memory(self, size: int) -> Array:
        return self._context.empty((size,), np.uint8)

    def infer(
        self,
        out: Array,
        iterations: int,
        start: Array | None,
        tolerance: float | None,
        trace: bool,
    ) -> list[CrfStep]:
        with device_guard(self._context):
            steps: list[CrfStep] = self._solver.infer(out, iterations, start, tolerance, trace)
        return steps


def guide_range(guide: Array) -> tuple[Array, LabelErrors]:
    """The least and the largest value of every channel of [D, H, W, G], and what is not finite.

    This waits for the device.
    """
    context, channels = context_of(guide), guide.shape[-1]
    memory = context.empty((2 + 2 * channels,), np.uint64)
    with device_guard(context):
        context.runtime.guide_range(guide, context.stream, memory)
    found = to_host(memory)
    codes = np.stack([~found[2 : 2 + channels], found[2 + channels :]])
    numbers = np.where(codes & TOP, codes ^ TOP, ~codes).view(np.float64)
    return numbers, LabelErrors(*read_error_counts(found[:2])[0])


def label_energies(
    labels: Array, classes: int, certainty: float, unsure: int | None
) -> tuple[Array, LabelErrors]:
    """-log of what a label map [D, H, W] stands for, [L, D, H, W], and labels that are none.

    This waits for the device.
    """
    context = context_of(labels)
    energies = context.empty((classes, *labels.shape), np.float32)
    found = context.empty((2,), np.uint64)
    rest = (1 - certainty) / (classes - 1)
    with device_guard(context):
        context.runtime.label_energies(
            labels,
            energies,
            unsure,
            -math.log(certainty),
            -math.log(rest) if rest else math.inf,
            math.log(classes),
            context.stream,
            found,
        )
    return energies, LabelErrors(*read_error_counts(to_host(found))[0])


def largest(values: Array, out: Array) -> None:
    """The largest of [N, L, H, W] at every pixel, into [N, H, W]."""
    context = context_of(values)
    with device_guard(context), with_float_confidence(out, context) as exact:
        context.runtime.largest(values, exact, context.stream)
