"""segpost.compat.pydensecrf: the behavior of pydensecrf, and errors where it crashed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import scene
from numpy.testing import assert_allclose, assert_array_equal

import segpost
import segpost.compat.pydensecrf.densecrf as dcrf
from segpost.compat.pydensecrf import eigen, utils

H, W, L = 9, 11, 3
N = H * W
F32 = np.float32


def f32(values: list[Any]) -> np.ndarray:
    """An array of float32."""
    return np.array(values, np.float32)


def image(height: int = H, width: int = W) -> np.ndarray:
    """Two flat regions with a little noise."""
    random = np.random.default_rng(5)
    result = random.integers(0, 6, (height, width, 3))
    result[:, width // 2 :] += 180
    return result.astype(np.uint8)


def energies(labels: int = L, height: int = H, width: int = W) -> np.ndarray:
    """Noisy unary energies (labels, pixels)."""
    logits = scene(labels, height, width) / 6
    logits += np.random.default_rng(6).normal(0, 0.7, logits.shape).astype(np.float32)
    return utils.unary_from_softmax(np.exp(logits) / np.exp(logits).sum(0))


def model(unary: np.ndarray | None = None) -> dcrf.DenseCRF2D:
    """A CRF with energies and no kernel."""
    crf = dcrf.DenseCRF2D(W, H, L)
    crf.setUnaryEnergy(energies() if unary is None else unary)
    return crf


def marginals(compat: Any, niter: int = 3, **settings: Any) -> np.ndarray:
    """Q with one kernel of places and colors."""
    crf = model()
    crf.addPairwiseBilateral(sxy=(4, 3), srgb=20, rgbim=image(), compat=compat, **settings)
    return crf.inference(niter)


def brute_force(
    unary: np.ndarray, features: np.ndarray, compat: np.ndarray, normalization: str, niter: int
) -> np.ndarray:
    """Mean field as pydensecrf defines it, over all pairs; `compat` is added to the energy."""
    square = ((features[:, :, None] - features[:, None].astype(np.float64)) ** 2).sum(axis=0)
    kernel = np.exp(-square / 2)
    sums = kernel.sum(axis=1)
    left = {"AFTER": 1 / sums, "SYMMETRIC": sums**-0.5}.get(normalization, np.ones(len(sums)))
    right = {"BEFORE": 1 / sums, "SYMMETRIC": sums**-0.5}.get(normalization, np.ones(len(sums)))
    kernel = left[:, None] * kernel * right
    q: np.ndarray = np.exp(-unary) / np.exp(-unary).sum(axis=0)
    for _ in range(niter):
        q = np.exp(-unary - compat @ (q @ kernel.T))
        q /= q.sum(axis=0)
    return q


def test_two_dimensions_and_any_features_agree(backend: str) -> None:
    """DenseCRF2D and DenseCRF with the features of `utils` give the same labels, and smooth."""
    special, general = model(), dcrf.DenseCRF(N, L)
    general.setUnaryEnergy(energies())
    special.addPairwiseGaussian(sxy=(3, 2), compat=2)
    special.addPairwiseBilateral(sxy=(8, 6), srgb=(13, 14, 15), rgbim=image(), compat=4)
    general.addPairwiseEnergy(utils.create_pairwise_gaussian((2, 3), (H, W)), compat=2)
    features = utils.create_pairwise_bilateral((6, 8), (13, 14, 15), image(), chdim=2)
    general.addPairwiseEnergy(features, compat=4)
    first, second = special.inference(5), general.inference(5)
    assert first.shape == second.shape == (L, N)
    assert first.dtype == np.float32
    assert_allclose(first.sum(axis=0), 1, atol=1e-5)
    if backend == "reference":
        assert_allclose(first, second, atol=1e-5)
    assert (first.argmax(axis=0) == second.argmax(axis=0)).mean() > 0.99
    assert (first.argmax(axis=0) != energies().argmin(axis=0)).any()


def test_every_feature_may_be_added_to_an_image(backend: str) -> None:
    """DenseCRF2D takes generic features in row-major order too."""
    crf = model()
    crf.addPairwiseEnergy(utils.create_pairwise_bilateral((3, 4), 20, image(), 2), compat=3)
    assert_allclose(crf.inference(3), marginals(3), atol=1e-5)


def test_sign_of_compatibilities(backend: str) -> None:
    """A number attracts; vectors and matrices are added to the energy; matrices are symmetrized."""
    eye = np.eye(L, dtype=np.float32)
    wanted = marginals(3)
    assert_allclose(marginals(np.full(L, -3, np.float32)), wanted, atol=1e-5)
    assert_allclose(marginals(-3 * eye), wanted, atol=1e-5)
    assert_allclose(marginals(3 * (1 - eye)), wanted, atol=1e-5)
    assert_allclose(marginals(np.full(L, 3, np.float32)), marginals(-3), atol=1e-5)
    assert abs(marginals(-3) - wanted).max() > 0.3
    lopsided = f32([[0, 4, 1], [0, 0, 2], [3, 0, 0]])
    assert_allclose(marginals(lopsided), marginals((lopsided + lopsided.T) / 2), atol=1e-5)


@pytest.mark.parametrize("name", ["BEFORE", "AFTER", "SYMMETRIC", "NO_NORMALIZATION"])
def test_definition(name: str) -> None:
    """The reference backend is mean field over all pairs, a pixel's own message included."""
    rule = getattr(dcrf, name, None) or getattr(dcrf, f"NORMALIZE_{name}", dcrf.NO_NORMALIZATION)
    costs = f32([[-0.6, 0.2, 0.4], [0.2, -0.9, 0], [0.4, 0, -0.3]])
    features = utils.create_pairwise_bilateral((3, 4), 20, image(), 2)
    for compat, matrix in ((0.5, -0.5 * np.eye(L)), (costs, costs), (costs[0], np.diag(costs[0]))):
        with segpost.use_backend("reference"):
            got = marginals(compat, 4, normalization=rule)
        wanted = brute_force(energies(), features, np.asarray(matrix), name, 4)
        assert_allclose(got, wanted, atol=1e-5)


