"""Confusion matrices of volumes: a volume is one image, whatever its depth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import segpost
from segpost import ConfusionMatrix

GENERATOR = np.random.default_rng(5)
LOGITS = GENERATOR.normal(size=(2, 3, 4, 6, 8)).astype(np.float32)
TARGET = GENERATOR.integers(0, 3, (2, 4, 6, 8)).astype(np.uint8)
TARGET[0, 0, 0, :3] = 255


def matrix(**options: Any) -> ConfusionMatrix:
    """An empty matrix of three classes."""
    return ConfusionMatrix(3, ignore_index=255, **options)


@pytest.mark.parametrize("kind", ["labels", "logits", "channels last"])
def test_each_volume_is_one_image(kind: str) -> None:
    """Counts, ids and scores of every image are over cases, for labels and logits alike."""
    labels = LOGITS.argmax(1)
    axis = -1 if kind == "channels last" else None
    preds = {"labels": labels, "logits": LOGITS}.get(kind, np.moveaxis(LOGITS, 1, -1))
    together, alone = matrix(per_image=True), matrix(per_image=True)
    together.update(preds, TARGET, volume=True, ids=["a", "b"], axis=axis)
    for name, one, target in zip("ab", preds, TARGET, strict=True):
        alone.update(one, target, volume=True, ids=name, axis=axis)
    assert together == alone
    scores = together.compute()
    assert scores.images.ids == ("a", "b")
    for k in range(2):
        counts = matrix()
        counts.update(labels[k].reshape(-1, 8), TARGET[k].reshape(-1, 8))
        assert scores.images.miou[k] == counts.compute().miou
        np.testing.assert_array_equal(together.images[k].state(3), counts.state)


def test_logits_of_another_size_have_the_labels_of_argmax() -> None:
    small = LOGITS[0, :, :2, ::2]
    counts = segpost.confusion_matrix(small, TARGET[1], num_classes=3, volume=True)
    labels = segpost.argmax(small, size=TARGET.shape[1:])
    np.testing.assert_array_equal(
        counts, segpost.confusion_matrix(labels, TARGET[1], num_classes=3)
    )


def test_a_sigmoid_head() -> None:
    head, target = LOGITS[0, :1], (TARGET[0] == 1).astype(np.uint8)
    counts = segpost.confusion_matrix(head, target, num_classes=2, volume=True, threshold=0.75)
    labels = (head[0] > np.log(3)).astype(np.uint8)
    np.testing.assert_array_equal(counts, segpost.confusion_matrix(labels, target, num_classes=2))


def test_axis_minus_four_means_volumes() -> None:
    cm = matrix(per_image=True)
    cm.update(LOGITS, TARGET, axis=-4)
    assert len(cm.images) == 2


def test_slices_that_are_counted_as_images() -> None:
    """Both printed arguments decide it; sums of the data set are the same in any case."""
    cm = matrix(per_image=True)
    message = "counted as 8 images: pass volume=True"
    with pytest.warns(segpost.InputWarning, match=message) as caught:
        cm.update(TARGET, TARGET)
    assert [warning.filename for warning in caught] == [__file__]
    assert len(cm.images) == 8
    for volume, images in ((True, 2), (False, 8)):
        cm = matrix(per_image=True)
        cm.update(TARGET, TARGET, volume=volume)
        assert len(cm.images) == images
    matrix(per_image=True).update(TARGET[:, :1], TARGET[:, :1])
    matrix().update(TARGET, TARGET)


def test_dice_of_every_case() -> None:
    """That of NumPy, NaN where IoU is; classes in neither map have the value of `absent`."""
    preds = LOGITS.argmax(1)
    preds[0][preds[0] == 2], target = 0, TARGET.copy()
    target[0][target[0] == 2] = 0
    cm = matrix(per_image=True)
    cm.update(preds, target, volume=True)
    wanted = np.array(
        [[_dice(p, t, c) for c in range(3)] for p, t in zip(preds, target, strict=True)]
    )
    for absent in ("exclude", 0.5):
        images = cm.compute(absent=absent).images
        filled = wanted.copy()
        filled[0, 2] = np.nan if absent == "exclude" else absent
        np.testing.assert_allclose(images.dice, filled, rtol=1e-15)
        np.testing.assert_allclose(images.class_dice, np.nanmean(filled, axis=0), rtol=1e-15)
        np.testing.assert_allclose(images.mean_dice, np.nanmean(filled, axis=1), rtol=1e-15)
    kept = cm.compute(exclude=0).images.mean_dice
    np.testing.assert_allclose(kept, np.nanmean(wanted[:, 1:], axis=1), rtol=1e-15)


def _dice(preds: np.ndarray, target: np.ndarray, label: int) -> float:
    """Dice of one class of one volume, without void."""
    known = target != 255
    a, b = (preds == label) & known, (target == label) & known
    total = int(a.sum() + b.sum())
    return 2 * int((a & b).sum()) / total if total else float("nan")


def test_errors_name_the_cure() -> None:
    nan = LOGITS.copy()
    nan[1, 2, 3, 4, 5] = np.nan
    cases: list[tuple[Any, Any, dict[str, Any], str]] = [
        (TARGET[0, 0], TARGET[0, 0], {}, r"target of volumes is \(D, H, W\)"),
        (LOGITS[:, :2], TARGET, {}, "logits of 2 classes on axis -4"),
        (LOGITS[:, :1], TARGET, {"threshold": 0.5}, "logits of 2 classes"),
        (nan, TARGET, {}, "NaN"),
        (LOGITS, TARGET, {"convention": "smp"}, "convention is for images"),
        (LOGITS, TARGET, {"axis": -3}, "volume=True contradicts axis=-3"),
        (LOGITS[0], TARGET, {}, "shape"),
        (TARGET[:, :3], TARGET, {}, "do not fit target"),
    ]
    for preds, target, options, message in cases:
        cm = matrix()
        with pytest.raises(ValueError, match=message):
            cm.update(preds, target, volume=True, **options)
        assert cm.pixels == 0
    with pytest.raises(ValueError, match="pass volume=True if target is one volume"):
        matrix().update(TARGET[0], TARGET[0], ids="case_001")


def test_nan_may_win() -> None:
    nan = LOGITS[0].copy()
    nan[2, 0, 0, 4] = np.nan
    cm = matrix()
    cm.update(nan, TARGET[0], volume=True, nan="propagate")
    assert cm.pixels == TARGET[0].size
