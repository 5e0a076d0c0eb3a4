"""InstanceIoU and its kernel, for every backend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import FAST, scene, switch
from label_maps import ignored, label_map
from numpy.testing import assert_array_equal

import segpost
from segpost import InstanceIoU
from segpost._backends import registry
from segpost.metrics.instances import CITYSCAPES_GROUPS, CITYSCAPES_THINGS


@pytest.mark.parametrize("backend_name", FAST)
def test_kernel_is_that_of_the_definition(backend_name: str) -> None:
    """150 triples of maps of all types and strides: no count differs."""
    random = np.random.default_rng(8)
    for case in range(150):
        classes = int(random.choice([1, 2, 5, 19, 300]))
        n, h, w = (int(random.integers(1, top)) for top in (3, 60, 60))
        shape = (n, h, w)
        preds, target = (label_map(random, shape, classes + 1, wild=case % 3 == 0) for _ in "pt")
        instances = label_map(random, shape, 40)
        groups = random.integers(0, 3, classes)
        void = ignored(random, classes)
        results = []
        for name in ("reference", backend_name):
            counts = np.zeros((40, 4), np.int64)
            for _ in switch(name):
                registry.backend().instance_counts(preds, target, instances, groups, void, counts)
            results.append(counts)
        assert_array_equal(results[0], results[1])


def cityscapes_maps(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predictions, trainIds and instanceIds like those of a street."""
    random = np.random.default_rng(seed)
    labels = segpost.argmax(scene(19, 60, 90, seed))
    instances = labels.astype(np.int32)
    for number in range(30):
        y, x, h, w = random.integers(0, 50, 4)
        kind = int(random.integers(11, 19))
        labels[y : y + h // 4 + 1, x : x + w // 4 + 1] = kind
        instances[y : y + h // 4 + 1, x : x + w // 4 + 1] = 1000 * (kind + 13) + number
    preds = np.where(random.random(labels.shape) < 0.3, np.roll(labels, 3, axis=1), labels)
    labels[:5] = 255
    return preds, labels, instances


def test_iiou_is_that_of_cityscapes(backend: str) -> None:
    """Weighted hits and misses of every instance, as the benchmark's evaluation defines them."""
    measure = InstanceIoU.cityscapes()
    hits, misses = np.zeros(19), np.zeros(19)
    matrix = np.zeros((19, 19))
    grouped = {name: [0.0, 0.0] for name in ("human", "vehicle")}
    for seed in (1, 2):
        preds, target, instances = cityscapes_maps(seed)
        measure.update(preds=preds, target=target, instances=instances)
        np.add.at(matrix, (target[target < 19], preds[target < 19]), 1)
        for one in np.unique(instances[(instances >= 1000) & (target < 19)]):
            mask = (instances == one) & (target < 19)
            c = int(target[mask][0])
            weight = CITYSCAPES_THINGS[c] / mask.sum()
            right = (preds[mask] == c).sum()
            hits[c] += right * weight
            misses[c] += (mask.sum() - right) * weight
            for name, sums in grouped.items():
                if c in CITYSCAPES_GROUPS[name]:
                    right = np.isin(preds[mask], CITYSCAPES_GROUPS[name]).sum()
                    sums[0] += right * weight
                    sums[1] += (mask.sum() - right) * weight
    scores = measure.compute()
    for c in range(19):
        wrong = matrix[:, c].sum() - matrix[c, c]
        wanted = hits[c] / (hits[c] + misses[c] + wrong) if c in CITYSCAPES_THINGS else np.nan
        assert scores.iiou[c] == pytest.approx(wanted, nan_ok=True)
    for name, (good, bad) in grouped.items():
        own = list(CITYSCAPES_GROUPS[name])
        others = [c for c in range(19) if c not in own]
        wrong = matrix[np.ix_(others, own)].sum()
        assert scores.category_iiou[name] == pytest.approx(good / (good + bad + wrong))
    assert list(scores.category_iiou) == ["human", "vehicle"]


def test_parts_add_up_and_are_saved() -> None:
    """Images counted apart, in any order, give the same bytes and the same score."""
    parts = []
    for seed in (3, 4, 5):
        measure = InstanceIoU.cityscapes()
        measure.update(*cityscapes_maps(seed))
        parts.append(measure)
    whole = InstanceIoU.cityscapes()
    whole.update(*zip(*(cityscapes_maps(seed) for seed in (5, 3, 4)), strict=True))
    merged = parts[0] + parts[1] + parts[2]
    assert merged.to_json() == (parts[2] + parts[0] + parts[1]).to_json() == whole.to_json()
    assert InstanceIoU.from_json(whole.to_json()) == whole
    assert merged.compute().mean_iiou == whole.compute().mean_iiou


def test_ids_may_be_large() -> None:
    """Ids that no table could hold count as small ones do."""
    preds, target, instances = cityscapes_maps(6)
    small, large = InstanceIoU.cityscapes(), InstanceIoU.cityscapes()
    small.update(preds, target, instances)
    wide = instances.astype(np.int64)
    large.update(preds, target, np.where(instances >= 1000, wide + 2**40, wide))
    assert small == large


def test_bad_instances_are_named() -> None:
    """Several classes in one instance, negative ids, other shapes: nothing is counted."""
    measure = InstanceIoU(2, things={1: 9.0})
    target = np.array([[0, 1, 1]], np.uint8)
    for instances, message in [
        (np.array([[7, 7, 0]], np.uint8), "instances: 7 has target pixels of several classes"),
        (np.array([[-1, 0, 0]], np.int8), "instances must not be negative, got -1"),
        (np.array([[1], [2], [2]], np.uint8), "do not fit"),
        (np.array([[1, 2]], np.uint8), r"instances of shape \(1, 2\) do not fit"),
        ([target, target], "instances has 2 maps for 1 targets"),
    ]:
        with pytest.raises(ValueError, match=message):
            measure.update(target, target, instances)
    with pytest.raises(TypeError, match="instances must be integers"):
        measure.update(target, target, np.array([[1, 2, 3]], np.float32))
    assert measure == InstanceIoU(2, things={1: 9.0})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"things": {2: 1.0}}, "things has class 2"),
        ({"things": {1: 0.0}}, "mean size of class 1 must be positive"),
        ({"things": {1: 5.0}, "first_id": -1}, "first_id must be"),
    ],
)
def test_bad_arguments(options: dict[str, Any], message: str) -> None:
    """Arguments are checked when the measure is made."""
    with pytest.raises(ValueError, match=message):
        InstanceIoU(2, **options)