def test_steps_are_the_inference(backend: str) -> None:
    """startInference and stepInference pass through what inference gives."""
    crf = model()
    crf.addPairwiseGaussian(2, 3)
    q, tmp1, tmp2 = crf.startInference()
    kept = q
    for done in range(4):
        assert_allclose(q, crf.inference(done), atol=1e-6)
        crf.stepInference(q, tmp1, tmp2)
    assert kept is q
    column_major = np.array(crf.inference(1), order="F")
    crf.stepInference(column_major, eigen.MatrixXf(), eigen.MatrixXf())
    assert_allclose(column_major, crf.inference(2), atol=1e-6)


def test_kl_divergence_is_that_of_pydensecrf(backend: str) -> None:
    """The divergence counts every pair twice, and a new kernel from its addition on."""
    crf = model()
    unary = energies().astype(np.float64)
    q = crf.inference(0) / 2 + F32(0.5 / L)
    alone = float((q * np.log(q)).sum() + (q * unary).sum())
    assert crf.klDivergence(q) == pytest.approx(alone, rel=1e-5)
    crf.addPairwiseEnergy(np.zeros((1, N), np.float32), compat=2)  # everybody is everywhere
    assert crf.klDivergence(q) == pytest.approx(
        alone - 2 * (q.sum(axis=1) ** 2).sum() / N, rel=1e-3
    )
    values = []
    for _ in range(5):
        values.append(crf.klDivergence(q))
        crf.stepInference(q)
    assert values == sorted(values, reverse=True)


def test_kernel_types_change_nothing(backend: str) -> None:
    """Defaults are those of pydensecrf, and a number may replace a constant."""
    assert (
        [*dcrf.KernelType] == [0, 1, 2] == [dcrf.CONST_KERNEL, dcrf.DIAG_KERNEL, dcrf.FULL_KERNEL]
    )
    assert dcrf.NormalizationType.NORMALIZE_SYMMETRIC is dcrf.NORMALIZE_SYMMETRIC
    wanted = marginals(3)
    for kernel in dcrf.KernelType:
        assert_array_equal(marginals(3, kernel=kernel), wanted)
    assert_array_equal(marginals(3, kernel=2, normalization=3), wanted)
    assert abs(marginals(3, normalization=1) - marginals(3, normalization=2)).max() > 1e-3


