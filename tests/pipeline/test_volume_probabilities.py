"""Volumes that are probabilities already, as those that nnU-Net saves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import segpost

PROBABILITIES = segpost.Convention(kind="probabilities")
GENERATOR = np.random.default_rng(4)
LOGITS = GENERATOR.normal(0, 2, (2, 4, 5, 6, 7)).astype(np.float32)
SHARES = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
WANT = ("labels", "confidence", "probabilities", "entropy", "margin", "topk")


@pytest.mark.parametrize("index", [..., 0], ids=["batch", "one"])
def test_results_are_those_of_the_values(index: Any) -> None:
    shares = SHARES[index]
    seg: Any = segpost.postprocess(shares, volume=True, convention=PROBABILITIES, want=WANT)
    axis = shares.ndim - 4
    ranks = np.sort(shares, axis=axis)
    last, second = (ranks.take(-k, axis) for k in (1, 2))
    np.testing.assert_array_equal(seg.labels, shares.argmax(axis))
    np.testing.assert_array_equal(seg.probabilities, shares)
    np.testing.assert_allclose(seg.confidence, last, atol=1e-6)
    np.testing.assert_allclose(seg.margin, last - second, atol=1e-5)
    entropy = -(shares * np.log(shares)).sum(axis)
    np.testing.assert_allclose(seg.entropy, entropy, atol=1e-5)
    assert seg.topk.shape == (*shares.shape[:axis], 3, 5, 6, 7)
    np.testing.assert_array_equal(seg.topk.labels.take(0, axis), seg.labels)
    np.testing.assert_allclose(seg.topk.probabilities.take(1, axis), second, atol=1e-5)
    assert seg.volume
    assert len(seg) == len(shares) if axis else 1


def test_channels_last_and_small_types() -> None:
    last = np.moveaxis(SHARES[0], 0, -1).astype(np.float16)
    seg = segpost.postprocess(
        last,
        axis=-1,
        volume=True,
        convention=segpost.Convention(kind="probabilities", axis=-1),
        probabilities_dtype="uint8",
        want=("confidence", "probabilities"),
    )
    assert seg.confidence.shape == last.shape[:-1]
    assert seg.probabilities.dtype == np.uint8
    assert seg.probabilities.shape == last.shape


def test_labels_get_another_size() -> None:
    """They are those of the interpolated probabilities."""
    seg = segpost.postprocess(SHARES[0], convention=PROBABILITIES, size=(9, 9, 9), volume=True)
    np.testing.assert_array_equal(seg.labels, segpost.argmax(SHARES[0], size=(9, 9, 9)))


def test_what_is_refused() -> None:
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (SHARES[0], {"size": (9, 9, 9)}, "get no other size"),
        (3 * SHARES[0], {}, "outside 0..1"),
        (SHARES[0], {"convention": "smp"}, "convention is for images"),
    ]
    for values, options, message in cases:
        options = {"convention": PROBABILITIES, **options}
        with pytest.raises(ValueError, match=message):
            segpost.postprocess(values, volume=True, want=("confidence",), **options)


def test_logarithms_of_probabilities_are_logits_of_another_size() -> None:
    """The cure of the error: labels and confidence are those of the network's logits."""
    size = (8, 9, 10)
    want: Any = ("labels", "confidence")
    with pytest.raises(ValueError, match=r"pass np\.log\(probabilities\) without a convention"):
        segpost.postprocess(SHARES, size=size, convention=PROBABILITIES, want=want)
    seg = segpost.postprocess(np.log(SHARES), size=size, want=want)
    own = segpost.postprocess(LOGITS, size=size, want=want)
    assert (seg.labels == own.labels).mean() > 0.999  # float32 logarithms are rounded
    np.testing.assert_allclose(seg.confidence, own.confidence, atol=1e-5)
