"""Statistics of a tensor's values, in one pass over pieces of it: the whole is never in memory."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from segpost._core.arrays import LOGIT_KINDS, Array, widen
from segpost.files.safetensors import PIECE_SIZE

READ_KINDS = (*LOGIT_KINDS, "bool")  # element types whose values are read


class Statistics(NamedTuple):
    """Statistics of all elements; extremes, mean and deviation are those of the finite ones."""

    size: int
    nan: int
    infinite: int
    first_bad: int  # flat index of the first NaN or infinity, -1 where there is none
    low: float  # NaN where nothing is finite
    high: float
    mean: float
    deviation: float
    digest: str  # of the bytes, without shape and dtype

    @property
    def is_constant(self) -> bool:
        """Return whether all elements are one finite number."""
        return self.low == self.high and not self.nan and not self.infinite


def iter_pieces(values: Any) -> Iterator[Array]:
    """Yield the elements in C order as flat arrays of about `PIECE_SIZE`; only pieces are copied.

    Parameters
    ----------
    values : ndarray, or an object with a shape that is sliced like one
    """
    shape = tuple(values.shape)
    size = math.prod(shape)
    if isinstance(values, np.ndarray) and values.flags.c_contiguous:
        flat = values.reshape(-1)
        for start in range(0, size, PIECE_SIZE):
            yield flat[start : start + PIECE_SIZE]
    elif size <= PIECE_SIZE or not shape:
        if size:
            yield np.asarray(values[()]).reshape(-1)
    else:
        rows = max(1, PIECE_SIZE * shape[0] // size)
        for start in range(0, shape[0], rows):
            part = values[start : start + rows] if rows > 1 else values[start]
            yield from iter_pieces(np.asarray(part) if rows > 1 else part)


def compute_statistics(pieces: Iterable[Array], kind: str) -> Statistics:
    """Return the statistics of an array that comes in pieces.

    Mean and deviation are merged from piece to piece (Chan, Golub and LeVeque 1979).

    Parameters
    ----------
    pieces : iterable of (n,) arrays
        In native byte order; bfloat16 as uint16.
    kind : str
        The element type, one of `READ_KINDS`.
    """
    size = nan = infinite = finite = 0
    first_bad = -1
    low, high, mean, squares = math.inf, -math.inf, 0.0, 0.0
    digest = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        digest.update(np.ascontiguousarray(piece).data)
        values = widen(piece, kind).astype(np.float64)
        is_finite = np.isfinite(values)
        if not is_finite.all():
            if first_bad < 0:
                first_bad = size + int((~is_finite).argmax())
            nan += int(np.isnan(values).sum())
            infinite += int(np.isinf(values).sum())
            values = values[is_finite]
        size += piece.size
        if not values.size:
            continue
        low, high = min(low, float(values.min())), max(high, float(values.max()))
        with np.errstate(over="ignore", invalid="ignore"):  # float64 values may be that large
            piece_mean = float(values.mean())
            piece_squares = float(np.square(values - piece_mean).sum())
            total = finite + values.size
            step = piece_mean - mean
            mean += step * values.size / total
            squares += piece_squares + step * step * finite * values.size / total
        finite = total
    if not finite:
        low = high = mean = math.nan
    deviation = math.sqrt(squares / finite) if finite and squares >= 0 else math.nan
    return Statistics(
        size, nan, infinite, first_bad, low, high, mean, deviation, digest.hexdigest()
    )
