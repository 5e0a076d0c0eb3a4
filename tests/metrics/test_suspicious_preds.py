"""Predictions of another meaning are an error or a warning, whose cure gives the right counts."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import segpost

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(2)
TARGET = RNG.integers(0, 5, (2, 8, 9)).astype(np.uint8)
PREDS = np.where(RNG.random(TARGET.shape) < 0.7, TARGET, 1)


def one_hot(labels: Any, axis: int, kind: str = "int64") -> Any:
    """Planes of 0 and 1, one a class."""
    return np.moveaxis(np.eye(5, dtype=kind)[labels], -1, axis)


@pytest.mark.parametrize("axis", [1, -1])
@pytest.mark.parametrize("kind", ["uint8", "int64"])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_one_hot(axis: int, kind: str, library: str) -> None:
    """Counted as labels they would be 5 times the pixels, of two classes."""
    preds, target = one_hot(PREDS, axis, kind), one_hot(TARGET, axis, kind)
    if library == "torch":
        preds, target = torch.from_numpy(preds.copy()), torch.from_numpy(target.copy())
    with pytest.raises(ValueError, match="are one-hot along axis") as error:
        segpost.confusion_matrix(preds, target, num_classes=5)
    cures = re.findall(r"\w+\.argmax\(\d\)", str(error.value))
    labels = [eval(cure, {"preds": preds, "target": target}) for cure in cures]
    np.testing.assert_array_equal(
        segpost.confusion_matrix(*labels, num_classes=5),
        segpost.confusion_matrix(PREDS, TARGET, num_classes=5),
    )
    with pytest.raises(ValueError, match="are one-hot along axis"):
        segpost.ConfusionMatrix(5).update(preds, target)


def test_label_maps_of_0_and_1_pass() -> None:
    """As many images as there are classes, of two labels, are no planes."""
    for target in ((TARGET[:1] > 2).repeat(5, 0).astype(np.uint8), np.zeros((5, 8, 9), np.uint8)):
        assert segpost.confusion_matrix(target, target, num_classes=5).sum() == target.size
    target = one_hot(TARGET[0], 0)
    preds = np.roll(target, 1, -1) * 2
    assert segpost.confusion_matrix(preds, target, num_classes=5).sum() == target.size


def test_probabilities_with_a_threshold() -> None:
    """Their sigmoid is above 0.5 everywhere; the cure of the message counts them."""
    target = (TARGET > 2).astype(np.uint8)
    preds = np.where(target == 1, 0.9, 0.1).astype(np.float32)[:, None]
    cm = segpost.ConfusionMatrix(2)
    with pytest.warns(segpost.InputWarning, match="convention=") as caught:
        cm.update(preds, target, threshold=0.5)
    assert cm.matrix[:, 0].sum() == 0
    code = re.search(r"convention=(.*)$", str(caught[0].message))
    assert code
    cm = segpost.ConfusionMatrix(2)
    convention = eval(code.group(1), {"segpost": segpost})
    cm.update(preds, target, threshold=0.5, convention=convention)
    assert cm.compute().miou == 1


@pytest.mark.parametrize(
    "logits", [np.zeros((1, 4, 4)), np.full((1, 4, 4), 0.3), RNG.normal(size=(1, 4, 4))]
)
def test_logits_with_a_threshold_pass(logits: Any) -> None:
    target = np.zeros((4, 4), np.uint8)
    segpost.ConfusionMatrix(2).update(logits.astype(np.float32), target, threshold=0.5)
