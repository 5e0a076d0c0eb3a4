"""Targets of another meaning are an error or a warning, whose cure gives the right counts."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import segpost

MASK = (np.random.default_rng(4).random((2, 8, 9)) < 0.4).astype(np.uint8)


def test_masks_of_0_and_255() -> None:
    """A target is an error, predictions are a warning; 255 is foreground, and not void."""
    with pytest.raises(ValueError, match="for a mask of 0 and 255 pass target // 255; if 255"):
        segpost.confusion_matrix(MASK, MASK * 255, num_classes=2)
    target = MASK * 255
    target[0, :2] = 1
    with pytest.raises(ValueError, match=r"\[\d, \d, \d\]; if 255 means void, pass ignore_index"):
        segpost.confusion_matrix(MASK, target, num_classes=2)
    cm = segpost.ConfusionMatrix(2)
    cm.update(MASK * 255, MASK)
    with pytest.warns(segpost.InputWarning, match="pass preds // 255") as caught:
        cm.compute()
    assert caught[0].filename == __file__


def test_exchanged_label_maps() -> None:
    """Void in predictions, and none in the targets, over all that was counted."""
    random = np.random.default_rng(6)
    target = random.integers(0, 5, (20, 30)).astype(np.uint8)
    preds = target.copy()
    target[:3] = 255
    cm = segpost.ConfusionMatrix(5, ignore_index=255)
    cm.update(target, preds)
    with pytest.warns(segpost.InputWarning, match="are preds and target exchanged"):
        cm.compute()
    cm.reset()
    cm.update(preds, target)
    cm.compute()
    with pytest.raises(ValueError, match="are preds and target exchanged") as error:
        segpost.confusion_matrix(target, preds, num_classes=5, ignore_index=255)
    assert "255 (90 times)" in str(error.value)
    target[0, 0], preds[0, :2] = 0, 255
    with pytest.raises(ValueError, match=r"255 \(1 times\), first at \[0, 0\]$"):
        segpost.confusion_matrix(preds, target, num_classes=5, ignore_index=255)


MEASURES: list[Callable[[], Any]] = [
    lambda: segpost.BoundaryIoU(5, ignore_index=255),
    lambda: segpost.SurfaceDistance(5, ignore_index=255),
    lambda: segpost.BoundaryF(5, ignore_index=255),
    lambda: segpost.TrimapIoU(5, ignore_index=255, widths=(1, 2)),
    lambda: segpost.InstanceIoU(5, things={4: 9.0}, ignore_index=255),
]


def count(measure: Any, preds: Any, target: Any, **ids: Any) -> Any:
    """Add a pair, of which no pixel is of an instance."""
    instances = (target * 0,) if isinstance(measure, segpost.InstanceIoU) else ()
    measure.update(preds, target, *instances, **ids)
    return measure


@pytest.mark.parametrize("make", MEASURES)
def test_exchanged_label_maps_of_other_measures(make: Callable[[], Any]) -> None:
    """They warn at the scores as a matrix does, of sums and of copies, too."""
    preds = np.random.default_rng(6).integers(0, 5, (2, 20, 30)).astype(np.uint8)
    target = preds.copy()
    target[:, :3] = 255
    sums = count(make(), target, preds)
    sums += count(make(), target[:1], preds[:1])
    named = count(make(), target, preds, ids=["a", "b"])
    for measure in (sums, named.copy(), pickle.loads(pickle.dumps(named))):
        with pytest.warns(segpost.InputWarning, match="are preds and target exchanged") as caught:
            measure.compute()
        assert [warning.filename for warning in caught] == [__file__]
    right = count(make(), preds, target)
    assert right == make().from_json(right.to_json())
    right.compute()
    some = preds.copy()
    some[0, 10] = 255  # which a network may predict, beside void of the target
    count(make(), some, target).compute()


def test_exchanged_label_maps_beside_instances() -> None:
    """The target is of one class in each instance."""
    target = np.zeros((6, 8), np.uint8)
    target[1:5, 2:6] = 1
    preds, measure = np.roll(target, 1, 1), segpost.InstanceIoU(2, things={1: 9.0})
    with pytest.raises(ValueError, match="several classes; are preds and target exchanged"):
        measure.update(target, preds, instances=target)
    with pytest.raises(ValueError, match=r"several classes$"):
        measure.update(preds, preds, instances=target)
    measure.update(preds, target, instances=target)


def test_void_of_exchanged_label_maps() -> None:
    """Without an ignore_index, too: predictions of 255 are void, beside targets of classes."""
    target = np.random.default_rng(2).integers(0, 5, (20, 30)).astype(np.uint8)
    preds = target.copy()
    target[:3] = 255
    cm = segpost.ConfusionMatrix(5)
    cm.update(target, preds)
    with pytest.warns(segpost.InputWarning, match="are preds and target exchanged") as caught:
        cm.compute()
    assert caught[0].filename == __file__


def test_a_target_divided_by_255() -> None:
    """Its classes become 0, and void 1; a picture of few classes is none."""
    labels = np.random.default_rng(6).integers(0, 7, (20, 30)).astype(np.uint8)
    target = labels.copy()
    target[0] = 255
    cm = segpost.ConfusionMatrix(7, ignore_index=255)
    cm.update(labels, (target / 255).astype(np.uint8))
    with pytest.warns(segpost.InputWarning, match="divided by 255") as caught:
        cm.compute()
    assert caught[0].filename == __file__
    background = target * 0
    for preds, right in ((labels, target), (labels % 2, labels % 2), (labels, background)):
        cm.reset()
        cm.update(preds, right)
        cm.compute()


def blocks(side: int = 8) -> Any:
    """Label maps (3, H, W) of five classes in regions."""
    labels = np.random.default_rng(8).integers(0, 5, (3, 5, 4)).astype(np.uint8)
    return labels.repeat(side, 1).repeat(side, 2)


def test_masks_whose_foreground_is_ignored() -> None:
    """With ignore_index=255 a mask has one class; the cure has two."""
    target = (blocks() > 2).astype(np.uint8) * 255
    for preds in (target, target // 255):
        cm = segpost.ConfusionMatrix(2, ignore_index=255)
        cm.update(preds, target)
        with pytest.warns(segpost.InputWarning, match="pass target // 255") as caught:
            cm.compute()
        assert [warning.filename for warning in caught] == [__file__]
    inside = np.zeros((40, 50), np.uint8)
    inside[9:30, 9:40] = 255
    with pytest.warns(segpost.InputWarning, match="for masks pass target // 255") as caught:
        segpost.confusion_matrix(inside, inside, num_classes=2, ignore_index=255)
    assert [warning.filename for warning in caught] == [__file__]


def test_void_beside_one_class_passes() -> None:
    """A little void, void at the edge of an image, and void beside other classes."""
    background = np.zeros((40, 50), np.uint8)
    border, edge, other = background.copy(), background.copy(), background.copy()
    border[20, 20:30] = 255
    edge[:, 30:] = 255
    other[9:30, 9:40] = 255
    other[0, 0] = 1
    for target in (border, edge, other, background):
        segpost.confusion_matrix(background, target, num_classes=2, ignore_index=255)
        segpost.colorize(target, "voc")
        segpost.overlay(np.full((40, 50, 3), 90, np.uint8), target, "voc")
    for target in (border, other):
        cm = segpost.ConfusionMatrix(2, ignore_index=255)
        cm.update(background, target)
        cm.compute()


@pytest.mark.parametrize(
    ("preds", "target", "cure"),
    [
        (blocks(), np.where(blocks() > 3, 255, blocks()), "ignore_index=255 and num_classes=4"),
        ((blocks() > 2) * 255, (blocks() > 1) * 255, "target // 255 and preds // 255"),
    ],
)
def test_a_void_that_is_counted(preds: Any, target: Any, cure: str) -> None:
    """255 is the last of 256 classes, and far from the others."""
    cm = segpost.ConfusionMatrix(256)
    cm.update(preds, target)
    with pytest.warns(segpost.InputWarning, match=f"if it means void|{cure}") as caught:
        cm.compute()
    assert cure in str(caught[0].message)
    every = np.arange(256).repeat(4).reshape(32, 32)
    for right in (every, blocks()):
        cm.reset()
        cm.update(right, right)
        cm.compute()


@pytest.mark.parametrize("shift", [1, -1])
def test_labels_that_are_shifted(shift: int) -> None:
    """Class 0 of one of them is void; the printed expression counts them right."""
    labels = blocks().astype(int)
    target = np.where(labels + shift < 0, 255, (labels + shift) % 6).astype(np.uint8)
    cm = segpost.ConfusionMatrix(6, ignore_index=255)
    cm.update(labels, target)
    with pytest.warns(
        segpost.InputWarning, match=rf"preds are the target \{-shift:+} at"
    ) as caught:
        cm.compute()
    code = re.search(r"Pass (preds . 1)", str(caught[0].message))
    assert code
    cm.reset()
    cm.update(eval(code.group(1), {"preds": labels}) % 6, target)
    assert cm.compute().pixel_accuracy == 1
    for preds in (np.roll(labels, 4, 1), labels * 0, labels // 4 * 4, 4 - labels):
        cm.reset()
        cm.update(preds, labels)
        cm.compute()


@pytest.mark.parametrize(
    ("classes", "values", "ignored", "hint"),
    [
        (5, [1, 2, 3, 4, 5], None, "do the labels start at 1"),
        (5, [0, 1, 4, 5], None, "labels 0 to 5 are 6 classes: is num_classes one too few"),
        (19, [1, 2, 18, 19], 255, "do the labels start at 1"),
        (19, [0, 7, 26, 33], 255, "Cityscapes labelIds"),
        (5, [0, 1, 255], -1, "if 255 means void, pass ignore_index=255"),
        (5, [0, 1, -100], 255, "if -100 means void, pass ignore_index=-100"),
    ],
)
def test_hints_of_invalid_targets(
    classes: int, values: list[int], ignored: int | None, hint: str
) -> None:
    target = np.array([values])
    with pytest.raises(ValueError, match=hint):
        segpost.confusion_matrix(target * 0, target, num_classes=classes, ignore_index=ignored)
