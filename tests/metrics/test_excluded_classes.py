"""Classes that are left out of means only: their pixels count, and they have scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segpost
from segpost.cli import main
from segpost.typing import MeanOver

RNG = np.random.default_rng(3)
TARGET = RNG.integers(0, 4, (3, 12, 15)).astype(np.uint8)
PREDS = np.where(RNG.random(TARGET.shape) < 0.6, TARGET, RNG.integers(0, 4, TARGET.shape))


def matrix(**options: Any) -> segpost.ConfusionMatrix:
    cm = segpost.ConfusionMatrix(4, class_names=("background", "a", "b", "c"), **options)
    cm.update(preds=PREDS, target=TARGET)
    return cm


@pytest.mark.parametrize("exclude", [0, (0,), [0, 0], "background", np.int64(0), np.array([0])])
def test_the_mean_is_over_the_others(exclude: Any) -> None:
    """Means leave the class out; its own scores and the counts stay."""
    whole, scores = matrix().compute(), matrix().compute(exclude=exclude)
    assert scores.miou == pytest.approx(whole.iou[1:].mean(), abs=1e-15)
    assert scores.mean_accuracy == pytest.approx(whole.recall[1:].mean(), abs=1e-15)
    weights = whole.class_counts.support[1:]
    wanted = (whole.iou[1:] * weights).sum() / weights.sum()
    assert scores.fwiou == pytest.approx(wanted, abs=1e-15)
    assert scores.mean("dice") == pytest.approx(whole.dice[1:].mean(), abs=1e-15)
    for name in ("iou", "dice", "precision", "recall"):
        np.testing.assert_array_equal(getattr(scores, name), getattr(whole, name))
    assert scores.pixel_accuracy == whole.pixel_accuracy
    assert scores.pixels == whole.pixels == TARGET.size


def test_it_is_not_an_ignored_value() -> None:
    """A prediction of the class on another one is that one's miss, unlike with ignore_index."""
    target, preds = np.array([[[0, 0, 1, 1]], [[0, 1, 1, 0]]], np.uint8)
    excluded, ignored = segpost.ConfusionMatrix(2), segpost.ConfusionMatrix(2, ignore_index=0)
    for cm in (excluded, ignored):
        cm.update(preds=preds, target=target)
    assert excluded.compute(exclude=0).miou == 1 / 3
    assert ignored.compute().miou == 1 / 2


@pytest.mark.parametrize("mean", ["dataset", "image", "class_image"])
def test_of_images(mean: MeanOver) -> None:
    """Every mean, and the interval of it, is over the others."""
    cm = matrix(per_image=True)
    whole, scores = cm.compute(mean=mean), cm.compute(mean=mean, exclude=(0, 3))
    kept = {
        "dataset": whole.iou[1:3].mean(),
        "image": whole.images.iou[:, 1:3].mean(),
        "class_image": whole.images.iou[:, 1:3].mean(axis=0).mean(),
    }
    assert scores.miou == pytest.approx(kept[mean], abs=1e-15)
    np.testing.assert_array_equal(scores.images.iou, whole.images.iou)
    np.testing.assert_allclose(scores.images.miou, whole.images.iou[:, 1:3].mean(axis=1))
    low, high = scores.images.bootstrap(200)
    assert low < scores.miou < high


def test_reports_say_it() -> None:
    """A reader sees which classes the mean has, and why."""
    scores = matrix().compute(exclude=("background", 3))
    text = scores.to_text()
    assert "mean of 2 of 4 classes" in text
    assert "Left out of the mean: background, c (by exclude=)." in text
    assert json.loads(scores.to_json())["policy"]["exclude"] == [0, 3]


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"exclude": 4}, ValueError, "exclude must be in 0..3, got 4"),
        ({"exclude": (1, -1)}, ValueError, "exclude must be in 0..3, got -1"),
        ({"exclude": 0.5}, TypeError, "exclude must be an integer"),
        ({"exclude": "sky"}, ValueError, "exclude must be one of"),
        ({"exclude": 0, "dialect": "mmseg"}, ValueError, "leave the other arguments out"),
    ],
)
def test_what_is_refused(options: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        matrix().compute(**options)


def test_a_name_needs_names() -> None:
    with pytest.raises(ValueError, match="needs class_names="):
        segpost.ConfusionMatrix(2).compute(exclude="sky")


def test_all_classes_excluded() -> None:
    """The mean over no class is NaN."""
    assert np.isnan(matrix().compute(exclude=range(4)).miou)


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers and names are those of `compute`."""
    for name, labels in (("p", PREDS), ("t", TARGET)):
        np.save(tmp_path / f"{name}.npy", labels[0].astype(np.uint8))
    files = [str(tmp_path / "p.npy"), str(tmp_path / "t.npy"), "--num-classes", "4"]
    assert main(["evaluate", *files, "--exclude", "0", "--exclude", "3"]) == 0
    assert "Left out of the mean: 0, 3 (by exclude=)." in capsys.readouterr().out
    assert main(["evaluate", *files, "--exclude", "4"]) == 2
    assert "exclude must be in 0..3, got 4" in capsys.readouterr().err
