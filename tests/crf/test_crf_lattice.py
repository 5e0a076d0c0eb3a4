"""The lattice: its recipe, the storage of its vertices, and iterations of a part of the pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import NATIVE
from crf_cases import near, problem
from numpy.testing import assert_array_equal

import segpost
from segpost import DenseCRF
from segpost._backends.numba.crf.variety import count_unlike, select_recipe
from segpost._core.contract import LATTICES, Pairwise


def term(image: np.ndarray, sigma_xy: float = 80.0, sigma_rgb: float = 13.0) -> Pairwise:
    """A bilateral term of an image (H, W, 3)."""
    sigma = (sigma_xy, sigma_xy, sigma_xy)
    colors = np.full(3, sigma_rgb)
    return Pairwise(sigma, image[None], colors, np.array(1.0), "symmetric")


def striped(share: int, height: int = 192, width: int = 192) -> np.ndarray:
    """An image of which `share` of every 16 pixels of a row are unlike those before them."""
    x = np.arange(width) % 16
    row = np.where(x < share, x * 16, (share - 1) * 16)
    return np.repeat(row[None, :, None], height, axis=0).repeat(3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("share", [1, 5, 16])
def test_unlike_pixels_are_counted(share: int) -> None:
    """A pixel is unlike if every pixel before it, up to 15, differs by more than a sigma."""
    image = striped(share)[None]
    unlike, compared = count_unlike(image, np.full(3, 13.0), 80.0)
    assert (unlike, compared) == (share * 24 * 12, 192 * 24)
    assert count_unlike(image, np.full(3, 255.0), 80.0)[0] == 24 * 12
    assert count_unlike(image, np.full(3, 255.0), 0.5)[0] == compared


@pytest.mark.parametrize("width", [1, 5, 15, 16, 31])
def test_narrow_images_have_one_group_a_row(width: int) -> None:
    """What is left of a row after groups of 16 pixels is not compared, unless it is all."""
    image = np.zeros((1, 9, width, 3), np.uint8)
    unlike, compared = count_unlike(image, np.ones(3), 80.0)
    assert (unlike, compared) == (2, 2 * min(width, 16))


def test_recipes_go_from_narrow_to_wide() -> None:
    """The recipe is that of like pixels, that of unlike ones, or between them."""
    default = LATTICES["default"]
    recipes = [
        select_recipe(default, term(striped(share)), (1, 192, 192)) for share in (1, 6, 8, 16)
    ]
    assert recipes[0] == default
    assert recipes[-1].blur_weight == pytest.approx(default.wide_blur_weight)
    assert recipes[-1].scale == pytest.approx(default.wide_scale)
    weights = [recipe.blur_weight for recipe in recipes]
    assert weights == sorted(weights, reverse=True)
    assert len(set(weights)) == 4
    small = select_recipe(default, term(striped(1, 96)), (1, 96, 192))
    assert small.passes == default.small_passes
    assert select_recipe(default, term(striped(16, 96)), (1, 96, 192)) == recipes[-1]
    for quality in ("fast", "high"):
        lattice = LATTICES[quality]
        assert select_recipe(lattice, term(striped(16)), (1, 192, 192)) == lattice


@pytest.mark.skipif(not NATIVE, reason="no native backend")
@pytest.mark.parametrize("share", [1, 7, 16])
@pytest.mark.parametrize("height", [40, 250])
def test_backends_choose_the_same_recipe(share: int, height: int) -> None:
    """Native and Numba differ by rounding alone, whatever the recipe."""
    random = np.random.default_rng(share)
    image = striped(share, height, 144) + random.integers(0, 3, (height, 144, 3), np.uint8)
    p = segpost.softmax(random.normal(0, 1.5, (3, height, 144)).astype(np.float32))
    results = []
    for backend in ("native", "numba"):
        with segpost.use_backend(backend):
            results.append(DenseCRF(iterations=1)(p, image))
    near(results[0], results[1], 1e-4)


@pytest.mark.skipif(not NATIVE, reason="no native backend")
@pytest.mark.parametrize("labels", [3, 21, 33, 70])
@pytest.mark.parametrize("settings", [{}, {"compatibility": "matrix"}, {"normalization": "row"}])
def test_any_number_of_labels(labels: int, settings: dict[str, Any]) -> None:
    """Vertices of many labels lie in blocks: the result is that of Numba, which has none."""
    p, image = problem(labels, 70, 90, seed=15)
    if settings.get("compatibility") == "matrix":
        settings = {"compatibility": 1 - np.eye(labels)}
    results = []
    for backend in ("native", "numba"):
        with segpost.use_backend(backend):
            results.append(DenseCRF(**{"iterations": 1, **settings})(p, image))
    near(results[0], results[1], 1e-4)


def smooth_problem() -> tuple[np.ndarray, np.ndarray]:
    """A picture in which many pixels share a vertex, large enough for parts of the pixels."""
    y, x = np.mgrid[:192, :201] / 24.0
    image = np.stack([np.sin(x), np.cos(y), np.sin(x + y)], axis=-1) * 60 + 128
    logits = [1.5 * np.sin((k + 1) * x / 4 + k) + np.cos((k + 2) * y / 4) for k in range(9)]
    random = np.random.default_rng(4)
    noisy = np.stack(logits) + random.normal(0, 0.1, (9, *x.shape))
    return segpost.softmax(noisy.astype(np.float32)), image.astype(np.uint8)


def test_parts_of_the_pixels_are_near_all_of_them(fast_backend: str) -> None:
    """A tolerance needs all pixels in every iteration; without it the result is nearly the same."""
    p, image = smooth_problem()
    crf = DenseCRF()
    whole = DenseCRF(tolerance=0)(p, image)
    plain = crf(p, image)
    near(plain, whole, 2e-3)
    if fast_backend.startswith("native"):
        assert (plain != whole).any()
    assert_array_equal(
        DenseCRF(iterations=1)(p, image), DenseCRF(iterations=1, tolerance=0)(p, image)
    )


@pytest.mark.parametrize("iterations", [0, 2, 10])
def test_a_trace_changes_nothing_where_parts_stand_for_all(
    fast_backend: str, iterations: int
) -> None:
    """Q of all pixels is computed for the trace, but the same parts go on to the next iteration."""
    p, image = smooth_problem()
    crf = DenseCRF(iterations=iterations)
    traced = crf.refine(p, image, trace=True)
    assert_array_equal(traced.probabilities, crf(p, image))
    assert np.isfinite(traced.kl).all()
    if iterations == 10:
        assert traced.kl[-1] < traced.kl[0]


@pytest.mark.parametrize("threads", [2, 3])
def test_parts_of_the_pixels_on_threads(fast_backend: str, threads: int) -> None:
    """No bit depends on the number of threads, with rows of float16 too."""
    p, image = smooth_problem()
    before = segpost.num_threads()
    results = []
    try:
        for count in (1, threads):
            segpost.set_num_threads(count)
            results.append(DenseCRF(iterations=6, quality="high")(p, image).tobytes())
            results.append(DenseCRF(iterations=6)(p, image).tobytes())
    finally:
        segpost.set_num_threads(before)
    assert results[:2] == results[2:]
