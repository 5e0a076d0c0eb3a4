"""Checks of numbers: what is accepted, and what an error says."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from segpost._core.arguments import as_count, as_real


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), np.array(3)])
def test_counts(value: Any) -> None:
    """Integers of any type become int."""
    count = as_count(value, "n", 3)
    assert count == 3
    assert type(count) is int


@pytest.mark.parametrize("value", [True, np.True_, 3.0, "3", None, [3]])
def test_no_counts(value: Any) -> None:
    """A float is no count, and neither is a boolean."""
    with pytest.raises(TypeError, match="n must be an integer, got "):
        as_count(value, "n")


@pytest.mark.parametrize(("value", "least"), [(-1, 0), (1, 2), (2**31, 0)])
def test_counts_out_of_range(value: int, least: int) -> None:
    """The error names both ends."""
    with pytest.raises(ValueError, match=rf"n must be at least {least} and below 2\*\*31, got"):
        as_count(value, "n", least)


@pytest.mark.parametrize("value", [0.5, Fraction(1, 2), np.float32(0.5), np.float64(0.5)])
def test_reals(value: Any) -> None:
    """Real numbers of any type become float; the ends of the range are in it."""
    real = as_real(value, "x", 0.5, 0.5)
    assert real == 0.5
    assert type(real) is float


@pytest.mark.parametrize("value", [True, np.True_, 1j, "1", None, [1.0]])
def test_no_reals(value: Any) -> None:
    """A boolean is no number, and neither is a list of one."""
    with pytest.raises(TypeError, match="x must be a number, got "):
        as_real(value, "x")


@pytest.mark.parametrize(
    ("value", "limits", "text"),
    [
        (np.nan, (), "x must be finite, got nan"),
        (-np.inf, (), "x must be finite, got -inf"),
        (-1, (0,), "x must be at least 0, got -1"),
        (1.5, (0, 1), r"x must be in 0\.\.1, got 1.5"),
    ],
)
def test_reals_out_of_range(value: float, limits: tuple[float, ...], text: str) -> None:
    """The error names the range."""
    with pytest.raises(ValueError, match=text):
        as_real(value, "x", *limits)
