"""Label maps, and logits whose classes are on another axis, where logits are expected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost

LOGITS = scene(5, 32, 48)
LABELS = LOGITS.argmax(0)


@pytest.mark.parametrize(
    "labels",
    [
        LABELS,
        LABELS[None],
        LABELS[None, None],
        LABELS.astype(np.uint8),
        LABELS.astype(np.float32),
        np.where(LABELS == 2, 255, LABELS)[None],
        np.stack([LABELS, LABELS[::-1]]),
    ],
)
def test_label_maps(labels: Any) -> None:
    """The error says that logits are wanted; of them there is a fingerprint."""
    with pytest.raises(ValueError, match=r"look like label maps: \d whole numbers.*before argmax"):
        segpost.fingerprint(labels)
    assert sum(segpost.fingerprint(LOGITS).histogram) == LABELS.size


def test_arrays_that_are_no_label_maps() -> None:
    """Heads of one class, classifiers, quantized logits, and masks of a sigmoid head."""
    quantized = (LOGITS * 10).round().clip(-128, 127).astype(np.int8)
    for logits in (
        LOGITS[:1],
        np.zeros((1, 32, 48), np.float32),
        (LOGITS[:1] > 0).astype(np.float32),
        quantized,
        quantized[:1],
        LOGITS.reshape(5, -1).T,
        quantized.reshape(5, -1).T,
        np.arange(12).reshape(3, 4),
    ):
        segpost.fingerprint(logits)
    segpost.fingerprint(LABELS[None].astype(np.uint8), quantization=(0.1, 3))


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("is_first", [True, False])
def test_another_class_axis(batch: bool, is_first: bool) -> None:
    """The axis is named, and with it the fingerprints are the same."""
    first = LOGITS[None] if batch else LOGITS
    last = np.moveaxis(first, -3, -1).copy()
    (one, axis), (other, right) = [(first, -3), (last, -1)][:: 1 if is_first else -1]
    before = segpost.fingerprint(one, axis=axis)
    diff = before.compare(segpost.fingerprint(other, axis=axis))
    assert diff.codes == ("class-axis",)
    finding = diff.findings[0]
    assert finding.cure == f"segpost.fingerprint(logits, axis={right})"
    cured = eval(str(finding.cure), {"segpost": segpost, "logits": other})
    assert before.compare(cured).verdict == "same"
    fewer = before.compare(segpost.fingerprint(scene(4, 32, 48)))
    assert "class-count" in fewer.codes or not is_first


def test_logits_in_place_of_a_fingerprint() -> None:
    """The error holds no array, and says what to pass."""
    before: Any = segpost.fingerprint(LOGITS)
    with pytest.raises(TypeError, match=r"got ndarray: .* pass segpost\.fingerprint\(logits\)$"):
        before.compare(LOGITS)
