"""Scores: formulas, policies, averages and images, against definitions and other libraries."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import segpost
from segpost import ConfusionMatrix, Scores


def counted(
    matrix: list[list[int]] | np.ndarray, missed: list[int] | None = None, **options: Any
) -> ConfusionMatrix:
    """A matrix of given counts, and predictions of no class."""
    counts = np.array(matrix)
    cm = ConfusionMatrix(len(counts), **options)
    cm.state[:-1, :-1] = counts
    if missed is not None:
        cm.state[:-1, -1] = missed
    return cm


def random_maps(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Six classes, some more frequent than others."""
    random = np.random.default_rng(seed)
    target = random.choice(6, 5000, p=[0.5, 0.2, 0.1, 0.1, 0.06, 0.04])
    return np.where(random.random(5000) < 0.3, random.integers(0, 6, 5000), target), target


def scores_of(seed: int = 0) -> Scores:
    """Scores of `random_maps`."""
    cm = ConfusionMatrix(6)
    cm.update(*random_maps(seed))
    return cm.compute()


def test_scores_by_hand() -> None:
    """A small matrix with a miss of no class: every score is what its formula says."""
    scores = counted([[6, 2], [1, 9]], missed=[2, 0]).compute()
    assert scores.pixels == 20
    assert scores.iou.tolist() == [6 / 11, 9 / 12]
    assert scores.miou == (6 / 11 + 9 / 12) / 2
    assert scores.precision.tolist() == [6 / 7, 9 / 11]
    assert scores.recall.tolist() == [6 / 10, 9 / 10]
    assert scores.dice.tolist() == [12 / 17, 18 / 21]
    assert_allclose(scores.fbeta(2.0), [5 * 6 / (4 * 10 + 7), 5 * 9 / (4 * 10 + 11)])
    assert scores.specificity.tolist() == [9 / 10, 8 / 10]
    assert scores.pixel_accuracy == 15 / 20
    assert scores.mean_accuracy == 0.75
    assert scores.fwiou == pytest.approx((6 / 11 + 9 / 12) / 2)
    assert scores.invalid_preds == 2


def test_sklearn_agrees() -> None:
    """Kappa, MCC, Jaccard, F, precision, recall and their averages are scikit-learn's."""
    metrics = pytest.importorskip("sklearn.metrics")
    preds, target = random_maps()
    scores = scores_of()
    assert scores.kappa == pytest.approx(metrics.cohen_kappa_score(target, preds))
    assert scores.mcc == pytest.approx(metrics.matthews_corrcoef(target, preds))
    assert scores.pixel_accuracy == metrics.accuracy_score(target, preds)
    assert_allclose(scores.fbeta(2.0), metrics.fbeta_score(target, preds, beta=2.0, average=None))
    theirs = {
        "iou": metrics.jaccard_score,
        "dice": metrics.f1_score,
        "precision": metrics.precision_score,
        "recall": metrics.recall_score,
    }
    for name, function in theirs.items():
        assert_allclose(getattr(scores, name), function(target, preds, average=None))
        for average in ("macro", "micro", "weighted"):
            wanted = function(target, preds, average=average)
            assert scores.mean(name, average) == pytest.approx(wanted)  # type: ignore[arg-type]


def test_torchmetrics_agrees() -> None:
    """Specificity and Jaccard are those of torchmetrics."""
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchmetrics.functional.classification")
    preds, target = (torch.from_numpy(part) for part in random_maps(1))
    scores = scores_of(1)
    theirs = functional.multiclass_specificity(preds, target, 6, average="none")
    assert_allclose(scores.specificity, theirs.numpy(), rtol=1e-6)
    theirs = functional.multiclass_jaccard_index(preds, target, 6)
    assert scores.miou == pytest.approx(float(theirs), rel=1e-6)


def test_predictions_of_no_class_in_kappa_and_mcc() -> None:
    """They are one more predicted class that is never right."""
    metrics = pytest.importorskip("sklearn.metrics")
    preds, target = random_maps(2)
    preds[::7] = 6
    cm = ConfusionMatrix(6)
    cm.update(preds, target)
    scores = cm.compute()
    assert scores.kappa == pytest.approx(metrics.cohen_kappa_score(target, preds))
    assert scores.mcc == pytest.approx(metrics.matthews_corrcoef(target, preds))


def test_classes_that_are_nowhere() -> None:
    """Left out of the mean and listed; or NaN, or a value that counts, by argument."""
    cm = counted([[1, 1, 0], [0, 2, 0], [0, 0, 0]])
    scores = cm.compute()
    assert_array_equal(scores.iou, [0.5, 2 / 3, np.nan])
    assert scores.absent.tolist() == [False, False, True]
    assert scores.in_mean.tolist() == [True, True, False]
    assert scores.miou == (0.5 + 2 / 3) / 2
    assert math.isnan(cm.compute(absent="nan").miou)
    assert cm.compute(absent=0).miou == (0.5 + 2 / 3) / 3
    assert cm.compute(absent=1.0).miou == (0.5 + 2 / 3 + 1) / 3


