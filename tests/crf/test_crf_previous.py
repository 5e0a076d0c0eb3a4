"""A start from probabilities of the frame before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from crf_cases import SMALL, near, problem
from numpy.testing import assert_array_equal

import segpost
from segpost import DenseCRF

EXACT: dict[str, Any] = {**SMALL, "method": "exact"}


@pytest.mark.parametrize("method", ["exact", "lattice"])
def test_a_start_goes_on_where_iterations_ended(backend: str, method: Any) -> None:
    """Two iterations after two are four, whatever computes them."""
    p, image = problem()
    settings: Any = {**SMALL, "method": method}
    half = DenseCRF(**{**settings, "iterations": 2})
    first = half.refine(p, image).probabilities
    before = first.copy()
    second = half.refine(p, image, previous=first).probabilities
    assert_array_equal(first, before)
    assert np.abs(second - DenseCRF(**settings)(p, image)).max() < 1e-5


def test_a_start_is_not_the_unary(backend: str) -> None:
    """Without iterations it is the result; with one its messages are in it."""
    p, image = problem()
    other = problem(seed=5)[0]
    still = DenseCRF(**{**EXACT, "iterations": 0}).refine(p, image, previous=other)
    assert np.abs(still.probabilities - other).max() < 1e-6
    once = DenseCRF(**{**EXACT, "iterations": 1})
    moved = once.refine(p, image, previous=other).probabilities
    assert np.abs(moved - once(p, image)).max() > 0.01
    with segpost.use_backend("reference"):
        near(moved, once.refine(p, image, previous=other).probabilities, 1e-4)


def test_a_start_at_the_end_converges_at_once(backend: str) -> None:
    """The mean field of a weak model has one fixed point, from which no iteration moves."""
    p, image = problem()
    weak: Any = {**EXACT, "gaussian": None, "bilateral": {**SMALL["bilateral"], "weight": 0.5}}
    crf = DenseCRF(**{**weak, "iterations": 30, "tolerance": 1e-4})
    fresh = crf.refine(p, image)
    again = crf.refine(p, image, previous=fresh.probabilities)
    assert fresh.converged
    assert again.converged
    assert again.iterations == 1 < fresh.iterations


@pytest.mark.parametrize("axis", [None, -1])
def test_a_start_of_a_batch_has_the_shape_of_the_result(backend: str, axis: int | None) -> None:
    """Every image starts from its own, with labels where those of the probabilities are."""
    problems = [problem(seed=seed) for seed in (0, 1)]
    p, images = np.stack([p for p, _ in problems]), np.stack([image for _, image in problems])
    start = p[::-1].copy()
    crf = DenseCRF(**EXACT, axis=axis)
    order = (0, 2, 3, 1) if axis == -1 else (0, 1, 2, 3)
    done = crf.refine(p.transpose(order), images, previous=start.transpose(order)).probabilities
    for n in range(2):
        alone = DenseCRF(**EXACT).refine(p[n], images[n], previous=start[n]).probabilities
        assert_array_equal(done[n].transpose(2, 0, 1) if axis == -1 else done[n], alone)


def test_a_start_of_a_volume(backend: str) -> None:
    """Depth is an axis as the others are."""
    p = np.stack([problem(seed=z)[0] for z in range(3)], axis=1)
    image = np.stack([problem(seed=z)[1] for z in range(3)])
    crf = DenseCRF(iterations=2, volume=True, method="exact")
    first = crf.refine(p, image).probabilities
    four = DenseCRF(iterations=4, volume=True, method="exact")(p, image)
    assert np.abs(crf.refine(p, image, previous=first).probabilities - four).max() < 1e-5
    first[1, 2, 3, 4] = np.nan
    with pytest.raises(ValueError, match=r"1 NaN .* image 0, label 1, z 2, y 3, x 4"):
        crf.refine(p, image, previous=first)


def test_what_is_no_start_is_refused() -> None:
    """Shape, dtype and values are those of a result; the message says which is not."""
    p, image = problem()
    crf = DenseCRF(**SMALL)
    with pytest.raises(ValueError, match=r"previous of shape \(3, 12, 9\) does not fit"):
        crf.refine(p, image, previous=p[:3])
    with pytest.raises(ValueError, match=r"it must be \(4, 12, 9\)"):
        crf.refine(p, image, previous=p[None])
    with pytest.raises(TypeError, match=r"must be float32.* got float64.*astype\('float32'\)"):
        crf.refine(p, image, previous=p.astype(np.float64))
    crf.refine(p, image, previous=p.astype(np.float64).astype("float32"))  # the cure
    wrong = p.copy()
    wrong[2, 3, 4] = np.inf
    with pytest.raises(
        ValueError, match="1 NaN or infinite values, first at image 0, label 2, y 3"
    ):
        crf.refine(p, image, previous=wrong)
    with pytest.raises(ValueError, match=r"values from -\d.*, 4\d\d bad, first at image 0"):
        crf.refine(p, image, previous=np.log(p))
    crf.refine(p, image, previous=segpost.softmax(np.log(p)))  # the cure


def test_sums_over_the_labels_are_1() -> None:
    """Zeros, ones and scores of sigmoids are no start."""
    p, image = problem()
    crf = DenseCRF(**SMALL)
    for start, first in ((np.zeros_like(p), 0), (np.ones_like(p), 4), (0.5 * p, 0.5)):
        with pytest.raises(ValueError, match=rf"108 of 108 pixels, first {first} at image 0, y 0"):
            crf.refine(p, image, previous=start)
    large = np.full((2, 300, 400), 0.5, np.float32)
    large[:, 200:] = 0.1
    with pytest.raises(ValueError, match=r"first 0\.2 at image 0, y 200, x 0"):
        DenseCRF(bilateral=None).refine(np.full_like(large, 0.5), previous=large)


def test_results_and_labels_have_their_own_cures() -> None:
    """The result of a refinement has probabilities; a map of labels is not cast."""
    p, image = problem()
    crf = DenseCRF(**SMALL)
    result = crf.refine(p, image)
    with pytest.raises(TypeError, match=r"got Refinement; pass previous\.probabilities"):
        crf.refine(p, image, previous=result)
    crf.refine(p, image, previous=result.probabilities)  # the cure
    with pytest.raises(TypeError, match="got labels of uint8; pass those that refine returned"):
        crf.refine(p, image, previous=result.labels)
    with pytest.raises(TypeError, match=r"trace must be True or False, got ndarray: .* previous="):
        crf.refine(p, image, p)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="trace must be True or False, got 'no'"):
        crf.refine(p, image, trace="no")  # type: ignore[call-overload]


def test_a_start_of_torch() -> None:
    """Its cure is torch's."""
    torch = pytest.importorskip("torch")
    p, image = problem()
    crf, double = DenseCRF(**SMALL), torch.from_numpy(p).double()
    with pytest.raises(TypeError, match=r"got float64; pass previous\.float\(\)"):
        crf.refine(p, image, previous=double)
    crf.refine(p, image, previous=double.float())  # the cure


def test_a_start_for_a_map_of_labels(backend: str) -> None:
    """It has the shape of the result, which has an axis of labels."""
    labels = problem()[0].argmax(0)
    crf = DenseCRF(**SMALL, unary="labels", num_classes=4)
    image = problem()[1]
    first = crf.refine(labels, image).probabilities
    assert crf.refine(labels, image, previous=first).probabilities.shape == first.shape
    with pytest.raises(ValueError, match=r"it must be \(4, 12, 9\)"):
        crf.refine(labels, image, previous=labels.astype(np.float32))
