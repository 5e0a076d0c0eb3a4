"""Logits whose number of classes is not that of the matrix."""

from __future__ import annotations

import numpy as np
import pytest

import segpost


@pytest.mark.parametrize(
    ("width", "axis"), [(20, "axis -3 is right"), (24, "the network's classes")]
)
def test_a_number_of_classes_that_logits_do_not_have(width: int, axis: str) -> None:
    """The cure is the number that they have, also where another axis has the wrong one."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(21, 15, width)).astype(np.float32)
    target = random.integers(0, 20, (15, width))
    with pytest.raises(ValueError, match=rf"num_classes is 20.*num_classes=21 if .*{axis}"):
        segpost.ConfusionMatrix(20).update(logits, target)
    matrix = segpost.ConfusionMatrix(21)
    matrix.update(logits, target)
    assert matrix.matrix.sum() == target.size
