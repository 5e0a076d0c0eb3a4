"""The unary of a dense CRF: logs of probabilities, which sum to one at every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from segpost._backends.numba.crf.rows import row_length
from segpost._backends.numba.labels.probabilities import exp_negative
from segpost._backends.numba.threads import kernel, run
from segpost._backends.numba.tiles import packed
from segpost._backends.reference.crf import energies
from segpost._core.arrays import widen
from segpost._core.contract import Array, Unary, UnaryErrors

COLUMNS = 128  # pixels that are handled together
NONE = np.float32(-1e30)  # log of no probability, and of padding
LEAST = np.float32(1e-37)  # probabilities have a log from here on
HUGE = np.float32(3e38)
SLACK = np.float32(9e-4)  # a bit less than what probabilities may leave 0..1 by
MEANINGS = {"probabilities": 0, "logits": 1, "energies": 2}
ROOT_HALF = np.int32(0x3F3504F3)
FRACTION = np.int32(0x7FFFFF)
MANTISSA = np.int32(23)
ONE = np.float32(1.0)
LN2_HIGH = np.float32(0.693359375)
LN2_LOW = np.float32(-2.12194440e-4)
L9, L7, L5, L3 = (np.float32(2.0 / odd) for odd in (9, 7, 5, 3))


class Logs(NamedTuple):
    """What is known of every pixel on its own."""

    values: Array  # [N, row] float32
    offset: float  # what normalizing took away, over all pixels
    bad: UnaryErrors


def read(unary: Unary, parts: Sequence[tuple[int, int]]) -> Logs:
    """The logs of ranges of pixels, each on its own."""
    labels = len(unary.values)
    with np.errstate(over="ignore"):
        values = widen(unary.values, unary.kind).astype(np.float32, copy=False)
    planes = packed(values.reshape(labels, -1))
    logs = np.empty((planes.shape[1], row_length(labels)), np.float32)
    meaning, clamp = MEANINGS[unary.unary_kind], np.float32(unary.clamp)

    def work(part: tuple[int, int]) -> tuple[float, bool]:
        offset, suspicious = normalize(planes, part[0], part[1], meaning, clamp, logs)
        return offset, suspicious

    done = run(work, parts, 4 * planes.size)
    bad = UnaryErrors()
    if any(suspicious for _, suspicious in done):
        bad = energies(unary)[1]
    return Logs(logs, sum(offset for offset, _ in done), bad)


@kernel
def log_normal(x: Any) -> Any:
    """log of a normal float32 above 0, within 3e-7: absolute near 1, relative elsewhere."""
    bits = np.float32(x).view(np.int32) - ROOT_HALF
    n = np.int32(bits >> MANTISSA)
    m = np.int32((bits & FRACTION) + ROOT_HALF).view(np.float32)  # in [sqrt(1/2), sqrt(2))
    s = (m - ONE) / (m + ONE)
    z = s * s  # log m = 2 artanh s
    p = ((L9 * z + L7) * z + L5) * z + L3
    e = np.float32(n)
    return e * LN2_HIGH + (e * LN2_LOW + (p * z * s + (s + s)))


@kernel
def normalize(planes: Any, begin: Any, end: Any, meaning: Any, clamp: Any, logs: Any) -> Any:
    """Logs of pixels ``begin:end``; what they were divided by, and whether one may be bad."""
    labels, row = planes.shape[0], logs.shape[1]
    values = np.empty((labels, COLUMNS), np.float32)
    best, total = np.empty(COLUMNS, np.float32), np.empty(COLUMNS, np.float32)
    floor = max(clamp, LEAST)
    offset, suspicious = 0.0, False
    for first in range(begin, end, COLUMNS):
        count = min(COLUMNS, end - first)
        best[:], total[:] = -np.float32(np.inf), np.float32(0.0)
        wrong = 0
        for c in range(labels):
            given, v = planes[c, first : first + count], values[c]
            if meaning == 0:
                for x in range(count):
                    wrong |= not (given[x] >= -SLACK and given[x] <= ONE + SLACK)
                    best[x] = max(best[x], given[x])
                    p = given[x] if given[x] > floor else floor
                    total[x] += p
                    v[x] = log_normal(p)
                if clamp <= 0.0:
                    for x in range(count):
                        v[x] = v[x] if given[x] > 0.0 else NONE
            else:
                sign = ONE if meaning == 1 else -ONE
                for x in range(count):
                    v[x] = given[x] * sign
                    wrong |= not v[x] < HUGE
                    best[x] = max(best[x], v[x])
        if meaning != 0 or clamp <= 0.0:  # a label has to be possible
            limit = np.float32(0.0) if meaning == 0 else -HUGE
            for x in range(count):
                wrong |= not best[x] > limit
        suspicious |= wrong != 0
        if meaning != 0:
            for c in range(labels):
                v = values[c]
                for x in range(count):
                    lower = v[x] - best[x]
                    v[x] = lower if lower > NONE else NONE
                for x in range(count):
                    total[x] += exp_negative(v[x])
        for x in range(count):
            total[x] = log_normal(total[x])
            if meaning != 1:  # logits have no offset: their energies are -log of the softmax
                offset += np.float64(total[x])
            if meaning == 2:
                offset += np.float64(best[x])
        for x in range(count):
            to = logs[first + x]
            for c in range(labels):
                to[c] = values[c, x] - total[x]
            for c in range(labels, row):
                to[c] = NONE
    return offset, suspicious
