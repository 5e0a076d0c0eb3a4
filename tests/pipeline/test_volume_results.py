"""postprocess of volumes: what is known of every voxel, for every backend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

import segpost

ON_CUDA = True

SIZE = (9, 14, 11)
ALL: Any = ("labels", "confidence", "probabilities", "entropy", "margin", "topk")


def noise(shape: tuple[int, ...], scale: float = 2.0, seed: int = 0) -> np.ndarray:
    """Logits with borders everywhere."""
    return np.random.default_rng(seed).normal(0, scale, shape).astype(np.float32)


def full_size(logits: np.ndarray) -> torch.Tensor:
    """Upsampled logits of volumes, in float64."""
    return torch.nn.functional.interpolate(
        torch.from_numpy(logits).double(), SIZE, mode="trilinear"
    )


@pytest.mark.parametrize("scale", [0.1, 2.0, 30.0, 1e6])
def test_probabilities_are_those_of_full_size_logits(backend: str, scale: float) -> None:
    """torch's interpolate and softmax in float64."""
    logits = noise((2, 5, 4, 6, 7), scale)
    probabilities = full_size(logits).softmax(1).numpy()
    seg = segpost.postprocess(logits, size=SIZE, want=ALL)
    assert_array_equal(seg.labels, segpost.argmax(logits, size=SIZE))
    assert_allclose(seg.probabilities, probabilities, rtol=0, atol=1e-6)
    assert_allclose(seg.confidence, probabilities.max(1), rtol=0, atol=1e-6)
    ordered = np.sort(probabilities, axis=1)[:, ::-1]
    assert_allclose(seg.margin, ordered[:, 0] - ordered[:, 1], rtol=0, atol=1e-5)
    with np.errstate(divide="ignore", invalid="ignore"):
        nats = -np.where(probabilities > 0, probabilities * np.log(probabilities), 0).sum(1)
    assert_allclose(seg.entropy, nats, rtol=0, atol=1e-5)
    assert seg.topk.shape == (2, 3, *SIZE)
    assert_allclose(seg.topk.probabilities, ordered[:, :3], rtol=0, atol=1e-6)
    assert_array_equal(seg.topk.labels[:, 0], seg.labels)


def test_large_logits_that_cancel_between_slices(backend: str) -> None:
    """A difference of two slices of 1e7 is not lost."""
    logits = np.zeros((1, 2, 2, 3, 3), np.float32)
    logits[0, 0, 0], logits[0, 0, 1] = 1e7, -1e7
    logits[0, 1] = 0.25
    seg = segpost.postprocess(logits, size=(3, 3, 3), want=("labels", "confidence"))
    assert_array_equal(seg.labels[0, :, 1, 1], [0, 1, 1])
    assert_allclose(seg.confidence[0, 1], 1 / (1 + np.exp(-0.25)), atol=1e-6)


def test_without_a_size_and_with_the_nearest_slice(backend: str) -> None:
    """Voxels are read as they are, or between two axes alone."""
    logits = noise((3, 4, 5, 6))
    seg = segpost.postprocess(logits, volume=True, want=ALL)
    probabilities = torch.from_numpy(logits).double().softmax(0).numpy()
    assert_allclose(seg.probabilities, probabilities, rtol=0, atol=1e-6)
    assert_allclose(seg.confidence, probabilities.max(0), rtol=0, atol=1e-6)
    near = segpost.postprocess(
        logits, size=(8, 5, 6), nearest_axis=0, want=("labels", "confidence", "entropy")
    )
    assert_array_equal(near.labels, seg.labels.repeat(2, axis=0))
    assert_allclose(near.confidence, seg.confidence.repeat(2, axis=0), rtol=0, atol=1e-6)
    assert_allclose(near.entropy, seg.entropy.repeat(2, axis=0), rtol=0, atol=1e-5)


def test_a_head_of_one_channel(backend: str) -> None:
    """A threshold, with and without resampling; confidence is that of the label."""
    logits = noise((2, 1, 4, 6, 7))
    probability = full_size(logits).sigmoid().numpy()[:, 0]
    seg = segpost.postprocess(
        logits, size=SIZE, threshold=0.7, want=("labels", "confidence", "probabilities")
    )
    assert_array_equal(seg.labels, probability > 0.7)
    assert_allclose(seg.probabilities[:, 0], probability, rtol=0, atol=1e-6)
    want = np.where(seg.labels == 1, probability, 1 - probability)
    assert_allclose(seg.confidence, want, rtol=0, atol=1e-6)
    plain = segpost.postprocess(logits, volume=True, threshold=0.7)
    assert_array_equal(plain.labels, full_size_of_none(logits) > 0.7)