def test_unary_objects(backend: str) -> None:
    """A unary object holds energies, given or of a logistic regression, for one use."""
    random = np.random.default_rng(8)
    weights = random.normal(size=(L, 4)).astype(np.float32)
    features = random.normal(size=(4, N)).astype(np.float32)
    wanted = model(weights @ features).inference(0)
    crf = model()
    for unary in (dcrf.LogisticUnary(weights, features), dcrf.ConstUnary(u=weights @ features)):
        crf.setUnary(unary)
        assert_array_equal(crf.inference(0), wanted)
        with pytest.raises(RuntimeError, match="setUnary has taken them"):
            crf.setUnary(unary)
    crf.setUnaryEnergy(weights, features)
    assert_array_equal(crf.inference(0), wanted)


def test_what_is_given_is_copied(backend: str) -> None:
    """Arrays are copied, so the caller may change them; any memory order is accepted."""
    unary, pixels = np.asfortranarray(energies()), image()
    features = utils.create_pairwise_gaussian((2, 2), (H, W))
    crf = model(unary)
    crf.addPairwiseBilateral((4, 3), 20, pixels, 3)
    crf.addPairwiseEnergy(features, 1)
    wanted = crf.inference(2)
    unary[:], pixels[:], features[:] = 0, 0, 0
    crf.addPairwiseGaussian(2, 0.0)  # the solver is made anew
    assert_allclose(crf.inference(2), wanted, atol=1e-6)


def test_impossible_labels_stay_impossible(backend: str) -> None:
    """+inf is a valid energy; one label, one pixel and numbers of other types are accepted."""
    unary = energies()
    unary[1, :5] = np.inf
    crf = model(unary)
    crf.addPairwiseGaussian(np.float64(-2), np.float32(3))
    assert (crf.inference(np.int64(3))[1, :5] == 0).all()
    assert np.isfinite(crf.klDivergence(crf.inference(3)))
    assert_array_equal(crf.inference(3.0), crf.inference(3))
    single = dcrf.DenseCRF(1, 1)
    single.setUnaryEnergy(f32([[7]]))
    single.addPairwiseEnergy(f32([[0]]), 1)
    assert single.inference(2) == 1


