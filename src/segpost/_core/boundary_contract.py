"""The part of the backends' contract that is about boundaries and instances of label maps."""

from __future__ import annotations

from typing import Any, Protocol

import numpy.typing as npt

Array = npt.NDArray[Any]


class BoundaryOperations(Protocol):
    """The operations of a backend on the boundaries and the instances of a target."""

    def boundary_bands(
        self,
        labels: Array,  # [N, H, W] integers
        width: int,  # pixels
        frame: bool,  # whether the end of the image is a boundary
        classes: int,
        ignored: Array,  # [I] int64
        out: Array,  # [N, H, W] uint8 or int32, C order
    ) -> None: ...

    def boundary_matches(
        self,
        preds: Array,  # [N, H, W] integers
        target: Array,  # [N, H, W] integers
        ignored: Array,  # [I] int64
        offsets: Array,  # [K, 2] int32 (dy, dx), nearest first
        counts: Array,  # [C, 4] int64: predicted, of them matched, target, of them matched
    ) -> None: ...

    def instance_counts(
        self,
        preds: Array,  # [N, H, W] integers
        target: Array,  # [N, H, W] integers
        instances: Array,  # [N, H, W] integers in [0, K)
        groups: Array,  # [C] int64, the group of every class
        ignored: Array,  # [I] int64
        counts: Array,  # [K, 4] int64, zeros: pixels, correct ones, those in the correct group,
        # and the class plus one, or -1 if an instance has pixels of several classes
    ) -> None: ...
