"""Entropy, margin and top-k of arrays on a device stay there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import scene
from fake_devices import Cuda, Runtime, host

import segpost

pytestmark = pytest.mark.usefixtures("device")
LOGITS = scene(5, 12, 17)
SIZE = (31, 40)
RANKED: Any = ("labels", "confidence", "entropy", "margin", "topk")


def compare(logits: np.ndarray, **settings: Any) -> None:
    """The results on the device are those of the CPU."""
    here: Any = segpost.postprocess(logits, want=RANKED, **settings)
    there: Any = segpost.postprocess(Cuda(logits), want=RANKED, **settings)
    np.testing.assert_array_equal(host(there.labels), here.labels)
    for name in ("confidence", "entropy", "margin"):
        result = host(getattr(there, name))
        np.testing.assert_allclose(result, getattr(here, name), atol=2e-5, err_msg=name)
    labels, probabilities = (host(result) for result in there.topk)
    assert labels.dtype == here.topk.labels.dtype
    assert probabilities.dtype == here.topk.probabilities.dtype
    differences = np.abs(probabilities.astype(float) - here.topk.probabilities)
    assert differences.max() <= (1 if probabilities.dtype == np.uint8 else 2e-5)
    assert (labels == here.topk.labels).mean() > 0.999


@pytest.mark.parametrize("check", ["sync", "deferred", "off"])
def test_results_are_those_of_the_cpu(check: Any) -> None:
    compare(LOGITS, size=SIZE, check=check)
    compare(LOGITS[None, :, ::-1, ::2], check=check)


@pytest.mark.parametrize("topk", [1, 4, 5])
def test_any_number_of_ranks(topk: int) -> None:
    compare(LOGITS, size=SIZE, topk=topk)


def test_bytes() -> None:
    compare(LOGITS, size=SIZE, probabilities_dtype="uint8", confidence_dtype="uint8")


@pytest.mark.parametrize("threshold", [0.5, 0.9])
def test_a_head_of_one_channel(threshold: float) -> None:
    compare(LOGITS[:1], size=SIZE, threshold=threshold, topk=2)


def test_a_quantized_head_of_one_channel() -> None:
    raw = np.random.default_rng(0).integers(-100, 100, (1, 6, 7)).astype(np.int8)
    compare(raw, size=SIZE, threshold=0.5, topk=2, quantization=(0.07, -3))


def test_nobody_waits_for_deferred_results(device: Runtime) -> None:
    segpost.postprocess(Cuda(LOGITS), size=SIZE, want=RANKED, check="deferred")
    device.calls.clear()
    segpost.postprocess(Cuda(LOGITS), size=SIZE, want=RANKED, check="deferred")
    assert not any(call[0] == "copy_out" for call in device.calls)


def test_undefined_pixels_of_an_earlier_call() -> None:
    logits = LOGITS.copy()
    logits[2, 3, 4] = np.inf  # it has a label, and no probabilities
    segpost.postprocess(Cuda(logits), size=SIZE, want=("entropy",), check="deferred")
    with pytest.raises(ValueError, match="rank_classes met"):
        segpost.raise_deferred()


def test_bad_logits() -> None:
    logits = LOGITS.copy()
    logits[2, 3, 4] = np.inf
    with pytest.raises(ValueError, match="logits give no probabilities at 30 of 1240"):
        segpost.postprocess(Cuda(logits), size=SIZE, want=("entropy",))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"probabilities_dtype": "uint16"}, "probabilities_dtype is for results on the CPU"),
        ({"crf": segpost.DenseCRF(iterations=1)}, "entropy, margin and top-k of probabilities"),
    ],
)
def test_what_is_for_the_cpu(options: Any, message: str) -> None:
    image = np.zeros((*SIZE, 3), np.uint8)
    with pytest.raises(TypeError, match=message):
        segpost.postprocess(Cuda(LOGITS), size=SIZE, image=Cuda(image), want=("topk",), **options)
