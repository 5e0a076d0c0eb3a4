"""Values in 0..1 where logits are expected, and values that do not sum to 1 as probabilities do."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from segpost._core.arrays import FLOAT_KINDS, LABEL_KINDS, Array, InputArray, widen
from segpost._core.contract import Logits
from segpost._core.device import DeviceArray
from segpost._core.errors import warn_of_input
from segpost._core.logits import dequantize

# Sums of probabilities of half precision, or of quantized networks, are within this of 1.
PROBABILITY_TOLERANCE = 1e-2
MAX_SAMPLE = 4096  # values that are read before all are
BFLOAT16_ONE = 0x3F80  # the bits of 1.0; those of negative numbers are larger
EXACT_FLOATS = ("float16", "float32", "float64")  # whose values Python reads
SUM_SHARE = 1e-2  # of percentages, by which their sums differ and that some class is below
MANY_ITEMS = 8  # values, of which some is negative in most logits
MIN_VALUES = 256  # in 0..1, of which none is beyond by chance
SUM_TOLERANCE = 0.1  # of probabilities, beside which others are independent scores
MIN_RANGE = 0.5  # of them: those of an untrained network may be all alike


class UnitValues(NamedTuple):
    """What is known of logits that lie in 0..1."""

    are_probabilities: bool  # that add up to 1 over the classes
    description: str  # for an error or a warning


def may_lie_in_0_to_1(values: Array, kind: str) -> bool:
    """Whether three values on the CPU may be probabilities; integers, which are quantized, may be.

    They are so few, that logits, of which most are outside 0..1, cost no pass over the data.
    """
    size = values.size
    if not size or isinstance(values, DeviceArray):
        return False
    if kind not in FLOAT_KINDS:
        return True
    item = values.item
    one = BFLOAT16_ONE if kind == "bfloat16" else 1
    return bool(0 <= item(size // 2) <= one and 0 <= item(0) <= one and 0 <= item(size - 1) <= one)


def lies_in_0_to_1(array: InputArray) -> bool:
    """Whether all values are floats on the CPU in 0..1: of one, of some, and then of all."""
    values, kind = array.array, array.kind
    if kind in LABEL_KINDS or not may_lie_in_0_to_1(values, kind):
        return False
    step = max(values.shape[-2] * values.shape[-1] // MAX_SAMPLE, 1)
    for sample in (values[..., ::step, :1], values):
        real = widen(sample, kind)
        if not (real.min() >= 0 and real.max() <= 1):
            return False
    return True


def warn_of_probabilities(
    array: InputArray,
    name: str,
    cure: str = "pass convention=segpost.Convention(kind='probabilities')",
) -> None:
    """Warn if the logits of a sigmoid head, for a threshold, are probabilities already.

    `name` is that of the argument.
    """
    if lies_in_0_to_1(array) and array.array.min() < array.array.max():
        warn_of_input(
            f"threshold compares the sigmoid of {name}, but all of them lie in 0..1, as after a "
            f"sigmoid, so that every pixel is above a threshold of 0.5; {cure}"
        )


def find_unit_values(
    logits: Logits, quantization: tuple[float, float] = (1.0, 0.0)
) -> UnitValues | None:
    """Return what logits are whose values lie in 0..1; None if they may be logits.

    They are probabilities if they sum to 1 over the classes at each of a few thousand pixels on the
    CPU, else those of a sigmoid, or one-hot labels, if they are many and not alike. Of most logits
    one value is read.
    """
    values = logits.values
    if not may_lie_in_0_to_1(values, logits.kind) or values.shape[1] < 2:
        return None
    values = dequantize(_sample_pixels(values), logits.kind, *quantization)
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 1):  # or NaN
        return None
    sums = values.sum(axis=1)
    between = (values > PROBABILITY_TOLERANCE) & (values < 1 - PROBABILITY_TOLERANCE)
    is_soft = bool(between.any())
    if is_soft and not (abs(sums - 1) > PROBABILITY_TOLERANCE).any():
        description = (
            f"logits are between {low:g} and {high:g} and add up to 1 over the classes at each of "
            f"{sums.size} pixels: they are probabilities already, and a second softmax would make "
            "them alike"
        )
        return UnitValues(True, description)
    if values.size < MIN_VALUES or high - low < MIN_RANGE:
        return None
    what = "as after a sigmoid" if is_soft else "as one-hot labels do"
    largest = 1 / (1 + (values.shape[1] - 1) * math.exp(low - high))
    description = (
        f"logits lie in 0..1, {what}, at each of {sums.size} pixels that were read: their softmax "
        f"is at most {largest:.2g}"
    )
    return UnitValues(False, description)


def _sample_pixels(values: Array) -> Array:
    """Return about 32 pixels along every axis of images or volumes, with all their classes."""
    steps = (slice(None, None, max(side // 32, 1)) for side in values.shape[2:])
    sample: Array = values[(slice(None), slice(None), *steps)]
    return sample


def warn_of_percentages(logits: Logits) -> None:
    """Warn of floats on the CPU that are not negative and have one sum over the classes, not 1.

    Of most logits one or two values are read.
    """
    values, size = logits.values, logits.values.size
    if size < MIN_VALUES or logits.kind not in EXACT_FLOATS or isinstance(values, DeviceArray):
        return
    item = values.item
    if item(size - 1) < 0:  # most return here
        return
    for k in range(MANY_ITEMS):
        if item(k * size // MANY_ITEMS) < 0:
            return
    sample = _sample_pixels(values)
    sums = sample.sum(axis=1, dtype=np.float64)
    total = float(sums.mean())
    low, high = sample.min(), sample.max()
    tolerance = SUM_SHARE * total
    if not (0 <= low < tolerance < high and total > 1) or (abs(sums - total) > tolerance).any():
        return
    warn_of_input(
        f"logits are not negative and add up to {total:.6g} over the classes at each of "
        f"{sums.size} pixels, as percentages and votes do: pass logits / {total:.6g} and "
        'convention=segpost.Convention(kind="probabilities")'
    )


def warn_before_softmax(logits: Logits, cure: str) -> None:
    """Warn of logits in 0..1, whose softmax is not the probabilities that they may be."""
    if not may_lie_in_0_to_1(logits.values, logits.kind):  # most return here
        return
    unit = find_unit_values(logits)
    if unit is not None:
        warn_of_input(f"{unit.description}; {cure}")


def warn_of_scores(columns: Array, name: str) -> None:
    """Warn if the sums of values in 0..1, (pixels, classes), differ, and most are not 1.

    Those of at least a small number, to which they were clipped, may sum to more.
    """
    low, high = columns.min(), columns.max()
    sums = columns.sum(axis=-1)
    if not (low >= 0 and MIN_RANGE < high <= 1) or np.ptp(sums) < SUM_TOLERANCE:
        return
    is_wrong = abs(sums - 1) > SUM_TOLERANCE + columns.shape[-1] * low
    if 2 * np.count_nonzero(is_wrong) > len(sums):
        warn_of_input(
            f"{name} sum to {sums.min():.2g} to {sums.max():.2g} over the classes, not to 1, as "
            "those of independent sigmoids: pass probabilities / probabilities.sum(axis), or the "
            "softmax of the network's logits"
        )