def full_size_of_none(logits: np.ndarray) -> np.ndarray:
    """The sigmoid of the only channel."""
    return np.asarray(1 / (1 + np.exp(-logits[:, 0].astype(np.float64))))


def test_quantized_and_last_axes(backend: str) -> None:
    """int8 with classes last; types of probabilities and confidence."""
    logits = np.random.default_rng(1).integers(-128, 128, (4, 5, 6, 3), np.int8)
    real = 0.05 * (logits.astype(np.float64) - 7)
    seg = segpost.postprocess(
        logits,
        axis=-1,
        volume=True,
        quantization=(0.05, 7),
        confidence_dtype="uint8",
        probabilities_dtype="uint16",
        want=("labels", "confidence", "probabilities"),
    )
    power = np.exp(real - real.max(-1, keepdims=True))
    probabilities = power / power.sum(-1, keepdims=True)
    assert seg.probabilities.shape == (4, 5, 6, 3)
    assert abs(seg.probabilities.astype(int) - np.rint(65535 * probabilities)).max() <= 1
    assert abs(seg.confidence.astype(int) - np.rint(255 * probabilities.max(-1))).max() <= 1
    assert_array_equal(seg.labels, logits.argmax(-1))


def test_infinities_and_bad_values(backend: str) -> None:
    """A class that is -inf has no probability; NaN and +inf are errors, or NaN."""
    logits = noise((3, 4, 5, 6))
    logits[1, :, :2] = -np.inf
    seg = segpost.postprocess(logits, size=(8, 5, 6), want=("labels", "confidence"))
    assert np.isfinite(seg.confidence).all()
    logits[0, 1, 2, 3] = np.inf
    with pytest.raises(ValueError, match=r"no probabilities at .* first at image 0, z 1, y 2, x 3"):
        segpost.postprocess(logits, size=(8, 5, 6), want=("labels", "confidence"))
    logits[0, 1, 2, 3] = np.nan
    with pytest.raises(ValueError, match=r"have 1 NaN of 360 values, .* z 1, y 2, x 3"):
        segpost.postprocess(logits, size=(8, 5, 6), want=("confidence",))
    seg = segpost.postprocess(logits, size=(8, 5, 6), nan="propagate", want=("confidence",))
    assert 1 <= np.isnan(seg.confidence).sum() <= 6


def test_a_batch_is_of_volumes() -> None:
    """Length, parts, shares and text of results of volumes."""
    batch = segpost.postprocess(noise((2, 3, 4, 5, 6)), volume=True, want=("labels", "topk"))
    assert len(batch) == 2
    one = batch[1]
    assert one.volume
    assert len(one) == 1
    assert one.labels.shape == (4, 5, 6)
    assert one.topk.labels.shape == (3, 4, 5, 6)
    assert abs(sum(one.shares().values()) - 1) < 1e-12
    assert "labels (4, 5, 6)" in repr(one)


def test_torch_tensors(backend: str) -> None:
    """Results are tensors."""
    seg = segpost.postprocess(torch.from_numpy(noise((3, 4, 5, 6))), size=SIZE, want=ALL)
    for name in ALL[:-1]:
        assert isinstance(getattr(seg, name), torch.Tensor), name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"convention": "torchvision"}, "convention is for images"),
        ({"letterbox": segpost.Letterbox.fit((8, 8), (16, 16))}, "letterbox is for images"),
        ({"crf": "deeplab"}, r"preset of photographs, .*pass segpost\.DenseCRF\(volume=True"),
        ({"image": np.zeros((9, 9, 3), np.uint8)}, "image is for images, got logits of volumes"),
        ({"want": ("labels", "regions")}, "want has 'regions', which volumes do not have"),
        ({"want": ("color",), "palette": "voc"}, r"segpost.colorize\(seg.labels, palette\)"),
        ({"nearest_axis": 3}, "nearest_axis must be 0, 1 or 2"),
        ({"axis": -3}, "volume=True contradicts axis=-3"),
        ({"size": (8, 8)}, "volume=True contradicts"),
    ],
)
def test_what_volumes_do_not_have(options: dict[str, Any], message: str) -> None:
    """Options of images, each with what to do instead."""
    with pytest.raises(ValueError, match=message):
        segpost.postprocess(noise((3, 4, 5, 6)), volume=True, **options)
