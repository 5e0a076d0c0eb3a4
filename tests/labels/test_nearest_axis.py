"""argmax of volumes that takes the nearest sample along one axis: the same for every backend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy import ndimage  # type: ignore[import-untyped]

import segpost
from segpost._core import sampling

ON_CUDA = True

SIZE = (11, 13, 9)


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Logits with borders everywhere."""
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def by_slices(logits: np.ndarray, axis: int, grid: Any) -> np.ndarray:
    """Images across the axis, labeled on their own, each repeated where it is the nearest."""
    step, offset, den = sampling.affine(logits.shape[1 + axis], SIZE[axis], grid)
    places = (np.arange(SIZE[axis]) * step + offset) / den
    indices = np.clip(np.floor(places + 0.5), 0, logits.shape[1 + axis] - 1).astype(int)
    images = np.moveaxis(logits, 1 + axis, 0)[indices]
    size = tuple(n for i, n in enumerate(SIZE) if i != axis)
    labels = [segpost.argmax(image, size=size, grid=grid) for image in images]
    return np.moveaxis(np.stack(labels), 0, axis)


@pytest.mark.parametrize("grid", sampling.GRIDS)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_are_those_of_images(backend: str, axis: int, grid: Any) -> None:
    """Each axis, in one volume and in a batch, with the classes first and last."""
    batch = noise((2, 5, 4, 6, 5))
    want = np.stack([by_slices(logits, axis, grid) for logits in batch])
    assert_array_equal(segpost.argmax(batch, size=SIZE, nearest_axis=axis, grid=grid), want)
    last = np.moveaxis(batch[0], 0, -1)
    got = segpost.argmax(last, size=SIZE, axis=-1, nearest_axis=axis - 3, grid=grid)
    assert_array_equal(got, want[0])


def test_the_axis_that_takes_the_nearest_may_be_the_only_one_resized(backend: str) -> None:
    """Slices are labeled as they are, fewer of them too."""
    logits = noise((4, 5, 6, 7))
    plain = logits.argmax(0)
    enlarged = segpost.argmax(logits, size=(10, 6, 7), nearest_axis=0)
    assert_array_equal(enlarged, plain.repeat(2, axis=0))
    fewer = segpost.argmax(logits, size=(5, 2, 7), nearest_axis=1)
    assert_array_equal(fewer, plain[:, [1, 4]])
    assert_array_equal(
        segpost.argmax(logits, volume=True, scale=(2, 1, 1), nearest_axis=0), enlarged
    )


def test_indices_are_those_of_torch_and_scipy() -> None:
    """torch's nearest-exact, and order 0 of SciPy at the coordinates of half-pixel grids."""
    for n, m in ((5, 13), (13, 5), (4, 8), (7, 7), (1, 6)):
        axis = sampling.nearest_axis(n, m, "half_pixel")
        got = axis.cell + (axis.w1 > 0)
        ramp = torch.arange(float(n))[None, None]
        exact = torch.nn.functional.interpolate(ramp, m, mode="nearest-exact")[0, 0]
        assert_array_equal(got, exact.numpy())
        places = (np.arange(m) + 0.5) * n / m - 0.5
        values = np.arange(float(n))
        scipy = ndimage.map_coordinates(values, [places], order=0, mode="nearest")
        assert_array_equal(got, scipy)


def test_bad_values_are_counted_where_they_are_read(backend: str) -> None:
    """NaN of the slices that are taken, and every voxel without an answer."""
    logits = np.stack([noise((3, 4, 5, 6), seed) for seed in (1, 2)])
    logits[1, 2, 3, 4, 5] = np.nan
    where = "have 1 NaN of 720 values, first at image 1, class 2, z 3, y 4, x 5"
    for axis in range(3):
        with pytest.raises(ValueError, match=where):
            segpost.argmax(logits, size=SIZE, nearest_axis=axis)
    logits[1, 2, 3, 4, 5] = 0
    logits[1, :, 2] = -np.inf
    where = "no answer at 60 of 480 output voxels, first at image 1, z 4, y 0, x 0"
    with pytest.raises(ValueError, match=where):
        segpost.argmax(logits, size=(8, 5, 6), nearest_axis=0)


def test_what_is_no_axis() -> None:
    """Values that are no axis of a volume, and images."""
    logits = noise((3, 4, 5, 6))
    bad: Any
    for bad, kind in ((3, ValueError), (-4, ValueError), (True, TypeError), (0.0, TypeError)):
        with pytest.raises(kind, match="nearest_axis must be 0, 1 or 2"):
            segpost.argmax(logits, size=SIZE, nearest_axis=bad)
    with pytest.raises(ValueError, match=r"nearest_axis=0 is for volumes: pass volume=True"):
        segpost.argmax(logits, nearest_axis=0)
