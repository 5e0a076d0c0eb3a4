"""Predictions of another meaning are an error or a warning, whose cure gives the right counts."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from conftest import scene

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


def test_only_the_target_is_one_hot() -> None:
    """The printed expression is the target."""
    labels = np.random.default_rng(3).integers(0, 5, (2, 6, 7))
    one_hot = (labels[:, None] == np.arange(5)[:, None, None]).astype(np.uint8)
    logits = one_hot.astype(np.float32) * 3
    for target in (one_hot, one_hot.transpose(0, 2, 3, 1)):
        for preds in (labels, logits if target is one_hot else logits.transpose(0, 2, 3, 1)):
            with pytest.raises(ValueError, match=r"target of shape .* is one-hot") as error:
                segpost.confusion_matrix(preds, target, num_classes=5)
            code = str(error.value).rpartition("pass ")[2]
            counts = segpost.confusion_matrix(logits, eval(code), num_classes=5)
            assert counts.trace() == labels.size


def test_a_volume_of_logits() -> None:
    """The printed argument counts the volume."""
    logits = np.random.default_rng(3).normal(size=(4, 6, 7, 8)).astype(np.float32)
    with pytest.raises(ValueError, match="they are a volume") as error:
        segpost.confusion_matrix(logits, logits.argmax(0), num_classes=4)
    assert str(error.value).endswith("pass volume=True")
    counts = segpost.confusion_matrix(logits, logits.argmax(0), num_classes=4, volume=True)
    assert counts.trace() == 6 * 7 * 8


def test_names_as_the_number_of_classes() -> None:
    names: Any = ["road", "car"]
    with pytest.raises(TypeError, match="pass 2, and the names as class_names="):
        segpost.ConfusionMatrix(names)


def test_logits_as_target() -> None:
    labels = np.zeros((6, 7), np.uint8)
    with pytest.raises(TypeError, match=r"exchanged, pass \(preds, target\)"):
        segpost.confusion_matrix(labels, np.zeros((2, 6, 7), np.float32), num_classes=2)


@pytest.mark.parametrize(
    ("classes", "preds", "question"),
    [
        (19, [7, 11, 21, 23, 26], "Cityscapes labelIds"),
        (3, [1, 2, 3], "do they start at 1"),
        (3, [0, 9, 9, 9, 8], "what are the classes"),
        (3, [0, 1, 255], "are preds and target exchanged"),
        (3, [0, 1, 2, 2, 9], ""),
        (3, [0, 1, 2, 3], ""),
    ],
)
def test_predictions_of_no_class(classes: int, preds: list[int], question: str) -> None:
    """What they have in common is asked at the scores; a few of them are no warning."""
    random = np.random.default_rng(5)
    cm = segpost.ConfusionMatrix(classes, ignore_index=255, per_image=True)
    for _ in range(2):
        target = random.integers(0, 3, (9, 10)).astype(np.uint8)
        cm.update(random.choice(np.array(preds, np.uint8), (9, 10)), target)
    if not question:
        cm.compute()
        return
    with pytest.warns(segpost.InputWarning, match=question):
        cm.compute()


def test_groups_of_class_names() -> None:
    cm = segpost.ConfusionMatrix(3, class_names=["road", "car", "sky"], groups={"a": ["car", 0]})
    assert cm.groups == {"a": (1, 0)}
    with pytest.raises(ValueError, match="needs class_names="):
        segpost.ConfusionMatrix(3, groups={"a": ["car"]})
    with pytest.raises(TypeError, match=r"a list, too: \['car'\]"):
        segpost.ConfusionMatrix(3, groups={"a": "car"})


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_exchanged_sides_of_logits(library: str) -> None:
    """The printed expression agrees with the target; that of a landscape input does as it is."""
    logits: Any = scene(5, 40, 30)
    rows, columns = np.arange(160) * 40 // 160, np.arange(120) * 30 // 120
    target: Any = logits.argmax(0)[rows[:, None], columns].astype(np.uint8)
    wrong = logits.swapaxes(1, 2).copy()
    stretched = scene(5, 36, 48)  # later ones of these shapes are not read
    rows, columns = np.arange(192) * 36 // 192, np.arange(144) * 48 // 144
    shown: Any = stretched.argmax(0)[rows[:, None], columns].astype(np.uint8)
    if library == "torch":
        wrong, target, stretched, shown = map(torch.from_numpy, (wrong, target, stretched, shown))
    cm = segpost.ConfusionMatrix(5)
    with pytest.warns(segpost.InputWarning, match="different strides for a target") as caught:
        cm.update(wrong, target)
    assert [warning.filename for warning in caught] == [__file__]
    code = re.search(r"logits\.swapaxes\(.*?\)", str(caught[0].message))
    assert code
    cm.reset()
    cm.update(eval(code.group(0), {"logits": wrong}), target)
    cm.update(stretched, shown)
    cm.update(logits[:, :28, :36] * 0, target[:144, :112])  # of an untrained network
    cm.update(scene(5, 30, 30), np.asarray(target))


def test_predictions_of_equal_logits() -> None:
    """Their label is 0 everywhere; of a network that gives it, one value differs."""
    logits = np.ones((5, 40, 42), np.float32)
    target = RNG.integers(0, 5, (40, 42)).astype(np.uint8)
    for count in (
        segpost.ConfusionMatrix(5).update,
        lambda *maps: segpost.confusion_matrix(*maps, num_classes=5),
    ):
        with pytest.warns(segpost.InputWarning, match="are all 1, so that") as caught:
            count(logits, target)
        assert [warning.filename for warning in caught] == [__file__]
    logits[2, 39, 41] = 2
    segpost.ConfusionMatrix(5).update(logits, target)
