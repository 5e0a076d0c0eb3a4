"""softmax: the same claims for every backend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import FAST, scene, switch
from hypothesis import given
from hypothesis import strategies as st

import segpost

ON_CUDA = True
torch = pytest.importorskip("torch")


@given(data=st.data())
@pytest.mark.parametrize("backend_name", FAST)
def test_softmax_is_within_1e_6(backend_name: str, data: st.DataObject) -> None:
    """Probabilities agree with float64 for any spread and offset, and sum to 1."""
    shape = data.draw(st.tuples(*[st.integers(1, n) for n in (2, 70, 7, 70)]))
    scale = data.draw(st.sampled_from([0.01, 1.0, 10.0, 300.0]))
    offset = data.draw(st.sampled_from([0.0, 1000.0, -1e6]))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    logits = (offset + scale * random.normal(size=shape)).astype(np.float32)
    wide = logits.astype(np.float64)
    power = np.exp(wide - wide.max(1, keepdims=True))
    wanted = power / power.sum(1, keepdims=True)
    for _ in switch(backend_name):
        got = segpost.softmax(logits)
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-6)
        last = segpost.softmax(np.moveaxis(logits, 1, -1), axis=-1)
        np.testing.assert_array_equal(np.moveaxis(last, -1, 1), got)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_softmax_of_half_precision_is_float32(backend: str, kind: str) -> None:
    """Half-precision logits are widened, not rounded again."""
    logits = torch.from_numpy(scene(6, 5, 7)).to(getattr(torch, kind))
    got = segpost.softmax(logits)
    assert got.dtype == torch.float32
    wanted = logits.double().softmax(0)
    np.testing.assert_allclose(got.numpy(), wanted.numpy(), atol=1e-6)


def test_softmax_out(backend: str) -> None:
    """out= of softmax takes any strides."""
    logits = scene(4, 5, 6)
    out = np.zeros((5, 6, 4), np.float32).transpose(2, 0, 1)
    assert segpost.softmax(logits, out=out) is out
    np.testing.assert_allclose(out.sum(0), 1, atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3, 5, 8, 19, 21, 33])
def test_pixels_where_every_class_is_minus_infinity(backend: str, classes: int) -> None:
    """A pixel has no probabilities where every class is -inf at a corner that has a weight."""
    random = np.random.default_rng(classes)
    logits = random.normal(size=(classes, 13, 17)).astype(np.float32)
    logits[random.random(logits.shape) < 0.4] = -np.inf
    logits[0, ::2, ::2], logits[1, 1::2, 1::2] = 1.0, 2.0
    options: Any = {"size": (40, 30), "want": ("probabilities",)}
    got = segpost.postprocess(logits, nan="propagate", **options).probabilities
    with segpost.use_backend("reference"):
        wanted = segpost.postprocess(logits, nan="propagate", **options).probabilities
    np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted))
    np.testing.assert_allclose(got, wanted, atol=1e-6)
    if not np.isnan(wanted).any():
        return
    with pytest.raises(ValueError, match="no probabilities") as raised:
        segpost.postprocess(logits, **options)
    with (
        segpost.use_backend("reference"),
        pytest.raises(ValueError, match="no probabilities") as expected,
    ):
        segpost.postprocess(logits, **options)
    assert str(raised.value) == str(expected.value)


@pytest.mark.parametrize("axis", [-4, -1])
def test_softmax_of_volumes(backend: str, axis: int) -> None:
    """A volume is that of its slices; a batch, tensors and `out` too."""
    logits = np.random.default_rng(1).normal(0, 4, (2, 5, 3, 7, 9)).astype(np.float32)
    wanted = torch.from_numpy(logits).double().softmax(1).numpy()
    given = np.moveaxis(logits, 1, -1) if axis == -1 else logits
    for values, probabilities in ((given, wanted), (given[1], wanted[1])):
        out = np.zeros(values.shape, np.float32)
        assert segpost.softmax(values, axis=axis, volume=True, out=out) is out
        shares = out if axis == -4 else np.moveaxis(out, -1, -4)
        np.testing.assert_allclose(shares, probabilities, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(
        segpost.softmax(logits[0], axis=-4), segpost.softmax(logits[0], volume=True)
    )
    tensor = segpost.softmax(torch.from_numpy(logits).half(), volume=True)
    assert (tensor.dtype, tuple(tensor.shape)) == (torch.float32, logits.shape)


def test_bad_volumes_of_softmax(backend: str) -> None:
    """Errors count voxels, and name the first; the printed cures."""
    logits = np.zeros((2, 3, 4, 5, 6), np.float32)
    with pytest.raises(ValueError, match=r"got 5: .*; for volumes pass volume=True"):
        segpost.softmax(logits)
    assert segpost.softmax(logits, volume=True).shape == logits.shape
    with pytest.raises(ValueError, match="volume=True contradicts axis=-3"):
        segpost.softmax(logits, volume=True, axis=-3)
    logits[1, 2, 3, 4, 5] = np.nan
    with pytest.raises(ValueError, match=r"1 NaN .* image 1, class 2, z 3, y 4, x 5"):
        segpost.softmax(logits, volume=True)
    got = segpost.softmax(logits, volume=True, nan="propagate")
    assert np.isnan(got).sum() == np.isnan(got[1, :, 3, 4, 5]).sum() == 3
    logits[1, 2, 3, 4, 5] = np.inf
    with pytest.raises(ValueError, match=r"no probabilities at 1 of 240 .* image 1, z 3, y 4, x 5"):
        segpost.softmax(logits, volume=True)
