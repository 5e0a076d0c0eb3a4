"""The unary of a dense CRF as logs of probabilities that sum to 1 at every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from segpost._backends.numba.crf.rows import row_length
from segpost._backends.numba.labels.probabilities import exp_negative
from segpost._backends.numba.threads import kernel, run
from segpost._backends.numba.tiles import pack
from segpost._backends.reference.crf import energies
from segpost._core.arrays import widen
from segpost._core.contract import Array, Unary, UnaryErrors

COLUMNS = 128  # pixels that are computed together
LOG_OF_ZERO = np.float32(-1e30)  # the log of probability 0, and of padding
MIN_PROBABILITY = np.float32(1e-37)  # smaller probabilities are raised to it
MAX_VALUE = np.float32(3e38)
RANGE_TOLERANCE = np.float32(9e-4)  # less than the distance by which values may be outside 0..1
UNARY_KINDS = {"probabilities": 0, "logits": 1, "energies": 2}
ROOT_HALF = np.int32(0x3F3504F3)
FRACTION = np.int32(0x7FFFFF)
MANTISSA = np.int32(23)
ONE = np.float32(1.0)
LN2_HIGH = np.float32(0.693359375)
LN2_LOW = np.float32(-2.12194440e-4)
L9, L7, L5, L3 = (np.float32(2.0 / odd) for odd in (9, 7, 5, 3))


class Logs(NamedTuple):
    """The unary of all pixels as logs of probabilities, with its errors."""

    values: Array  # [N, row] float32
    offset: float  # the sum of the normalization over all pixels
    bad: UnaryErrors


def read(unary: Unary, parts: Sequence[tuple[int, int]]) -> Logs:
    """Return the logs of all pixels, computed by ranges of pixels."""
    labels = len(unary.values)
    with np.errstate(over="ignore"):
        values = widen(unary.values, unary.kind).astype(np.float32, copy=False)
    planes = pack(values.reshape(labels, -1))
    logs = np.empty((planes.shape[1], row_length(labels)), np.float32)
    kind, clamp = UNARY_KINDS[unary.unary_kind], np.float32(unary.clamp)

    def work(part: tuple[int, int]) -> tuple[float, bool]:
        offset, suspicious = normalize(planes, part[0], part[1], kind, clamp, logs)
        return offset, suspicious

    results = run(work, parts, 4 * planes.size)
    bad = UnaryErrors()
    if any(suspicious for _, suspicious in results):
        bad = energies(unary)[1]
    return Logs(logs, sum(offset for offset, _ in results), bad)


@kernel
def log_normal(x: Any) -> Any:
    """Return log of a normal float32 above 0, within 3e-7: absolute near 1, relative elsewhere."""
    bits = np.float32(x).view(np.int32) - ROOT_HALF
    n = np.int32(bits >> MANTISSA)
    m = np.int32((bits & FRACTION) + ROOT_HALF).view(np.float32)  # in [sqrt(1/2), sqrt(2))
    s = (m - ONE) / (m + ONE)
    z = s * s  # log m = 2 artanh s
    p = ((L9 * z + L7) * z + L5) * z + L3
    e = np.float32(n)
    return e * LN2_HIGH + (e * LN2_LOW + (p * z * s + (s + s)))


@kernel
def normalize(planes: Any, begin: Any, end: Any, kind: Any, clamp: Any, logs: Any) -> Any:
    """Write logs of pixels ``begin:end``; return their offset, and whether one may be bad."""
    labels, row = planes.shape[0], logs.shape[1]
    values = np.empty((labels, COLUMNS), np.float32)
    best, total = np.empty(COLUMNS, np.float32), np.empty(COLUMNS, np.float32)
    floor = max(clamp, MIN_PROBABILITY)
    offset, suspicious = 0.0, False
    for first in range(begin, end, COLUMNS):
        count = min(COLUMNS, end - first)
        best[:], total[:] = -np.float32(np.inf), np.float32(0.0)
        is_bad = 0
        for c in range(labels):
            plane, v = planes[c, first : first + count], values[c]
            if kind == 0:
                for x in range(count):
                    is_bad |= not (
                        plane[x] >= -RANGE_TOLERANCE and plane[x] <= ONE + RANGE_TOLERANCE
                    )
                    best[x] = max(best[x], plane[x])
                    p = plane[x] if plane[x] > floor else floor
                    total[x] += p
                    v[x] = log_normal(p)
                if clamp <= 0.0:
                    for x in range(count):
                        v[x] = v[x] if plane[x] > 0.0 else LOG_OF_ZERO
            else:
                sign = ONE if kind == 1 else -ONE
                for x in range(count):
                    v[x] = plane[x] * sign
                    is_bad |= not v[x] < MAX_VALUE
                    best[x] = max(best[x], v[x])
        if kind != 0 or clamp <= 0.0:  # at least one label must be possible
            limit = np.float32(0.0) if kind == 0 else -MAX_VALUE
            for x in range(count):
                is_bad |= not best[x] > limit
        suspicious |= is_bad != 0
        if kind != 0:
            for c in range(labels):
                v = values[c]
                for x in range(count):
                    lower = v[x] - best[x]
                    v[x] = lower if lower > LOG_OF_ZERO else LOG_OF_ZERO
                for x in range(count):
                    total[x] += exp_negative(v[x])
        for x in range(count):
            total[x] = log_normal(total[x])
            if kind != 1:  # logits have no offset: their energies are -log of the softmax
                offset += np.float64(total[x])
            if kind == 2:
                offset += np.float64(best[x])
        for x in range(count):
            log_row = logs[first + x]
            for c in range(labels):
                log_row[c] = values[c, x] - total[x]
            for c in range(labels, row):
                log_row[c] = LOG_OF_ZERO
    return offset, suspicious