def test_classes_that_are_only_predicted() -> None:
    """Their IoU of 0 counts, unless it is excluded."""
    cm = counted([[1, 0], [0, 0]])
    cm.state[0, 1] = 1
    assert cm.compute().iou.tolist() == [0.5, 0.0]
    assert cm.compute().miou == 0.25
    assert cm.compute(predicted_only="exclude").miou == 0.5


def test_ignored_classes() -> None:
    """A class that is void is out of the mean; its predictions are misses of the true class."""
    cm = ConfusionMatrix(3, ignore_index=0)
    cm.update(np.array([[0, 0, 1, 1, 2]], np.uint8), np.array([[0, 1, 1, 1, 2]], np.uint8))
    assert cm.compute().miou == (2 / 3 + 1) / 2
    assert cm.compute(ignored_class="keep").miou == (0 + 2 / 3 + 1) / 3


def test_nothing_counted_is_nan() -> None:
    """No pixel, or only void: NaN, a warning that says so, and a report all the same."""
    cm = ConfusionMatrix(3, ignore_index=255)
    for reason in ("nothing was counted: call update", "all of 20 pixels have an ignored target"):
        with pytest.warns(segpost.InputWarning, match=reason) as caught:
            scores = cm.compute()
        assert [warning.filename for warning in caught] == [__file__]
        assert all(math.isnan(value) for value in scores.summary().values())
        assert "nan over 0 of 3 classes (0, 1, 2 in neither map)" in repr(scores)
        assert math.isnan(cm.compute("mmseg").miou)
        cm.update(np.zeros((4, 5), np.uint8), np.full((4, 5), 255, np.uint8))


def test_repr_names_absent_classes() -> None:
    """Which classes are left out of the mean, because they are in neither map."""
    names = [f"c{i}" for i in range(9)]
    cm = ConfusionMatrix(9, class_names=names)
    cm.update(np.array([[0, 1]], np.uint8), np.array([[0, 2]], np.uint8))
    assert "over 3 of 9 classes (c3, c4, c5, c6, c7, ... in neither map)" in repr(cm.compute())
    others = np.array([[3, 4, 5, 6, 7, 8]], np.uint8)
    cm.update(others, others)
    assert "over 9 of 9 classes, 8 pixels" in repr(cm.compute())


def test_categories() -> None:
    """Confusions inside a group count as right; classes in no group are left out."""
    cm = counted([[4, 2, 0], [1, 5, 1], [0, 2, 3]], groups={"both": [0, 1], "last": [2]})
    scores = cm.compute()
    assert scores.category_iou == {"both": 12 / 15, "last": 3 / 6}
    assert scores.mean_category_iou == (12 / 15 + 3 / 6) / 2
    with pytest.raises(ValueError, match="groups="):
        counted([[1]]).compute().category_iou  # noqa: B018


def test_top_confusions() -> None:
    """The largest mistakes first, with predictions of no class among them."""
    cm = counted([[5, 3], [1, 9]], missed=[2, 0], class_names=["road", "car"])
    found = cm.compute().top_confusions(2)
    assert found[0] == ("road", "car", 3, 0.3)
    assert found[1] == ("road", "(none)", 2, 0.2)
    assert len(cm.compute().top_confusions()) == 3


def test_normalized() -> None:
    """Rows, columns or everything sum to one; what is nowhere is NaN."""
    scores = counted([[3, 1, 0], [1, 3, 0], [0, 0, 0]]).compute()
    assert_array_equal(scores.normalized()[:2, :2], [[0.75, 0.25], [0.25, 0.75]])
    assert np.isnan(scores.normalized()[2]).all()
    assert np.isnan(scores.normalized("preds")[:, 2]).all()
    assert scores.normalized("all").sum() == 1


def test_images() -> None:
    """Two images: the mean of images is not the score of the data set, and the worst come first."""
    cm = ConfusionMatrix(3, per_image=True)
    cm.update(np.array([[0, 0, 0, 0]], np.uint8), np.array([[0, 0, 0, 1]], np.uint8))
    cm.update(np.array([[1, 1]], np.uint8), np.array([[1, 1]], np.uint8))
    scores = cm.compute()
    assert_array_equal(scores.images.iou, [[0.75, 0.0, np.nan], [np.nan, 1.0, np.nan]])
    assert scores.images.miou.tolist() == [0.375, 1.0]
    assert scores.images.pixel_accuracy.tolist() == [0.75, 1.0]
    assert scores.miou == (0.75 + 2 / 3) / 2
    assert cm.compute(mean="image").miou == 0.6875
    assert cm.compute(mean="class_image").miou == (0.75 + 0.5) / 2
    assert scores.images.worst(1) == [(0, 0.375)]
    assert scores.images.quantile(0.5) == 0.6875
    with pytest.raises(ValueError, match="per_image=True"):
        counted([[1]]).compute().images  # noqa: B018


def test_images_follow_the_policies() -> None:
    """Predictions of no class, absent and ignored classes count in an image as in the data set."""
    for policy in ("miss", "drop"):
        cm = ConfusionMatrix(2, per_image=True, invalid_preds=policy, ignore_index=255)
        cm.update(np.array([[0, 9, 1, 1]], np.uint8), np.array([[0, 0, 255, 255]], np.uint8))
        for absent in ("exclude", 0.0):
            scores = cm.compute(absent=absent)
            assert scores.images.miou[0] == scores.miou


