"""dense_crf and DenseCRF: their results, the same claims for every backend."""

from __future__ import annotations

import inspect
import pickle
from dataclasses import FrozenInstanceError, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from conftest import NATIVE
from crf_cases import (
    EXACT,
    LATTICE,
    SMALL,
    energies,
    free_energy,
    kernel,
    mean_field,
    near,
    potts,
    problem,
    reference,
)
from numpy.testing import assert_allclose, assert_array_equal

import segpost
from segpost import DenseCRF

ON_CUDA = True

COSTS = np.array([[0, 1, 0.5, 2], [1, 0, 1, 0.3], [0.7, 1, 0.1, 1], [2, 0.2, 1, 0]])


@cache
def defined(preset: Any, iterations: int) -> np.ndarray:
    """What a preset makes of one scene."""
    with segpost.use_backend("reference"):
        return np.asarray(DenseCRF.preset(preset, iterations=iterations)(*problem(5, 40, 56)))


@pytest.mark.parametrize("normalization", ["symmetric", "row", "column", "none"])
@pytest.mark.parametrize("own", [True, False])
def test_exact_is_the_mean_field(backend: str, normalization: Any, own: bool) -> None:
    """A Gaussian and a bilateral term equal the sums over all pairs of pixels."""
    p, image = problem()
    weights = (0.05, 0.08) if normalization == "none" else (2.0, 3.0)
    got = segpost.dense_crf(
        p,
        image,
        gaussian={"sigma": (1.5, 2.0), "weight": weights[0]},
        bilateral={"sigma_xy": (5.0, 4.0), "sigma_rgb": (20.0, 30.0, 25.0), "weight": weights[1]},
        normalization=normalization,
        own_term=own,
        iterations=4,
        method="exact",
    )
    options: dict[str, Any] = {"normalization": normalization, "own": own}
    terms = [
        (kernel((12, 9), (1.5, 2.0), **options), weights[0] * potts(4)),
        (
            kernel((12, 9), (5.0, 4.0), image, (20.0, 30.0, 25.0), **options),
            weights[1] * potts(4),
        ),
    ]
    wanted = mean_field(energies(p), terms, 4)[-1]
    assert_allclose(got.reshape(4, -1), wanted, rtol=0, atol=EXACT)


@pytest.mark.parametrize(
    ("given", "costs"),
    [
        ([1.0, 0.5, -0.3, 2.0], -np.diag([1.0, 0.5, -0.3, 2.0])),
        (COSTS, COSTS),
        (-np.eye(4), -np.eye(4)),
    ],
)
def test_compatibility_is_a_cost_matrix_or_an_attraction(
    backend: str, given: Any, costs: np.ndarray
) -> None:
    """A vector attracts each label to itself, a matrix costs; neither need be symmetric."""
    p, image = problem(seed=1)
    got = segpost.dense_crf(p, image, **SMALL, compatibility=given, method="exact")
    terms = [
        (kernel((12, 9), 1.5), 2.0 * costs),
        (kernel((12, 9), 5.0, image, 20.0), 3.0 * costs),
    ]
    wanted = mean_field(energies(p), terms, 4)[-1]
    assert_allclose(got.reshape(4, -1), wanted, rtol=0, atol=EXACT)


@pytest.mark.parametrize("method", ["exact", "lattice"])
def test_three_ways_to_say_potts(backend: str, method: Any) -> None:
    """The word, a vector of ones and the matrix 1 - I are one model."""
    p, image = problem(seed=2)
    words, ones, matrix = (
        segpost.dense_crf(p, image, **SMALL, compatibility=given, method=method)
        for given in ("potts", np.ones(4), potts(4))
    )
    assert_allclose(ones, words, rtol=0, atol=1e-5)
    assert_allclose(matrix, words, rtol=0, atol=EXACT)


@pytest.mark.parametrize("quality", ["fast", "default", "high"])
@pytest.mark.parametrize("preset", ["pydensecrf", "deeplab"])
def test_the_lattice_is_near_the_definition(fast_backend: str, quality: Any, preset: Any) -> None:
    """The lattice is near the exact sums on a noisy scene, after one iteration and after all."""
    p, image = problem(5, 40, 56)
    for iterations in (1, 10):
        crf = DenseCRF.preset(preset, iterations=iterations, quality=quality)
        near(crf(p, image), defined(preset, iterations), LATTICE)


