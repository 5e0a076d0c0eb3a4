"""What is known of a tensor's values: one pass over pieces of it, never the whole in memory."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from segpost._core.arrays import LOGIT_KINDS, Array, widen

PIECE = 1 << 18  # elements looked at together
READ_KINDS = (*LOGIT_KINDS, "bool")  # element types whose values are looked at


class Statistics(NamedTuple):
    """Of all elements; extremes, mean and deviation are those of the finite ones."""

    size: int
    nan: int
    infinite: int
    first_bad: int  # flat index of the first NaN or infinity, -1 where there is none
    low: float  # NaN where nothing is finite
    high: float
    mean: float
    deviation: float
    digest: str  # of the bytes, shape and type left out

    @property
    def constant(self) -> bool:
        """Whether all elements are one finite number."""
        return self.low == self.high and not self.nan and not self.infinite


def pieces(values: Any) -> Iterator[Array]:
    """The elements in C order as flat arrays of at most about `PIECE`; a copy only of a piece.

    Parameters
    ----------
    values : ndarray, or what has its shape and is sliced like one
    """
    shape = tuple(values.shape)
    size = math.prod(shape)
    if isinstance(values, np.ndarray) and values.flags.c_contiguous:
        flat = values.reshape(-1)
        for start in range(0, size, PIECE):
            yield flat[start : start + PIECE]
    elif size <= PIECE or not shape:
        if size:
            yield np.asarray(values[()]).reshape(-1)
    else:
        rows = max(1, PIECE * shape[0] // size)
        for start in range(0, shape[0], rows):
            part = values[start : start + rows] if rows > 1 else values[start]
            yield from pieces(np.asarray(part) if rows > 1 else part)


def statistics(parts: Iterable[Array], kind: str) -> Statistics:
    """Look at every element once.

    Parameters
    ----------
    parts : iterable of (n,) arrays
        In native byte order; bfloat16 as uint16.
    kind : str
        The element type, one of `READ_KINDS`.
    """
    size = nan = infinite = finite = 0
    first_bad = -1
    low, high, mean, squares = math.inf, -math.inf, 0.0, 0.0
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(np.ascontiguousarray(part).data)
        wide = widen(part, kind).astype(np.float64)
        good = np.isfinite(wide)
        if not good.all():
            if first_bad < 0:
                first_bad = size + int((~good).argmax())
            nan += int(np.isnan(wide).sum())
            infinite += int(np.isinf(wide).sum())
            wide = wide[good]
        size += part.size
        if not wide.size:
            continue
        low, high = min(low, float(wide.min())), max(high, float(wide.max()))
        with np.errstate(over="ignore", invalid="ignore"):  # float64 values may be that large
            own = float(wide.mean())
            own_squares = float(np.square(wide - own).sum())
            total = finite + wide.size
            step = own - mean
            mean += step * wide.size / total
            squares += own_squares + step * step * finite * wide.size / total
        finite = total
    if not finite:
        low = high = mean = math.nan
    deviation = math.sqrt(squares / finite) if finite and squares >= 0 else math.nan
    return Statistics(
        size, nan, infinite, first_bad, low, high, mean, deviation, digest.hexdigest()
    )
