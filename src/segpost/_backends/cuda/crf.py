"""The dense CRF on a device, and what is done there with its inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from segpost._core.contract import Bad, BadUnary, CrfStep, LatticeRecipe, Pairwise, Unary
from segpost._core.device import Array, current, place_of, rated, tallies, to_host

TOP = np.uint64(1 << 63)


class CrfSolver:
    """A dense CRF of one image, in memory of its device."""

    def __init__(
        self, unary: Unary, terms: Sequence[Pairwise], own: bool, recipe: LatticeRecipe | None
    ) -> None:
        self._place = place_of(unary.values)
        with current(self._place):
            self._solver = self._place.runtime.CrfSolver(
                unary, tuple(terms), own, recipe, self._place.stream, self._memory
            )
        self.bad: BadUnary = self._solver.bad

    def _memory(self, size: int) -> Array:
        return self._place.empty((size,), np.uint8)

    def infer(
        self,
        out: Array,
        iterations: int,
        start: Array | None,
        tolerance: float | None,
        trace: bool,
    ) -> list[CrfStep]:
        with current(self._place):
            steps: list[CrfStep] = self._solver.infer(out, iterations, start, tolerance, trace)
        return steps


def guide_range(guide: Array) -> tuple[Array, Bad]:
    """The least and the largest value of every channel of [D, H, W, G], and what is not finite.

    This waits for the device.
    """
    place, channels = place_of(guide), guide.shape[-1]
    memory = place.empty((2 + 2 * channels,), np.uint64)
    with current(place):
        place.runtime.guide_range(guide, place.stream, memory)
    found = to_host(memory)
    codes = np.stack([~found[2 : 2 + channels], found[2 + channels :]])
    numbers = np.where(codes & TOP, codes ^ TOP, ~codes).view(np.float64)
    return numbers, Bad(*tallies(found[:2])[0])


def label_energies(
    labels: Array, classes: int, certainty: float, unsure: int | None
) -> tuple[Array, Bad]:
    """-log of what a label map [D, H, W] stands for, [L, D, H, W], and labels that are none.

    This waits for the device.
    """
    place = place_of(labels)
    energies = place.empty((classes, *labels.shape), np.float32)
    found = place.empty((2,), np.uint64)
    rest = (1 - certainty) / (classes - 1)
    with current(place):
        place.runtime.label_energies(
            labels,
            energies,
            unsure,
            -math.log(certainty),
            -math.log(rest) if rest else math.inf,
            math.log(classes),
            place.stream,
            found,
        )
    return energies, Bad(*tallies(to_host(found))[0])


def largest(values: Array, out: Array) -> None:
    """The largest of [N, L, H, W] at every pixel, into [N, H, W]."""
    place = place_of(values)
    with current(place), rated(out, place) as exact:
        place.runtime.largest(values, exact, place.stream)