@pytest.mark.skipif(not NATIVE, reason="no native backend")
@pytest.mark.parametrize("quality", ["fast", "default", "high"])
@pytest.mark.parametrize(
    "settings", [{}, {"own_term": False}, {"normalization": "row"}, {"bilateral": None}]
)
def test_numba_has_the_lattice_of_native(quality: str, settings: dict[str, Any]) -> None:
    """Numba and native compute the same algorithm: they differ by rounding alone."""
    if "own_term" in settings and quality != "high":
        settings = {**settings, "bilateral": None}
    p, image = problem(9, 70, 330, seed=14)
    results = []
    for backend in ("native", "numba"):
        with segpost.use_backend(backend):
            crf = DenseCRF(**{"iterations": 1, "quality": quality, **settings})
            results.append(crf(p, image))
    near(results[0], results[1], 1e-4)


@pytest.mark.parametrize(
    "settings",
    [
        {"own_term": False, "quality": "high"},
        {"normalization": "row"},
        {"normalization": "column"},
        {"compatibility": (1.0, 0.5, 2.0, 1.0)},
        {"compatibility": COSTS},
        {"gaussian": None},
        {"bilateral": None},
        {"gaussian": [{"sigma": 1, "weight": 1}, {"sigma": (6, 2), "weight": 2}]},
        {"gaussian": {"sigma": 4, "weight": 2, "normalization": "row", "compatibility": COSTS}},
    ],
)
@pytest.mark.parametrize("method", ["exact", "lattice"])
def test_every_setting_is_that_of_the_definition(
    fast_backend: str, settings: dict[str, Any], method: str
) -> None:
    """Each setting alone gives the result of the definition, with both methods."""
    p, image = problem(4, 30, 37, seed=3)
    arguments = {**SMALL, **settings, "method": method}
    got = segpost.dense_crf(p, image, **arguments)
    wanted = reference(p, image, **arguments)
    near(got, wanted, LATTICE)
    if method == "exact":
        assert_allclose(got, wanted, rtol=0, atol=EXACT)


def test_terms_have_settings_of_their_own(backend: str) -> None:
    """The compatibility and normalization of a term replace those of all terms."""
    p, image = problem(seed=4)
    own: dict[str, Any] = {"normalization": "row", "compatibility": COSTS}
    got = segpost.dense_crf(
        p, image, method="exact", gaussian=None, bilateral={**SMALL["bilateral"], **own}
    )
    wanted = segpost.dense_crf(
        p, image, method="exact", gaussian=None, bilateral=SMALL["bilateral"], **own
    )
    assert_array_equal(got, wanted)


def test_two_equal_terms_are_one_of_twice_the_weight(backend: str) -> None:
    """Two equal terms give the result of one with twice the weight."""
    p, image = problem(seed=5)
    term = SMALL["bilateral"]
    got = segpost.dense_crf(p, image, gaussian=None, bilateral=[term, term])
    wanted = segpost.dense_crf(p, image, gaussian=None, bilateral={**term, "weight": 6.0})
    assert_allclose(got, wanted, rtol=0, atol=1e-3)


@pytest.mark.parametrize("method", ["exact", "lattice"])
def test_permuted_labels_give_permuted_results(backend: str, method: Any) -> None:
    """A permutation of the labels permutes the result."""
    p, image = problem(5, 20, 24, seed=6)
    order = [3, 0, 4, 1, 2]
    got = segpost.dense_crf(p[order], image, **SMALL, method=method)
    wanted = segpost.dense_crf(p, image, **SMALL, method=method)[order]
    assert_allclose(got, wanted, rtol=0, atol=EXACT)


