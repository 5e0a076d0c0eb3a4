"""Where output pixels lie: the grids of ONNX Resize, and bilinear weights that are exact."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from letterboxes import coordinate

import segpost
from segpost._core import sampling

torch = pytest.importorskip("torch")


@given(st.integers(1, 70), st.integers(1, 300), st.sampled_from(sampling.GRIDS))
def test_axis_is_exact(n_in: int, n_out: int, grid: str) -> None:
    """Cell and integer weights reproduce the source coordinate as a fraction."""
    axis = sampling.axis(n_in, n_out, grid)
    for o in range(n_out):
        place = int(axis.cell[o]) + Fraction(int(axis.w1[o]), int(axis.den))
        assert place == coordinate(o, n_in, n_out, grid)
        assert axis.w0[o] + axis.w1[o] == axis.den
        assert 0 <= axis.w0[o] <= axis.den


@given(st.integers(1, 70), st.integers(1, 300), st.sampled_from(sampling.GRIDS))
def test_cells_partition_the_outputs(n_in: int, n_out: int, grid: str) -> None:
    """start[i]:start[i + 1] are the outputs of cell i, and widest is the most of them."""
    axis = sampling.axis(n_in, n_out, grid)
    assert axis.start[0] == 0
    assert axis.start[-1] == n_out
    for cell, (begin, end) in enumerate(zip(axis.start[:-1], axis.start[1:], strict=True)):
        assert (axis.cell[begin:end] == cell).all()
    assert axis.widest == np.diff(axis.start).max()


@given(
    st.integers(1, 40),
    st.integers(1, 99),
    st.tuples(st.integers(0, 9), st.integers(1, 60), st.integers(0, 9)),
    st.sampled_from(sampling.GRIDS),
)
def test_cropped_axis_is_exact(
    n_in: int, n_out: int, parts: tuple[int, int, int], grid: str
) -> None:
    """A place in the picture, clamped to it, then on the grid: no input is read for nothing."""
    span = sampling.Interval(parts[0], parts[1], sum(parts))
    used, axis = sampling.cropped_axis(n_in, n_out, grid, span)
    places = []
    for o in range(n_out):
        inside = coordinate(o, span.length, n_out, "half_pixel") + span.start
        places.append(coordinate(inside, n_in, span.total, grid))
    assert 0 <= used.start < used.stop <= n_in
    assert (used.start, used.stop - 1) == (math.floor(places[0]), math.ceil(places[-1]))
    if axis is None:
        assert places == [*range(used.start, used.stop)]
        return
    found = [
        used.start + int(cell) + Fraction(int(w1), int(axis.den))
        for cell, w1 in zip(axis.cell, axis.w1, strict=True)
    ]
    assert found == places
    assert (axis.w0 + axis.w1 == axis.den).all()
    assert axis.step == pytest.approx(max((float(b - a) for a, b in pairwise(places)), default=0))
    reach = [float(b - a) for a, b in pairwise(axis.start)]
    assert max(reach) == axis.widest


@given(st.integers(1, 60), st.integers(1, 60), st.booleans())
def test_taps_are_exact(n_in: int, n_out: int, antialias: bool) -> None:
    """A triangle around the middle of every output, as wide as an input, or as an output."""
    taps = sampling.taps(n_in, n_out, antialias)
    width = Fraction(n_in, n_out) if antialias and n_in > n_out else Fraction(1)
    for o in range(n_out):
        middle = (o + Fraction(1, 2)) * n_in / n_out
        falls = [1 - abs(i + Fraction(1, 2) - middle) / width for i in range(n_in)]
        falls = [max(weight, Fraction(0)) for weight in falls]
        total = sum(falls)
        wanted = [float(weight / total) for weight in falls]
        found = np.zeros(n_in)
        found[taps.first[o] : taps.first[o] + taps.weights.shape[1]] = taps.weights[o]
        np.testing.assert_allclose(found, wanted, rtol=1e-15)


@pytest.mark.parametrize(("grid", "align"), [("half_pixel", False), ("align_corners", True)])
@pytest.mark.parametrize(
    ("n_in", "n_out"), [(65, 513), (16, 128), (33, 260), (7, 3), (1, 9), (9, 1)]
)
def test_probabilities_follow_torch(grid: Any, align: bool, n_in: int, n_out: int) -> None:
    """softmax of interpolated logits is torch's float64 interpolate and softmax."""
    logits = np.random.default_rng(1).normal(size=(1, 4, n_in, n_in))
    up = torch.nn.functional.interpolate(
        torch.from_numpy(logits), (n_out, n_out), mode="bilinear", align_corners=align
    )
    seg = segpost.postprocess(logits, size=(n_out, n_out), grid=grid, want=("probabilities",))
    np.testing.assert_allclose(seg.probabilities, up.softmax(1).numpy(), atol=1e-6)
