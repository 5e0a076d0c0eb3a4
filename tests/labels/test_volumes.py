"""argmax of volumes, upsampled trilinearly: the same claims for every backend."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import segpost
from segpost._core import sampling

ON_CUDA = True

GRIDS = sampling.GRIDS


def defined(logits: np.ndarray, size: tuple[int, int, int], grid: Any = "half_pixel") -> np.ndarray:
    """The reference's labels."""
    with segpost.use_backend("reference"):
        return np.asarray(segpost.argmax(logits, size=size, grid=grid, nan="propagate"))


def regions(classes: int, size: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    """Smooth float32 logits of blobs, with borders between them."""
    random = np.random.default_rng(seed)
    places = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"))
    centers = random.uniform(0, 1, (classes, 3)) * size
    away = np.sqrt(((places[None] - centers[:, :, None, None, None]) ** 2).sum(1))
    return np.asarray(3 - away + random.normal(0, 0.3, away.shape), np.float32)


def test_a_fraction_at_a_time(fast_backend: str) -> None:
    """Every voxel by hand: rational weights of eight corners, the first largest sum wins."""
    random = np.random.default_rng(1)
    logits = random.integers(-3, 4, (3, 2, 3, 2)).astype(np.float32)
    size = (3, 4, 5)
    axes = [sampling.affine(n, m, "half_pixel") for n, m in zip((2, 3, 2), size, strict=True)]
    want = np.empty(size, np.uint8)
    for at in np.ndindex(size):
        values = []
        for c in range(3):
            total = Fraction(0)
            for corner in np.ndindex(2, 2, 2):
                weight, place = Fraction(1), []
                for (step, offset, den), o, side, n in zip(
                    axes, at, corner, (2, 3, 2), strict=True
                ):
                    t = Fraction(min(max(step * o + offset, 0), (n - 1) * den), den)
                    cell = min(math.floor(t), n - 2)
                    weight *= (t - cell) if side else 1 - (t - cell)
                    place.append(cell + side)
                total += weight * Fraction(float(logits[(c, *place)]))
            values.append(total)
        want[at] = values.index(max(values))
    assert_array_equal(segpost.argmax(logits, size=size), want)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "int8"])
def test_labels_are_those_of_the_definition(fast_backend: str, grid: Any, kind: str) -> None:
    """Regions, enlarged and made smaller along some axes."""
    logits = (4 * regions(5, (6, 7, 9))).astype(kind)
    for size in ((13, 14, 31), (6, 21, 4), (1, 1, 1), (24, 5, 9)):
        assert_array_equal(
            segpost.argmax(logits, size=size, grid=grid), defined(logits, size, grid)
        )


@settings(deadline=None)
@given(data=st.data())
def test_any_shape_with_ties_and_infinities(data: Any) -> None:
    """Few values, so that ties are many; NaN and infinities; every fast backend of the CPU."""
    shape = tuple(data.draw(st.integers(1 + (i == 1), 5)) for i in range(5))
    size = tuple(data.draw(st.integers(1, 11)) for _ in range(3))
    values = data.draw(st.sampled_from(["few", "ties", "noise", "huge", "tiny"]))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    logits: np.ndarray = random.normal(0, 1, shape).astype(np.float32)
    if values in ("few", "ties"):
        logits = random.integers(0, 3, shape).astype(np.float32)
    if values == "few":
        odd = random.choice([np.nan, np.inf, -np.inf], shape).astype(np.float32)
        logits = np.where(random.random(shape) < 0.05, odd, logits)
    logits *= np.float32({"huge": 3e37, "tiny": 1e-42}.get(values, 1))
    grid = data.draw(st.sampled_from(GRIDS))
    want = defined(logits, size, grid)
    for name in ("native", "numba"):
        with segpost.use_backend(name):
            got = segpost.argmax(logits, size=size, grid=grid, nan="propagate")
        assert_array_equal(got, want, err_msg=name)


def test_where_float32_cannot_tell(fast_backend: str) -> None:
    """Classes a few bits apart are told apart by the definition."""
    base = regions(1, (4, 5, 6))[0]
    steps = np.random.default_rng(3).integers(-2, 3, (4, *base.shape))
    logits = np.stack([base.view(np.int32) + step.astype(np.int32) for step in steps])
    near = logits.view(np.float32)
    assert_array_equal(segpost.argmax(near, size=(11, 13, 17)), defined(near, (11, 13, 17)))


def test_as_torch_but_for_its_rounding(fast_backend: str) -> None:
    """interpolate(mode="trilinear") and argmax give the same away from ties."""
    logits = regions(6, (5, 6, 7))
    full = torch.nn.functional.interpolate(
        torch.from_numpy(logits)[None].double(), (15, 20, 25), mode="trilinear"
    )
    got = segpost.argmax(logits, size=(15, 20, 25))
    assert (got == full[0].argmax(0).numpy()).mean() > 0.9999