BAD_CALLS: list[tuple[str, type[Exception], Callable[[Any], Any]]] = [
    ("u must be float32", ValueError, lambda c: c.setUnaryEnergy(np.zeros((L, N)))),
    ("u must have 2 dim", ValueError, lambda c: c.setUnaryEnergy(np.zeros((L, H, W), F32))),
    ("u must have shape", ValueError, lambda c: c.setUnaryEnergy(np.zeros((L, N - 1), F32))),
    ("u must be an array", TypeError, lambda c: c.setUnaryEnergy(None)),
    (
        "do not fit",
        ValueError,
        lambda c: c.setUnaryEnergy(np.zeros((L, 4), F32), np.eye(5, dtype=F32)),
    ),
    ("u must be a ConstU", TypeError, lambda c: c.setUnary([])),
    ("u must have shape", ValueError, lambda c: c.setUnary(dcrf.ConstUnary(np.ones((2, 2), F32)))),
    ("no energies", RuntimeError, lambda c: c.setUnary(dcrf.Unary())),
    ("no unary", RuntimeError, lambda c: dcrf.DenseCRF2D(W, H, L).inference(1)),
    ("compat must be float32", ValueError, lambda c: c.addPairwiseGaussian(3, np.ones(L))),
    ("compat must have shape", ValueError, lambda c: c.addPairwiseGaussian(3, np.ones(L + 1, F32))),
    ("compat must have sh", ValueError, lambda c: c.addPairwiseGaussian(3, np.ones((L, 2), F32))),
    ("compat must be a num", ValueError, lambda c: c.addPairwiseGaussian(3, np.ones((), F32))),
    ("compat must be an arr", TypeError, lambda c: c.addPairwiseGaussian(3, [1.0] * L)),
    ("compat must be finite", ValueError, lambda c: c.addPairwiseGaussian(3, np.nan)),
    ("sxy must be finite", ValueError, lambda c: c.addPairwiseGaussian(0, 3)),
    ("sxy must be finite", ValueError, lambda c: c.addPairwiseGaussian((3, np.nan), 3)),
    ("sxy is too small", ValueError, lambda c: c.addPairwiseGaussian(1e-6, 3)),
    ("sxy must be a number", ValueError, lambda c: c.addPairwiseGaussian((3,), 3)),
    ("sxy must be a number", TypeError, lambda c: c.addPairwiseGaussian(None, 3)),
    ("srgb is too small", ValueError, lambda c: c.addPairwiseBilateral(3, 1e-4, image(), 3)),
    ("srgb must hold", TypeError, lambda c: c.addPairwiseBilateral(3, "abc", image(), 3)),
    ("rgbim must be uint8", ValueError, lambda c: c.addPairwiseBilateral(3, 3, image() / 1.0, 3)),
    ("width first", ValueError, lambda c: c.addPairwiseBilateral(3, 3, image(W, H), 3)),
    ("create_", ValueError, lambda c: c.addPairwiseBilateral(3, 3, image()[..., :2], 3)),
    ("kernel must be one of", ValueError, lambda c: c.addPairwiseGaussian(3, 3, kernel=7)),
    ("tion must be one of", ValueError, lambda c: c.addPairwiseGaussian(3, 3, normalization=4)),
    ("features must have sh", ValueError, lambda c: c.addPairwiseEnergy(np.ones((2, 5), F32), 3)),
    ("features must be fl", ValueError, lambda c: c.addPairwiseEnergy(np.ones((2, N)), 3)),
    ("variable 0", ValueError, lambda c: c.addPairwiseEnergy(np.full((2, N), np.nan, F32), 3)),
    ("32767", ValueError, lambda c: c.addPairwiseEnergy(np.full((2, N), 1e9, F32), 3)),
    ("niter must be at least 0", ValueError, lambda c: c.inference(-1)),
    ("niter must be a whole", ValueError, lambda c: c.inference(1.5)),
    ("niter must be an integer", TypeError, lambda c: c.inference(3j)),
    ("Q must have shape", ValueError, lambda c: c.klDivergence(np.ones((L, 2), F32))),
    ("Q must be float32", TypeError, lambda c: c.stepInference(np.ones((L, N)))),
    ("Q has 297 of 297", ValueError, lambda c: c.klDivergence(np.full((L, N), np.nan, F32))),
    ("in place", ValueError, lambda c: c.stepInference(np.broadcast_to(F32(1), (L, N)))),
    ("nvar must be at least 1", ValueError, lambda c: dcrf.DenseCRF(-3, 2)),
    ("nlabels must be at least 1", ValueError, lambda c: dcrf.DenseCRF2D(W, H, 0)),
    (
        "f must have 2 rows",
        ValueError,
        lambda c: dcrf.LogisticUnary(np.eye(2, dtype=F32), f32([[1]])),
    ),
    ("arr must be float32", ValueError, lambda c: eigen.matrixXf(np.eye(2))),
    ("arr must have 1 dim", ValueError, lambda c: eigen.vectorXf(np.eye(2, dtype=F32))),
    ("arr must be an array", TypeError, lambda c: eigen.matrixXf(None)),
]


@pytest.mark.parametrize(("words", "error", "call"), BAD_CALLS)
def test_errors(words: str, error: type[Exception], call: Callable[[dcrf.DenseCRF2D], Any]) -> None:
    """What crashed or was silent in pydensecrf is an error that says why; ValueErrors stay."""
    with segpost.use_backend("reference"), pytest.raises(error, match=words):
        call(model())


