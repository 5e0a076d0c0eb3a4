"""segpost.compat.pydensecrf against pydensecrf itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import scene
from numpy.testing import assert_array_equal

import segpost.compat.pydensecrf.densecrf as dcrf
from segpost.compat.pydensecrf import eigen, utils

their = pytest.importorskip("pydensecrf.densecrf")
their_utils = pytest.importorskip("pydensecrf.utils")
their_eigen = pytest.importorskip("pydensecrf.eigen")

H, W, L = 40, 52, 4


def picture() -> tuple[np.ndarray, np.ndarray]:
    """An image of regions, and noisy probabilities of them."""
    random = np.random.default_rng(11)
    logits = scene(L, H, W, seed=2)
    palette = random.integers(20, 235, (L, 3))
    image = palette[logits.argmax(axis=0)] + random.normal(0, 8, (H, W, 3))
    noisy = logits / 4 + random.normal(0, 0.9, logits.shape)
    probabilities = np.exp(noisy) / np.exp(noisy).sum(axis=0)
    return image.clip(0, 255).astype(np.uint8), probabilities


def q_of(module: Any, setup: Callable[[Any, np.ndarray], None], niter: int) -> np.ndarray:
    """Marginals that one of the two gives."""
    image, probabilities = picture()
    crf = module.DenseCRF2D(W, H, L)
    crf.setUnaryEnergy(utils.unary_from_softmax(probabilities))
    setup(crf, image)
    return np.array(crf.inference(niter))


def kraehenbuehl(crf: Any, image: np.ndarray) -> None:
    """The settings of pydensecrf's example."""
    crf.addPairwiseGaussian(sxy=3, compat=3)
    crf.addPairwiseBilateral(sxy=(80, 60), srgb=13, rgbim=image, compat=10)


def deeplab(crf: Any, image: np.ndarray) -> None:
    """The settings of DeepLab's repositories."""
    crf.addPairwiseGaussian(sxy=1, compat=3)
    crf.addPairwiseBilateral(sxy=67, srgb=3, rgbim=image, compat=4)


def costs(crf: Any, image: np.ndarray) -> None:
    """A lopsided matrix of costs, and a vector of them."""
    matrix = 4 * (1 - np.eye(L))
    matrix[0, 1], matrix[2, 3] = 1, 6
    crf.addPairwiseBilateral(sxy=20, srgb=15, rgbim=image, compat=matrix.astype(np.float32))
    crf.addPairwiseGaussian(sxy=2, compat=np.array([-1, -2, -3, -1], np.float32))


def sums_of_senders(crf: Any, image: np.ndarray) -> None:
    """Kernels divided on one side."""
    crf.addPairwiseGaussian(sxy=3, compat=3, normalization=1)
    crf.addPairwiseBilateral(sxy=30, srgb=15, rgbim=image, compat=5, normalization=1)


def sums_of_receivers(crf: Any, image: np.ndarray) -> None:
    """Kernels divided on the other side."""
    crf.addPairwiseGaussian(sxy=3, compat=3, normalization=2)
    crf.addPairwiseBilateral(sxy=30, srgb=15, rgbim=image, compat=5, normalization=2)


def generic(crf: Any, image: np.ndarray) -> None:
    """Features of two channels."""
    features = utils.create_pairwise_bilateral((20, 20), (13, 13), image[..., :2], chdim=2)
    crf.addPairwiseEnergy(features, 5)


@pytest.mark.parametrize(
    "setup", [kraehenbuehl, deeplab, costs, sums_of_senders, sums_of_receivers, generic]
)
def test_marginals(backend: str, setup: Callable[[Any, np.ndarray], None]) -> None:
    """Labels and marginals agree with pydensecrf up to the approximation of its lattice."""
    theirs, ours = q_of(their, setup, 5), q_of(dcrf, setup, 5)
    assert (theirs.argmax(axis=0) != ours.argmax(axis=0)).mean() < 0.01
    assert abs(theirs - ours).mean() < 0.01
    labels = picture()[1].reshape(L, -1).argmax(axis=0)
    assert (labels != ours.argmax(axis=0)).mean() > 0.1  # so that agreeing means something


