"""The part of the backends' contract that is about volumes."""

from __future__ import annotations

from typing import Any, Protocol

import numpy.typing as npt

from segpost._core.logit_records import LogitErrors, Logits
from segpost._core.sampling import VolumeAxes

Array = npt.NDArray[Any]


class VolumeOperations(Protocol):
    """The operations of logits that are resampled as volumes."""

    def argmax_volume(
        self,
        logits: Logits,  # values [N, C, d, h, w]; no threshold
        axes: VolumeAxes,
        labels: Array,  # [N, D, H, W] uint8 or int32, pixels adjacent
    ) -> LogitErrors:  # indices are into (N, d, h, w) and (N, D, H, W)
        ...

    def softmax_volume(
        self,
        logits: Logits,  # values [N, C, d, h, w]
        axes: VolumeAxes,
        probabilities: Array | None,  # [N, C, D, H, W] float32
        confidence: Array | None,  # [N, D, H, W] float32 or uint8, as in argmax
    ) -> LogitErrors: ...

    def binarize_volume(
        self,
        logits: Logits,  # values [N, C, d, h, w]; no threshold
        axes: VolumeAxes,
        cutoffs: Array,  # [C] float64
        values: Array | None,  # [C] int32: the label of every channel; None for masks
        out: Array,  # masks [N, C, D, H, W] uint8 of 0 and 1; with values labels [N, D, H, W] uint8
        # or int32: of the last channel that is set, 0 without one. Rows are contiguous
    ) -> LogitErrors:  # indices are into (N, d, h, w) and (N, C, D, H, W)
        ...

    def rank_volume(
        self,
        logits: Logits,  # values [N, C, d, h, w]
        axes: VolumeAxes,
        labels: Array | None,  # [N, D, H, W], and so on, as in rank_classes
        confidence: Array | None,
        entropy: Array | None,
        margin: Array | None,
        top_labels: Array | None,  # [N, k, D, H, W], and so on
        top_probabilities: Array | None,
    ) -> LogitErrors: ...
