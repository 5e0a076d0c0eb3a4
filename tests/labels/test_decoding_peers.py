"""Labels for Dice and IoU beside rankseg, the package of the method's authors, run itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import segpost
from segpost._backends.reference.decoding import label_pixels
from segpost._core.expected_scores import UNIT, probability_levels

pytestmark = pytest.mark.peers
score = pytest.mark.parametrize("score", ["dice", "iou"])


def rankseg(probabilities: np.ndarray, metric: str, output_mode: str = "multiclass") -> np.ndarray:
    """Of (C, ...) probabilities, in their own precision."""
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("rankseg.functional")
    tensor = torch.from_numpy(np.ascontiguousarray(probabilities))[None]
    result = library.rankseg(tensor, metric=metric, solver="RMA", output_mode=output_mode)
    return np.asarray(result[0].numpy())


@score
def test_definition(score: str) -> None:
    """The same probabilities give the same labels, ties included."""
    rng = np.random.default_rng(0)
    for trial in range(120):
        classes, pixels = (int(n) for n in rng.integers((2, 1), (9, 1500)))
        values = rng.normal(size=(classes, pixels)) * rng.choice([0.1, 1, 3, 8])
        values = np.round(values) if trial % 3 == 0 else values
        levels = probability_levels(values, 1.0)
        of_library = rankseg(levels / UNIT, score)
        np.testing.assert_array_equal(label_pixels(levels, score, False), of_library)


@score
def test_mask_of_one_class(score: str) -> None:
    rng = np.random.default_rng(1)
    for offset in (-4.0, -1.0, 0.0, 2.0):
        logit = rng.normal(size=900) * 2 + offset
        levels = probability_levels(np.stack([0 * logit, logit]), 1.0)
        (mask,) = rankseg(levels[1:] / UNIT, score, "multilabel")
        np.testing.assert_array_equal(label_pixels(levels, score, True), mask)


@score
def test_postprocess(score: Any) -> None:
    """Probabilities in float64 differ by 10^-7: a pixel in 10^5 may lie on the other side."""
    rng = np.random.default_rng(2)
    logits = (rng.normal(size=(7, 30, 40)) * 2).astype(np.float32)
    size = (240, 320)
    logits64 = logits.astype(np.float64)
    torch = pytest.importorskip("torch")
    full = torch.nn.functional.interpolate(torch.from_numpy(logits64)[None], size, mode="bilinear")
    expected = rankseg(full.softmax(1)[0].numpy(), score)
    labels = segpost.postprocess(logits, size=size, decode=score).labels
    assert (labels != expected).sum() <= 2
    assert (labels != segpost.argmax(logits, size=size)).sum() > 1000
