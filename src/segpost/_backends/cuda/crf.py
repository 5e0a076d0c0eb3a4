"""The solver of a dense CRF on a device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segpost._core.contract import CrfStep, LatticeConfig, Pairwise, Unary, UnaryErrors
from segpost._core.device import Array, context_of, device_guard


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
        """Write the final Q to `out`, and return the steps."""
        with device_guard(self._context):
            steps: list[CrfStep] = self._solver.infer(out, iterations, start, tolerance, trace)
        return steps
