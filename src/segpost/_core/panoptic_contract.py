"""The part of the backends' contract that is about pairs of panoptic maps."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy.typing as npt

Array = npt.NDArray[Any]

MAX_PLANES = 3  # values of a pixel that together are its segment: a color has three


class Overlaps(NamedTuple):
    """How many pixels each pair of a predicted and a true segment shares, as many as there are.

    A segment is the values of its pixels in the P planes of the predictions, or the T planes of
    the target. Pairs are in ascending order of these values, those of the predictions first.
    """

    values: Array  # [M, P + T] int64
    pixels: Array  # [M] int64, at least 1


class PanopticOperations(Protocol):
    """The operations of a backend on pairs of panoptic maps."""

    def count_overlaps(
        self,
        preds: Array,  # [P, H, W] integers below 2**63, any strides, P <= MAX_PLANES
        target: Array,  # [T, H, W] integers below 2**63, any strides, T <= MAX_PLANES
    ) -> Overlaps: ...
