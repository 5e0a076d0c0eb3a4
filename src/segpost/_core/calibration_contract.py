"""The part of the backends' contract that is about calibration: sums over the pixels of logits."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy.typing as npt

from segpost._core.logit_contract import LogitErrors, Logits
from segpost._core.sampling import Axes

Array = npt.NDArray[Any]
TEMPERATURES = (8.0, 4.0, 2.0, 1.0, 0.5)  # at which the NLL is summed; each is half of the last
MAX_NLL = 2.0**20  # nats; a pixel of at least as many has a target that is impossible


class CalibrationSums(NamedTuple):
    """The sums of a call, to which backends add; a table that is None is not wanted.

    A sum of fractions is two integers, as in `segpost._core.fixed_point`. An interval of confidence
    has its lower end, and the last one its upper end, too.
    """

    counts: Array  # [F, 2] int64, for each of F equal intervals of confidence: pixels, right ones
    confidence: Array  # [F, 2] int64: sum of their confidence
    class_counts: Array | None  # [C, B, 2] int64, for every class and B equal intervals of its
    # probability: pixels, those whose target is the class
    class_confidence: Array | None  # [C, B, 2] int64: sum of that probability
    loss: Array  # [2, 2] int64: sums of the Brier scores and of the NLL
    curve: Array | None  # [T, 3, 2] int64: sums of the NLL at every temperature, and of its first
    # and second derivative by 1 / temperature
    pixels: Array  # [4] int64: measured, ignored, of an invalid target, and of the measured ones
    # those whose target is impossible: the sums of the NLL are without them


class CalibrationOperations(Protocol):
    """The operations of a backend on the probabilities of logits and their target."""

    def calibration_logits(
        self,
        logits: Logits,  # of two classes or more, and no threshold
        axes: Axes | None,
        target: Array,  # [N, H, W] integers
        ignored: Array,  # [I] int64
        sums: CalibrationSums,
    ) -> LogitErrors:  # undefined pixels are those without probabilities
        ...