def test_batches_last_axes_and_outputs(fast_backend: str) -> None:
    """(N, C, D, H, W), classes last, any strides, torch, and memory given."""
    logits = np.stack([regions(4, (4, 5, 6), seed) for seed in (1, 2)])
    size = (9, 10, 13)
    want = np.stack([defined(one, size) for one in logits])
    assert_array_equal(segpost.argmax(logits, size=size), want)
    last = np.moveaxis(logits, 1, -1)
    assert_array_equal(segpost.argmax(np.ascontiguousarray(last), axis=-1, size=size), want)
    flipped = np.ascontiguousarray(logits[..., ::-1, ::-1])[..., ::-1, ::-1]
    out = np.empty((2, 9, 10, 26), np.uint8)[..., ::2]
    assert segpost.argmax(flipped, size=size, out=out) is out
    assert_array_equal(out, want)
    tensor = segpost.argmax(torch.from_numpy(logits), size=size)
    assert isinstance(tensor, torch.Tensor)
    assert_array_equal(tensor.numpy(), want)


def test_without_a_size_volumes_are_read_as_they_are(fast_backend: str) -> None:
    """axis=-4 says that there are three axes of voxels."""
    logits = regions(4, (4, 5, 6))
    assert_array_equal(segpost.argmax(logits, axis=-4), logits.argmax(0))
    assert_array_equal(segpost.argmax(logits[None], axis=-4, size=(4, 5, 6))[0], logits.argmax(0))


def test_many_classes_are_int32(fast_backend: str) -> None:
    """Beyond 256 classes."""
    logits = np.random.default_rng(0).normal(0, 1, (300, 3, 3, 3)).astype(np.float32)
    got = segpost.argmax(logits, size=(5, 6, 7))
    assert got.dtype == np.int32
    assert_array_equal(got, defined(logits, (5, 6, 7)))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_do_not_change_labels(fast_backend: str, threads: int) -> None:
    """Slabs and bricks are cut elsewhere, voxels are the same."""
    logits = regions(3, (40, 30, 6))
    before = segpost.num_threads()
    segpost.set_num_threads(threads)
    try:
        got = segpost.argmax(logits, size=(90, 70, 13))
    finally:
        segpost.set_num_threads(before)
    assert_array_equal(got, defined(logits, (90, 70, 13)))


def test_bad_values_are_named(backend: str) -> None:
    """NaN, and voxels without an answer: how many, and where the first is."""
    logits = np.stack([regions(3, (4, 5, 6), seed) for seed in (1, 2)])
    logits[1, 2, 3, 4, 5] = logits[1, 0, 1, 2, 3] = np.nan
    where = "have 2 NaN of 720 values, first at image 1, class 0, z 1, y 2, x 3"
    for size in ((8, 10, 12), None):
        with pytest.raises(ValueError, match=where):
            segpost.argmax(logits, axis=-4, size=size)
    logits = np.full((2, 3, 3, 3), -np.inf, np.float32)
    with pytest.raises(
        ValueError, match=r"no answer at 100 of 100 output voxels, first .* z 0, y 0"
    ):
        segpost.argmax(logits, size=(4, 5, 5))


def test_the_shape_of_an_image_is_no_volume() -> None:
    """The printed expression is the size of the image; volumes of three slices are volumes."""
    logits = np.random.default_rng(1).normal(size=(2, 3, 20, 30)).astype(np.float32)
    image = np.zeros((40, 60, 3), np.uint8)
    for volume in (logits, logits[0]):
        with pytest.raises(ValueError, match="of an image of this shape") as error:
            segpost.argmax(volume, size=image.shape)
        code = re.search(r"pass (image\.shape\S+);", str(error.value))
        assert code
        size = eval(code.group(1), {"image": image})
        assert segpost.argmax(volume, size=size).shape == (*volume.shape[:-3], 40, 60)
    thin = regions(3, (10, 11, 3))
    assert segpost.argmax(thin, size=(10, 11, 3)).shape == (10, 11, 3)
    assert segpost.argmax(thin, size=(20, 22, 3), volume=True).shape == (20, 22, 3)


def test_what_is_no_volume() -> None:
    """Sizes, axes and shapes that do not fit are named."""
    logits = regions(3, (4, 5, 6))
    with pytest.raises(ValueError, match=r"4 dimensions \(C, D, H, W\) or 5.*got 3: shape"):
        segpost.argmax(logits[0], size=(4, 5, 6))
    with pytest.raises(ValueError, match=r"axis must be -4 .* got 1 of 4 dimensions"):
        segpost.argmax(logits, axis=1, size=(4, 5, 6))
    with pytest.raises(ValueError, match=r"size must be at least \(1, 1, 1\)"):
        segpost.argmax(logits, size=(4, 0, 6))
    with pytest.raises(ValueError, match=r"\(height, width\), got \(1, 2, 3, 4\)"):
        segpost.argmax(logits, size=(1, 2, 3, 4))
    with pytest.raises(TypeError, match="must be of dtype"):
        segpost.argmax(logits > 0, size=(4, 5, 6))
