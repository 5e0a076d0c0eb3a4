"""binarize of volumes: the same claims for every backend."""

from __future__ import annotations

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

SIZE = (9, 14, 11)


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Logits with borders everywhere."""
    return np.random.default_rng(seed).normal(0, 2, shape).astype(np.float32)


def defined(logits: Any, **options: Any) -> np.ndarray:
    """The reference's masks."""
    with segpost.use_backend("reference"):
        return np.asarray(segpost.binarize(logits, **options))


def test_masks_are_those_of_a_trilinear_sigmoid(backend: str) -> None:
    """torch in float64, away from the threshold."""
    logits = noise((2, 3, 5, 6, 7))
    full = torch.nn.functional.interpolate(
        torch.from_numpy(logits).double(), SIZE, mode="trilinear"
    ).sigmoid()
    got = segpost.binarize(logits, size=SIZE, threshold=(0.3, 0.5, 0.8))
    want = (full > torch.tensor([0.3, 0.5, 0.8])[:, None, None, None]).numpy()
    assert got.dtype == np.uint8
    assert_array_equal(got, want)
    assert_array_equal(segpost.binarize(logits[0], volume=True), logits[0] > 0)


def test_later_classes_cover_earlier_ones(backend: str) -> None:
    """As nnU-Net writes its regions, in any order, with small labels and large ones."""
    logits = noise((3, 5, 6, 7))
    masks = segpost.binarize(logits, size=SIZE)
    for order in ((1, 2, 3), (7, 300, 2)):
        want = np.zeros(SIZE, np.int32)
        for mask, label in zip(masks, order, strict=True):
            want[mask > 0] = label
        got = segpost.binarize(logits, size=SIZE, encoding="labels", class_order=order)
        assert got.dtype == (np.uint8 if max(order) < 256 else np.int32)
        assert_array_equal(got, want)
    plain = segpost.binarize(logits, volume=True, encoding="labels")
    assert_array_equal(plain, np.where(logits[2] > 0, 3, np.where(logits[1] > 0, 2, logits[0] > 0)))


@pytest.mark.filterwarnings("ignore::segpost.InputWarning")  # as of labels, by chance
@settings(deadline=None)
@given(data=st.data())
def test_any_shape_with_ties_and_infinities(data: Any) -> None:
    """Few values, so that sums of the cutoff are many; NaN and infinities; every grid and axis."""
    shape = tuple(data.draw(st.integers(1, 5)) for _ in range(5))
    size = tuple(data.draw(st.integers(1, 9)) for _ in range(3))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    logits: Any = random.integers(-2, 3, shape).astype(data.draw(st.sampled_from(["f4", "f8"])))
    if data.draw(st.booleans()):
        odd = random.choice([np.nan, np.inf, -np.inf], shape)
        logits = np.where(random.random(shape) < 0.05, odd, logits).astype(logits.dtype)
    options = {
        "size": size,
        "grid": data.draw(st.sampled_from(sampling.GRIDS)),
        "threshold": data.draw(st.sampled_from([0.5, 0.3, 0.7310585786300049])),
        "encoding": data.draw(st.sampled_from(["mask", "labels"])),
        "nearest_axis": data.draw(st.sampled_from([None, 0, 1, 2])),
        "nan": "propagate",
    }
    want = defined(logits, **options)
    for name in ("native", "numba"):
        with segpost.use_backend(name):
            assert_array_equal(segpost.binarize(logits, **options), want, err_msg=name)


def test_where_float32_cannot_tell(fast_backend: str) -> None:
    """Logits a few bits from the level are told apart by the definition."""
    level = np.log(np.float32(0.3) / np.float32(0.7))
    steps = np.random.default_rng(3).integers(-2, 3, (2, 4, 5, 6))
    near = (np.full(steps.shape, level, np.float32).view(np.int32) + steps.astype(np.int32)).view(
        np.float32
    )
    for kind in (np.float32, np.float64):
        logits = near.astype(kind)
        got = segpost.binarize(logits, size=SIZE, threshold=0.3)
        assert_array_equal(got, defined(logits, size=SIZE, threshold=0.3))


def test_quantized_logits(fast_backend: str) -> None:
    """int8 with a scale and a zero point."""
    logits = np.random.default_rng(1).integers(-128, 128, (2, 4, 5, 6), np.int8)
    options: Any = {"size": SIZE, "quantization": (0.1, 3), "threshold": 0.6}
    assert_array_equal(segpost.binarize(logits, **options), defined(logits, **options))


def test_last_axes_and_outputs(fast_backend: str) -> None:
    """Classes last, and memory of the caller."""
    logits = noise((2, 3, 4, 5, 6))
    want = defined(logits, size=SIZE)
    last = np.ascontiguousarray(np.moveaxis(logits, 1, -1))
    assert_array_equal(segpost.binarize(last, axis=-1, size=SIZE), np.moveaxis(want, 1, -1))
    out = np.empty((2, *SIZE, 3), np.uint8)
    assert segpost.binarize(last, axis=-1, size=SIZE, out=out) is out
    assert_array_equal(out, np.moveaxis(want, 1, -1))
    tensor = segpost.binarize(torch.from_numpy(logits[0]), size=SIZE)
    assert isinstance(tensor, torch.Tensor)
    assert_array_equal(tensor.numpy(), want[0])


def test_threads_do_not_change_masks(fast_backend: str) -> None:
    """Slabs are cut elsewhere, voxels are the same."""
    logits = noise((2, 40, 30, 6))
    before = segpost.num_threads()
    segpost.set_num_threads(3)
    try:
        got = segpost.binarize(logits, size=(80, 70, 13), encoding="labels")
    finally:
        segpost.set_num_threads(before)
    assert_array_equal(got, defined(logits, size=(80, 70, 13), encoding="labels"))


def test_bad_values_are_named(backend: str) -> None:
    """NaN, and infinities that meet."""
    logits = np.stack([noise((3, 4, 5, 6), seed) for seed in (1, 2)])
    logits[1, 2, 3, 4, 5] = logits[1, 0, 1, 2, 3] = np.nan
    where = "have 2 NaN of 720 values, first at image 1, class 0, z 1, y 2, x 3"
    with pytest.raises(ValueError, match=where):
        segpost.binarize(logits, size=SIZE)
    logits = np.zeros((1, 2, 2, 2), np.float32)
    logits[0, 0, 0, 0], logits[0, 1, 1, 1] = np.inf, -np.inf
    with pytest.raises(ValueError, match=r"no answer at 8 of 64 .* class 0, z 1, y 1, x 1"):
        segpost.binarize(logits, size=(4, 4, 4))


def test_what_volumes_do_not_have() -> None:
    """Encodings of images, and hysteresis."""
    logits = noise((3, 4, 5, 6))
    for encoding in ("bits", "rle"):
        with pytest.raises(ValueError, match=r'volumes have "mask" and "labels"'):
            segpost.binarize(logits, size=SIZE, encoding=encoding)
    with pytest.raises(ValueError, match="hysteresis is for images"):
        segpost.binarize(logits, size=SIZE, hysteresis=(0.3, 0.6))


@pytest.mark.parametrize("side", [1, 2])
def test_nan_beside_axes_of_one_sample_is_counted_once(backend: str, side: int) -> None:
    """Their last sample is both corners of a cell."""
    for axis in range(3):
        shape = [2, 2, 2]
        shape[axis] = side
        logits = noise((1, 2, *shape))
        logits[0, 1, -1, -1, -1] = np.nan
        with pytest.raises(ValueError, match="logits have 1 NaN of"):
            segpost.binarize(logits, size=SIZE)
