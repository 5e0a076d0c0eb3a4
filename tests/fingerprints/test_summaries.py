"""Summaries of arrays: blocks and statistics."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import segpost
from segpost.fingerprints.similarity import logical_shape
from segpost.fingerprints.summary import MAX_BLOCKS, block_means

RNG = np.random.default_rng(5)
LOGITS = (RNG.normal(size=(7, 33, 41)) * np.arange(1, 8)[:, None, None]).astype(np.float32)


@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from([1, 5, 21, 150, 3000]))
def test_blocks_of_a_flip_are_the_flipped_blocks(height: int, width: int, channels: int) -> None:
    """The blocks of a flipped array are the flipped blocks, and their number is bounded."""
    array = np.random.default_rng(height).normal(size=(channels, height, width))
    small = block_means(array)
    np.testing.assert_allclose(block_means(array[:, ::-1, ::-1]), small[:, ::-1, ::-1], atol=1e-6)
    assert small.shape[1] <= MAX_BLOCKS >= small.shape[2]
    assert small.size <= max(8192, channels)
    if height * width < 60:
        weights = block_means(np.ones_like(array))
        np.testing.assert_allclose(weights, 1)


def test_statistics_are_numpys() -> None:
    """The statistics are NumPy's, and the histogram is that of argmax."""
    taken = segpost.fingerprint(LOGITS[None])
    flat = LOGITS.reshape(7, -1).astype(np.float64)
    np.testing.assert_allclose(taken.logits.mean, flat.mean(1), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(taken.logits.std, flat.std(1), rtol=1e-6)
    np.testing.assert_array_equal(taken.logits.low, flat.min(1))
    np.testing.assert_array_equal(taken.logits.high, flat.max(1))
    assert taken.histogram == tuple(np.bincount(LOGITS.argmax(0).ravel(), minlength=7))
    assert taken.labels.shape == (15, 15)
    assert taken.labels[7, 7] == LOGITS[:, 16, 20].argmax()
    assert logical_shape(taken.logits) == (7, 33, 41)