def test_bootstrap() -> None:
    """It holds the score, is the same for the same seed, and is a point for equal images."""
    random = np.random.default_rng(0)
    cm = ConfusionMatrix(3, per_image=True)
    for _ in range(20):
        target = random.integers(0, 3, (8, 8))
        preds = np.where(random.random((8, 8)) < random.random(), 0, target)
        cm.update(preds, target)
    images = cm.compute().images
    low, high = images.bootstrap(200)
    assert low < cm.compute().miou < high
    assert images.bootstrap(200) == (low, high)
    assert images.bootstrap(200, level=0.5)[0] > low
    same = ConfusionMatrix(2, per_image=True)
    for _ in range(3):
        same.update(np.array([[0, 1]], np.uint8), np.array([[0, 0]], np.uint8))
    assert same.compute().images.bootstrap(50) == (0.25, 0.25)
    bad: list[tuple[dict[str, Any], str]] = [({"level": 1.0}, "level"), ({"samples": 0}, "samples")]
    for options, message in bad:
        with pytest.raises(ValueError, match=message):
            images.bootstrap(**options)


def test_large_counts_lose_nothing() -> None:
    """Kappa and MCC of counts whose products are beyond int64 and float64's integers."""
    small = counted([[6, 2], [1, 9]]).compute()
    large = counted(np.array([[6, 2], [1, 9]]) * 10**17).compute()
    assert large.kappa == small.kappa
    assert large.mcc == pytest.approx(small.mcc)
    assert large.mean("dice", "micro") == small.mean("dice", "micro")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"absent": "zero"}, "absent must be one of"),
        ({"absent": 2.0}, "absent must be"),
        ({"predicted_only": "drop"}, "predicted_only must be one of"),
        ({"mean": "pixels"}, "mean must be one of"),
        ({"dialect": "matlab"}, "dialect must be one of 'mmseg'"),
        ({"dialect": "voc", "absent": 0.0}, "dialect='voc' decides"),
    ],
)
def test_bad_policies(options: dict[str, Any], message: str) -> None:
    """An unknown policy is an error with the allowed ones."""
    with pytest.raises(ValueError, match=message):
        counted([[1]]).compute(**options)


def test_bad_score_arguments() -> None:
    """Names, averages and beta are checked."""
    scores = scores_of()
    for call, message in [
        (lambda: scores.mean("jaccard"), "name must be one of"),  # type: ignore[arg-type]
        (lambda: scores.mean("iou", "samples"), "average must be one of"),  # type: ignore[arg-type]
        (lambda: scores.fbeta(0), "beta must be a positive number"),
        (lambda: scores.normalized("rows"), "over must be one of"),  # type: ignore[arg-type]
        (lambda: scores.to_json(layout="coco"), "layout must be one of"),  # type: ignore[arg-type]
        (lambda: scores.plot("pie"), "kind must be one of"),  # type: ignore[arg-type]
    ]:
        with pytest.raises(ValueError, match=message):
            call()  # type: ignore[no-untyped-call]


def test_torchmetrics_subclass() -> None:
    """As a torchmetrics.Metric: updates, forward, reset, merging, checkpoints, plain scores."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchmetrics")
    from segpost.torchmetrics import ConfusionMatrix as Metric

    random = np.random.default_rng(1)
    preds, target = torch.from_numpy(random.integers(0, 4, (2, 3, 16, 16)))
    target[0, 0] = 255
    metric, plain = Metric(4, ignore_index=255), ConfusionMatrix(4, ignore_index=255)
    for p, t in zip(preds, target, strict=True):
        batch = metric(p, t)
        one = ConfusionMatrix(4, ignore_index=255)
        one.update(p, t)
        assert float(batch) == one.compute().miou
    plain.update(preds, target)
    assert metric.confusion_matrix() == plain
    assert float(metric.compute()) == plain.compute().miou
    other = Metric(4, ignore_index=255, score="matrix")
    other.update(preds, target)
    other.merge_state(metric)
    assert_array_equal(other.compute().numpy(), 2 * plain.matrix)
    metric.persistent(True)
    copied = Metric(4, ignore_index=255)
    copied.load_state_dict(metric.state_dict())
    assert copied.confusion_matrix() == plain
    metric.reset()
    assert metric.confusion_matrix().pixels == 0
    with pytest.raises(ValueError, match="score must be one of"):
        Metric(4, score="accuracy")


def test_recipes_of_other_libraries() -> None:
    """What a Hugging Face `compute_metrics` and an mmseg metric hand over is counted as it is."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(2, 4, 8, 8)).astype(np.float32)  # EvalPrediction.predictions
    label_ids = random.integers(0, 4, (2, 32, 32))
    cm = ConfusionMatrix(4, ignore_index=255)
    cm.update(preds=logits, target=label_ids)
    labels = segpost.argmax(logits, size=(32, 32))
    assert cm.matrix.diagonal().sum() == (labels == label_ids).sum()