def test_divergences(backend: str) -> None:
    """The divergence takes the course that it takes in pydensecrf, iteration by iteration."""
    values = []
    for module in (their, dcrf):
        image, probabilities = picture()
        crf = module.DenseCRF2D(W, H, L)
        crf.setUnaryEnergy(utils.unary_from_softmax(probabilities))
        kraehenbuehl(crf, image)
        q, tmp1, tmp2 = crf.startInference()
        for _ in range(6):
            values.append(crf.klDivergence(q))
            crf.stepInference(q, tmp1, tmp2)
    theirs, ours = np.reshape(values, (2, -1))
    assert (abs(ours - theirs) <= 0.02 * abs(theirs)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_unary_of_probabilities_is_bit_for_bit_theirs(dtype: Any) -> None:
    """Energies of a softmax are equal for any scale and clip."""
    probabilities = picture()[1].astype(dtype)
    probabilities[0, 0, :3] = 0
    for settings in ({}, {"scale": 0.7}, {"scale": 0.3, "clip": None}, {"clip": 0.01}):
        ours = utils.unary_from_softmax(probabilities, **settings)
        same(ours, their_utils.unary_from_softmax(probabilities, **settings))
    positive = probabilities + dtype(1e-3)
    for trust in (1, 0.5):
        same(utils.softmax_to_unary(positive, trust), their_utils.softmax_to_unary(positive, trust))


def test_unary_of_labels_is_bit_for_bit_theirs() -> None:
    """Energies of labels are equal with and without an unknown label."""
    labels = picture()[1].argmax(axis=0)
    for n, unsure in ((L, False), (L, True), (L - 1, True), (17, False)):
        ours = utils.unary_from_labels(labels, n, 0.6, zero_unsure=unsure)
        same(ours, their_utils.unary_from_labels(labels, n, 0.6, zero_unsure=unsure))
    same(utils.compute_unary(labels, L), their_utils.compute_unary(labels, L))


def test_features_are_bit_for_bit_theirs() -> None:
    """Features are equal for images, volumes, any axis of channels, and sigmas of all types."""
    image = picture()[0]
    schans: list[Any] = [13, 7.7, np.float64(0.3), (1.1, 2.2, 3.3), np.array([3.3, 7.7, 9.9]), (5,)]
    sdims: Any
    for sdims in ((3, 7), (0.3, 13.7), np.array([3.3, 7.7]), np.array([3.3, 7.7], np.float32)):
        same(
            utils.create_pairwise_gaussian(sdims, (H, W)),
            their_utils.create_pairwise_gaussian(sdims, (H, W)),
        )
        for schan in schans:
            for img, axis in ((image, 2), (image / 255, 2), (image.transpose(2, 0, 1), 0)):
                ours = utils.create_pairwise_bilateral(sdims, schan, img, axis)
                same(ours, their_utils.create_pairwise_bilateral(sdims, schan, img, axis))
    volume = np.random.default_rng(1).normal(size=(5, 6, 7))
    for sdims in ((1, 2, 3), (1, 2)):  # an axis without a sigma is left as it is
        ours = utils.create_pairwise_bilateral(sdims, 0.7, volume)
        same(ours, their_utils.create_pairwise_bilateral(sdims, 0.7, volume))
    same(
        utils.create_pairwise_gaussian((1, 2, 0.7), (4, 5, 6)),
        their_utils.create_pairwise_gaussian((1, 2, 0.7), (4, 5, 6)),
    )
    same(
        utils._create_pairwise_gaussian_2d(3, 0.7, (H, W)),
        their_utils._create_pairwise_gaussian_2d(3, 0.7, (H, W)),
    )
    for img in (image, image.astype(np.float32) / 3):
        same(
            utils._create_pairwise_bilateral_2d(3, 0.7, 5, 13.3, 9, img),
            their_utils._create_pairwise_bilateral_2d(3, 0.7, 5, 13.3, 9, img),
        )


def test_public_names() -> None:
    """Every public name of pydensecrf exists."""
    for theirs, ours in ((their, dcrf), (their_utils, utils), (their_eigen, eigen)):
        for name in dir(theirs):
            thing = getattr(theirs, name)
            if name.startswith("__") or name in {"np", "warning", "Number", "eigen"}:
                continue
            assert hasattr(ours, name), name
            methods = dir(thing) if isinstance(thing, type) else []
            if theirs is their:
                public = {method for method in methods if not method.startswith("_")}
                assert public <= set(dir(getattr(ours, name))), name


def same(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Type, shape and bits."""
    assert ours.dtype == theirs.dtype
    assert_array_equal(ours, theirs, strict=True)