@pytest.mark.parametrize("method", ["exact", "lattice"])
def test_flipped_images_give_flipped_results(backend: str, method: Any) -> None:
    """A flipped image gives the flipped result; the lattice depends on the direction a little."""
    p, image = problem(4, 20, 24, seed=7)
    wanted = segpost.dense_crf(p, image, **SMALL, method=method)
    for flip in (np.s_[::-1, :], np.s_[:, ::-1]):
        got = segpost.dense_crf(p[(slice(None), *flip)], image[flip], **SMALL, method=method)
        got = got[(slice(None), *flip)]
        near(got, wanted, LATTICE)
        if method == "exact" or backend == "reference":
            assert_allclose(got, wanted, rtol=0, atol=EXACT)


@pytest.mark.parametrize("quality", ["fast", "default", "high"])
@pytest.mark.parametrize("threads", [2, 3])
def test_same_bytes_for_any_number_of_threads(backend: str, quality: Any, threads: int) -> None:
    """Twice on one thread and once on several: no bit differs, energies included."""
    p, image = problem(7, 120, 150, seed=8)
    few = {"reference": 20, "cuda-emulated": 40}.get(backend, 150)
    p, image = p[:, :few, :few], image[:few, :few]
    counts: tuple[int, ...] = (1, 1, threads)
    if backend == "cuda-emulated":  # which has one thread of its own
        if threads != 2:
            pytest.skip("the number of threads is one of the CPU")
        counts = counts[1:]
    crf = DenseCRF(iterations=3, quality=quality)
    before = segpost.num_threads()
    results = []
    try:
        for count in counts:
            segpost.set_num_threads(count)
            results.append(crf.refine(p, image, trace=True))
    finally:
        segpost.set_num_threads(before)
    for other in results[1:]:
        assert other.probabilities.tobytes() == results[0].probabilities.tobytes()
        assert other.kl == results[0].kl
        assert other.change == results[0].change


def test_no_iteration_gives_the_unary(backend: str) -> None:
    """With iterations=0, probabilities come back clamped and normalized."""
    p, image = problem(seed=9)
    p[0, 0, 0], p[1, 0, 0] = 0.0, 5e-4
    clamped = np.maximum(p.astype(np.float64), 1e-5)
    done = DenseCRF(iterations=0).refine(p, image, trace=True)
    assert_allclose(done.probabilities, clamped / clamped.sum(0), rtol=0, atol=1e-6)
    assert done.iterations == 0
    assert done.change == []
    assert len(done.kl) == 1


def test_weight_zero_leaves_a_term_out(backend: str) -> None:
    """No term at all gives the unary; a term of weight 0 needs no image."""
    p, image = problem(seed=10)
    wanted = segpost.dense_crf(p, iterations=0, bilateral=None)
    nothing = {"sigma_xy": 5, "sigma_rgb": 3, "weight": 0}
    got = segpost.dense_crf(p, gaussian=None, bilateral=nothing)
    assert_allclose(got, wanted, rtol=0, atol=1e-6)
    with_image = segpost.dense_crf(p, image, gaussian=SMALL["gaussian"], bilateral=nothing)
    assert_array_equal(with_image, segpost.dense_crf(p, gaussian=SMALL["gaussian"], bilateral=None))


@pytest.mark.filterwarnings("ignore:gaussian's weight is -2")
def test_negative_weights_repel(backend: str) -> None:
    """With a negative weight, neighbors are less alike after the iterations than before."""
    p = np.full((2, 6, 6), 0.5, np.float32)
    p[0, ::2, ::2], p[1, ::2, ::2] = 0.6, 0.4
    got = segpost.dense_crf(p, gaussian={"sigma": 1, "weight": -2}, bilateral=None, own_term=False)
    assert got[0, 2, 3] < 0.5 < got[0, 2, 2]


def test_tolerance_stops(backend: str) -> None:
    """Iterations end after the first that changes no value by more; the result is that step's."""
    p, image = problem(seed=11)
    done = DenseCRF(tolerance=1e-2, iterations=50, method="exact").refine(p, image)
    assert 0 < done.iterations < 50
    assert done.converged is True
    assert len(done.change) == done.iterations
    assert done.change[-1] <= 1e-2 < min(done.change[:-1])
    assert done.kl is None
    wanted = segpost.dense_crf(p, image, iterations=done.iterations, method="exact")
    assert_allclose(done.probabilities, wanted, rtol=0, atol=1e-6)
    short = DenseCRF(tolerance=1e-9, iterations=2).refine(p, image)
    assert (short.iterations, short.converged) == (2, False)
    plain = DenseCRF(iterations=2).refine(p, image)
    assert (plain.iterations, plain.converged, plain.change, plain.kl) == (2, None, None, None)