def test_energies_that_are_none(backend: str) -> None:
    """Errors locate the first NaN, and the first pixel without a possible label."""
    unary = energies()
    unary[1, W + 2] = unary[2, 40] = np.nan
    with pytest.raises(
        ValueError, match=r"2 of 297 .* NaN or -inf, first nan at label 1, y 1, x 2"
    ):
        model(unary).inference(1)
    unary = energies()
    unary[:, 30] = np.inf
    with pytest.raises(ValueError, match=r"1 of 99 variables no label.* at y 2, x 8"):
        model(unary).startInference()
    general = dcrf.DenseCRF(N, L)
    general.setUnaryEnergy(unary)
    with pytest.raises(ValueError, match="variable 30"):
        general.inference(1)


def test_unary_of_labels_and_probabilities(caplog: pytest.LogCaptureFixture) -> None:
    """Values equal tables written by hand; deprecated names log a warning."""
    labels = np.array([[0, 1, 2, 3], [3, 2, 1, 0]])
    table = np.full((3, 8), 0.1)
    table[labels.ravel() - 1, np.arange(8)] = 0.8
    for dtype in (np.int64, np.uint8, np.int8):
        got = utils.unary_from_labels(labels.astype(dtype), 4, 0.7, zero_unsure=False)
        assert_allclose(np.exp(-got[labels.ravel(), np.arange(8)]), 0.7, rtol=1e-6)
        assert_allclose(np.exp(-got).sum(axis=0), 1, rtol=1e-6)
        table[:, labels.ravel() == 0] = 1 / 3
        with caplog.at_level(logging.WARNING):
            unsure = utils.compute_unary(labels.astype(dtype), 3, GT_PROB=0.8)
        assert_allclose(np.exp(-unsure), table, rtol=1e-6)
    p = f32([[[0.9, 0.0]], [[0.1, 1.0]]])
    assert_allclose(np.exp(-utils.unary_from_softmax(p)), [[0.9, 1e-5], [0.1, 1]], rtol=1e-6)
    half = utils.unary_from_softmax(p, scale=0.5)
    assert_allclose(np.exp(-half), [[0.7, 0.25], [0.3, 0.75]], rtol=1e-6)
    with caplog.at_level(logging.WARNING):
        assert utils.softmax_to_unary(p)[0, 1] == np.inf
    assert sum("deprecated" in message for message in caplog.messages) == 4


@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("gt_prob", lambda: utils.unary_from_labels(np.ones(3, int), 2, 1.0)),
        ("n_labels", lambda: utils.unary_from_labels(np.ones(3, int), 1, 0.7)),
        ("1 of 3 values outside 0..2, first 3 at flat index 2", lambda: by_labels([0, 1, 3])),
        ("first -1", lambda: by_labels([0, -1, 3])),
        ("scale", lambda: utils.unary_from_softmax(np.ones((2, 3)), scale=0)),
        ("shape", lambda: utils.unary_from_softmax(1.0)),
        ("sdims has 1", lambda: utils.create_pairwise_gaussian((3,), (4, 5))),
        ("sdims must be finite and not 0", lambda: utils.create_pairwise_gaussian((3, 0), (4, 5))),
        ("schan must be", lambda: utils.create_pairwise_bilateral((3, 3), 0, image(), 2)),
        ("schan has 4", lambda: utils.create_pairwise_bilateral((3, 3), [1] * 4, image(), 2)),
    ],
)
def test_errors_of_utils(words: str, call: Callable[[], Any]) -> None:
    """Values out of range are a ValueError; float labels are a TypeError."""
    with pytest.raises(ValueError, match=words):
        call()
    with pytest.raises(TypeError, match="labels must be integers"):
        by_labels([1.0])


def by_labels(labels: list[Any]) -> np.ndarray:
    """Energies of three labels, of which 0 is unknown."""
    return utils.unary_from_labels(labels, 2, 0.7)


def test_more_features_than_can_be_told_apart(backend: str) -> None:
    """More features than the lattice can have are an error that names them."""
    d = dcrf.DenseCRF(4, 2)
    with pytest.raises(ValueError, match="features must be at most 32 a variable, got 33"):
        d.addPairwiseEnergy(np.zeros((33, 4), np.float32), compat=1)
