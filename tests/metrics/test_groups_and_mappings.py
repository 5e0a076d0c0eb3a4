"""Trees of classes, and predicted ids that count as other classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from segpost import ConfusionMatrix

NAMES = ["road", "car", "truck", "bus", "sky"]
TREE: dict[str, Any] = {
    "ground": ["road"],
    "vehicle": {"small": ["car"], "large": ["truck", "bus"]},
}


def maps(classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Predictions, of which some are no class, and their target with void."""
    random = np.random.default_rng(0)
    target = random.integers(0, 5, (3, 20, 20))
    preds = np.where(
        random.random(target.shape) < 0.5, target, random.integers(0, classes, (20, 20))
    )
    target[:, :2] = 255
    return preds, target


def counted(**options: Any) -> ConfusionMatrix:
    """The counts of the maps, image by image."""
    cm = ConfusionMatrix(5, ignore_index=255, class_names=NAMES, per_image=True, **options)
    preds, target = maps(8)
    cm.update(preds=preds, target=target, ids=list("abc"))
    return cm


def test_every_group_of_a_tree_has_its_iou() -> None:
    """That of its classes together, as if they were one; and every level has a mean."""
    scores = counted(groups=TREE).compute()
    names = ["ground", "vehicle", "vehicle/small", "vehicle/large"]
    assert list(scores.category_iou) == names
    for name, classes in zip(names, ((0,), (1, 2, 3), (1,), (2, 3)), strict=True):
        preds, target = maps(8)
        one = ConfusionMatrix(2, ignore_index=255)
        merged = np.where(target == 255, 255, np.isin(target, classes))
        one.update(preds=np.isin(preds, classes).astype(int), target=merged)
        assert scores.category_iou[name] == one.compute().iou[1]
    iou = scores.category_iou
    small, large = iou["vehicle/small"], iou["vehicle/large"]
    assert scores.level_means == (
        (iou["ground"] + iou["vehicle"]) / 2,
        (small + large) / 2,
    )
    assert scores.mean_category_iou == scores.level_means[0]
    assert f"mean of level 2 {scores.level_means[1]:.4f}" in " ".join(str(scores).split())


def test_a_tree_is_saved_and_compared() -> None:
    """JSON and settings keep it; flat groups are as before."""
    cm = counted(groups=TREE)
    again = ConfusionMatrix.from_json(cm.to_json())
    assert again == cm
    assert again.groups == {"ground": (0,), "vehicle": {"small": (1,), "large": (2, 3)}}
    assert again.compute().category_iou == cm.compute().category_iou
    flat = counted(groups={"ground": [0], "vehicle": [1, 2, 3]})
    assert flat.settings()["groups"] == {"ground": [0], "vehicle": [1, 2, 3]}
    assert flat.compute().level_means == (flat.compute().mean_category_iou,)
    assert flat.compute().category_iou["vehicle"] == cm.compute().category_iou["vehicle"]


@pytest.mark.parametrize(
    ("groups", "sentence"),
    [
        ({"a": {"b": [1]}, "c": [1]}, "'c' has class 1, which is in two groups or twice"),
        ({"a": {"b": [1]}, "a/b": [2]}, "'a/b' is the name of two groups"),
        ({"a": {"b": 1}}, r"'b': 1; one class is a list, too: \[1\]"),
        ({"a": {"b": ["tram"]}}, "tram"),
        ({"a": "tram"}, r"one class is a list, too: \['tram'\]"),
    ],
)
def test_trees_that_cannot_be(groups: Any, sentence: str) -> None:
    """A class is in one group, and a group has one name."""
    with pytest.raises((ValueError, TypeError), match=sentence):
        ConfusionMatrix(5, class_names=NAMES, groups=groups)


@pytest.mark.parametrize("mapping", [{2: 1, 3: 1}, {"bus": "truck"}, {5: 4, 6: 0}, {0: 1, 1: 0}])
def test_mapped_predictions_are_those_of_mapped_maps(mapping: dict[Any, Any]) -> None:
    """The product on the counts is what counting mapped label maps gives, image by image too."""
    preds, target = maps(8)
    numbers = {
        NAMES.index(k) if isinstance(k, str) else k: NAMES.index(v) if isinstance(v, str) else v
        for k, v in mapping.items()
    }
    mapped = np.vectorize(lambda label: numbers.get(label, label))(preds)
    expected = ConfusionMatrix(5, ignore_index=255, class_names=NAMES, per_image=True)
    expected.update(preds=mapped, target=target, ids=list("abc"))
    cm = counted()
    before = cm.to_json()
    scores = cm.compute(mapping=mapping)
    np.testing.assert_array_equal(scores.table.class_rows, expected.compute().table.class_rows)
    assert dict(scores.snapshot.outside) == expected.outside
    np.testing.assert_array_equal(scores.images.miou, expected.compute().images.miou)
    other = cm.compute("mmseg", mapping=mapping).miou
    assert other == expected.compute("mmseg").miou
    assert cm.to_json() == before


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        ({0: 5}, r"must lead to 0\.\.4, got 0: 5"),
        ({"tram": 0}, "tram"),
        ({0: "brus"}, "did you mean 'bus'"),
        ({5000: 0}, "told apart below 1024"),
        ([1, 0], "must be a dict"),
        ({0.5: 1}, "must be an integer"),
    ],
)
def test_mappings_that_cannot_be(mapping: Any, sentence: str) -> None:
    """From ids or names to classes."""
    with pytest.raises((ValueError, TypeError), match=sentence):
        counted().compute(mapping=mapping)
