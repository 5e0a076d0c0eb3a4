"""Means of float64 values from exact sums: the order of additions cannot change them."""

from __future__ import annotations

import math
from typing import NamedTuple

from segpost.metrics.saved import read_integer

MAX_SHIFT = 1074  # the smallest float64 is 2**-1074
MAX_COUNT = 2**63 - 1


class ExactMean(NamedTuple):
    """The exact sum of some values, and how many they are.

    The sum of the finite ones is ``numerator / 2**shift``. The numerator is odd, or the shift is 0,
    so that equal sums are equal records. NaN is no value.
    """

    numerator: int = 0
    shift: int = 0
    finite: int = 0
    infinite: int = 0

    @classmethod
    def of(cls, value: float) -> ExactMean:
        """Return the sum of one value, which is not negative."""
        if math.isnan(value):
            return cls()
        if math.isinf(value):
            return cls(infinite=1)
        numerator, denominator = float(value).as_integer_ratio()
        return cls(numerator, denominator.bit_length() - 1, 1)

    def merge(self, other: ExactMean) -> ExactMean:
        """Return the sum of both."""
        if not (other.finite or other.infinite):
            return self
        shift = max(self.shift, other.shift)
        numerator = self.numerator << (shift - self.shift)
        numerator += other.numerator << (shift - other.shift)
        zeros = min((numerator & -numerator).bit_length() - 1, shift) if numerator else shift
        return ExactMean(
            numerator >> zeros,
            shift - zeros,
            self.finite + other.finite,
            self.infinite + other.infinite,
        )

    @property
    def mean(self) -> float:
        """The mean, rounded once; infinite if a value is, NaN of no values."""
        if self.infinite:
            return math.inf
        return self.numerator / (self.finite << self.shift) if self.finite else math.nan


def read_mean(values: object, images: int) -> ExactMean:
    """Return a saved sum of at most so many values.

    Raises
    ------
    ValueError
        If it cannot be.
    """
    if not isinstance(values, list) or len(values) != len(ExactMean._fields):
        raise ValueError(f"means has {values!r}, which is no sum of values")
    numerator, shift, finite, infinite = values
    finite = read_integer(finite, 0, images, "means")
    infinite = read_integer(infinite, 0, images - finite, "means")
    shift = read_integer(shift, 0, MAX_SHIFT, "means")
    numerator = read_integer(numerator, 0, finite << (1024 + shift), "means")
    if shift and not numerator & 1:
        raise ValueError(f"means has {values!r}, which is not in lowest terms")
    return ExactMean(numerator, shift, finite, infinite)
