"""The part of the backends' contract that is about logits: their records, and their volumes."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy.typing as npt

from segpost._core.sampling import VolumeAxes

Array = npt.NDArray[Any]


class Logits(NamedTuple):
    """The output of a network, as a view with the class axis first."""

    values: Array  # [N, C, h, w], any strides; bfloat16 as uint16
    kind: str  # the element type, "bfloat16" included
    scale: float = 1.0  # a real logit is scale * (value - zero_point)
    zero_point: float = 0.0
    threshold: float | None = None  # one-channel head: class 1 where value > threshold
    origin: tuple[int, int] = (0, 0)  # y, x of the first value in the caller's array


class LogitErrors(NamedTuple):
    """The numbers and the first flat indices of bad logits and undefined pixels; -1: none.

    softmax does not set the NaN fields: a NaN that matters makes an output undefined. If argmax
    computes confidence, a pixel without confidence is undefined, whether it has a label or not.
    """

    nan_count: int = 0  # NaN values in the logits
    nan_first: int = -1  # into (N, h, w)
    undefined_count: int = 0  # output pixels without a label
    undefined_first: int = -1  # into (N, H, W)

    def undefined_as(self, other: LogitErrors) -> LogitErrors:
        """Return these errors with the undefined pixels of another record."""
        return self._replace(
            undefined_count=other.undefined_count, undefined_first=other.undefined_first
        )

    def plus(self, other: LogitErrors, logits_before: int, pixels_before: int) -> LogitErrors:
        """Return the sum with errors of arrays that follow so many logits and output pixels."""
        nan, undefined = self.nan_first, self.undefined_first
        if other.nan_count and nan < 0:
            nan = logits_before + other.nan_first
        if other.undefined_count and undefined < 0:
            undefined = pixels_before + other.undefined_first
        return LogitErrors(
            self.nan_count + other.nan_count,
            nan,
            self.undefined_count + other.undefined_count,
            undefined,
        )


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
