"""`resize_labels`: exact areas, ties, and the pixel at the center."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.testing import assert_array_equal

import segpost

Array = np.ndarray[Any, Any]
sides = st.integers(1, 9)
maps = st.tuples(sides, sides, st.sampled_from(["uint8", "int8", "int32", "int64"])).flatmap(
    lambda case: arrays.arrays(case[2], case[:2], elements=st.integers(0, 3))
)


def majority(labels: Array, size: tuple[int, int]) -> Array:
    """The definition, with areas as fractions; the smallest label of a tie."""

    def shares(n_in: int, n_out: int, i: int) -> dict[int, Fraction]:
        low, high = Fraction(i * n_in, n_out), Fraction((i + 1) * n_in, n_out)
        ends = {k: (max(low, Fraction(k)), min(high, Fraction(k + 1))) for k in range(n_in)}
        return {k: end - start for k, (start, end) in ends.items() if end > start}

    out = np.empty(size, labels.dtype)
    for i, j in np.ndindex(size):
        areas: dict[int, Fraction] = {}
        for y, tall in shares(labels.shape[0], size[0], i).items():
            for x, wide in shares(labels.shape[1], size[1], j).items():
                label = int(labels[y, x])
                areas[label] = areas.get(label, Fraction(0)) + tall * wide
        out[i, j] = min(areas, key=lambda label: (-areas[label], label))
    return out


@given(maps, sides, sides)
def test_majority_is_exact(labels: Array, height: int, width: int) -> None:
    """Any sizes, any integers: the label with the largest area."""
    resized = segpost.resize_labels(labels, (height, width))
    assert resized.dtype == labels.dtype
    assert_array_equal(resized, majority(labels, (height, width)))


@given(maps, sides, sides)
def test_nearest_has_the_center(labels: Array, height: int, width: int) -> None:
    """The input pixel that contains the center."""
    resized = segpost.resize_labels(labels, (height, width), "nearest")
    for (i, j), label in np.ndenumerate(resized):
        y = (2 * i + 1) * labels.shape[0] // (2 * height)
        x = (2 * j + 1) * labels.shape[1] // (2 * width)
        assert label == labels[y, x]


def test_labels_of_any_value_and_batches() -> None:
    """Negative and large labels, and leading axes; the result is never the argument."""
    labels = np.array([[[-5, 2**40], [2**40, -5]], [[7, 7], [7, -1]]])
    assert segpost.resize_labels(labels, (1, 1)).tolist() == [[[-5]], [[7]]]
    batch = np.zeros((2, 3, 4, 6), np.uint16)[:, :, ::2, ::-1]
    assert segpost.resize_labels(batch, (1, 3)).shape == (2, 3, 1, 3)
    same = segpost.resize_labels(labels, (2, 2))
    same[:] = 0
    assert labels[1, 0, 0] == 7


def test_torch_gives_torch() -> None:
    """A tensor gives a tensor, of torch's nearest-exact too."""
    torch = pytest.importorskip("torch")
    labels = torch.arange(24, dtype=torch.uint8).reshape(4, 6)
    assert isinstance(segpost.resize_labels(labels, (2, 2)), torch.Tensor)
    nearest = segpost.resize_labels(labels, (3, 5), "nearest")
    scale = torch.nn.functional.interpolate(
        labels[None, None].float(), (3, 5), mode="nearest-exact"
    )
    assert torch.equal(nearest.float(), scale[0, 0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((2, 2)), (1, 1)), "labels must be integers"),
        ((np.zeros((0, 2), int), (1, 1)), "no pixels"),
        ((np.zeros((2, 2), int), (0, 1)), "size must be at least"),
        ((np.zeros((2, 2), int), (1, 1), "mode"), "mode must be one of 'majority', 'nearest'"),
        ((np.zeros((5, 5, 3), np.uint8), (1, 1)), "look like"),
    ],
)
def test_wrong_arguments(arguments: Any, message: str) -> None:
    """Every error names the argument."""
    with pytest.raises((ValueError, TypeError), match=message):
        segpost.resize_labels(*arguments)