def test_trace_is_the_free_energy(backend: str) -> None:
    """kl and change are those of the steps of the exact mean field."""
    p, image = problem(seed=12)
    done = DenseCRF(**SMALL, method="exact").refine(p, image, trace=True)
    terms = [
        (kernel((12, 9), 1.5), -2.0 * np.eye(4)),
        (kernel((12, 9), 5.0, image, 20.0), -3.0 * np.eye(4)),
    ]
    energy = energies(p)
    steps = mean_field(energy, terms, 4)
    wanted = [free_energy(q, energy, terms) for q in steps]
    assert_allclose(done.kl, wanted, rtol=1e-4, atol=1e-3)
    assert_allclose(done.change, np.abs(np.diff(steps, axis=0)).max((1, 2)), rtol=0, atol=EXACT)


def test_trace_changes_nothing(backend: str) -> None:
    """The probabilities are the same, and the labels their argmax."""
    p, image = problem(6, 25, 31, seed=13)
    crf = DenseCRF()
    plain, traced = crf.refine(p, image), crf.refine(p, image, trace=True)
    assert_array_equal(traced.probabilities, plain.probabilities)
    assert_array_equal(crf(p, image), plain.probabilities)
    assert np.isfinite(traced.kl).all()
    assert traced.kl[-1] < traced.kl[0]
    assert_array_equal(plain.labels, plain.probabilities.argmax(0))
    assert plain.labels.dtype == np.uint8


def test_presets() -> None:
    """The numbers of pydensecrf's README and of DeepLab's release."""
    readme = DenseCRF.preset("pydensecrf")
    assert readme == DenseCRF()
    assert readme.gaussian == ({"sigma": 3.0, "weight": 3.0},)
    assert readme.bilateral == ({"sigma_xy": 80.0, "sigma_rgb": 13.0, "weight": 10.0},)
    deeplab = DenseCRF.preset("deeplab", quality="high")
    assert deeplab.gaussian == ({"sigma": 1.0, "weight": 3.0},)
    assert deeplab.bilateral == ({"sigma_xy": 67.0, "sigma_rgb": 3.0, "weight": 4.0},)
    assert (deeplab.iterations, deeplab.quality) == (10, "high")
    with pytest.raises(ValueError, match="name must be one of 'pydensecrf', 'deeplab', got 'voc'"):
        DenseCRF.preset("voc")  # type: ignore[arg-type]


def test_a_description_is_a_value() -> None:
    """A DenseCRF is immutable, equal to its copies, printed as its constructor call, pickled."""
    crf = DenseCRF(gaussian=[{"sigma": 2, "weight": 1}] * 2, compatibility=np.eye(3), axis=-1)
    assert eval(repr(crf), {"DenseCRF": DenseCRF}) == crf
    assert pickle.loads(pickle.dumps(crf)) == crf
    assert replace(crf, iterations=10) == crf != replace(crf, iterations=3)
    assert len({crf, replace(crf), DenseCRF()}) == 2
    with pytest.raises(FrozenInstanceError):
        crf.iterations = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        crf.gaussian[0]["sigma"] = 9  # type: ignore[index]
    guide = np.zeros((4, 4))
    term = {"sigma_xy": 3, "sigma_rgb": 3, "weight": 1, "guide": guide}
    assert DenseCRF(bilateral=term) == DenseCRF(bilateral=term)
    assert DenseCRF(bilateral=term) != DenseCRF(bilateral={**term, "guide": guide.copy()})


def test_the_function_takes_what_the_description_takes() -> None:
    """dense_crf and DenseCRF have the same settings and defaults, and the first passes them on."""
    function = inspect.signature(segpost.dense_crf).parameters
    settings = inspect.signature(DenseCRF).parameters
    assert list(function)[2:] == list(settings)
    for name, parameter in settings.items():
        assert function[name] == parameter, name
