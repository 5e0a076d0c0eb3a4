"""The part of the backends' contract that is about decoding: labels that maximise a score."""

from __future__ import annotations

from typing import Any, Protocol

import numpy.typing as npt

from segpost._core.logit_contract import LogitErrors, Logits
from segpost._core.sampling import Axes

Array = npt.NDArray[Any]


class DecodingOperations(Protocol):
    """The operations of a backend that decode logits for an expected score."""

    def decode_labels(
        self,
        logits: Logits,
        axes: Axes | None,
        score: str,  # "dice" or "iou"
        labels: Array,  # [N, H, W] uint8 or int32 of argmax; an undefined pixel keeps its label
    ) -> LogitErrors:  # of undefined pixels, those without probabilities
        ...
