"""The operations of backends on detections: matches of an image, and precision of all images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from segpost._backends import reference, registry

Array = np.ndarray[Any, Any]
definition: Any = reference
RANGES = np.array([[0, 1e10], [0, 12], [12, 20], [20, 1e10]])
LIMITS = np.linspace(0.1, 0.9, 5)


def random_masks(random: np.random.Generator, count: int) -> list[Array]:
    """Offsets, columns, tops and bottoms of boxes in an image of 8 x 9, some of them empty."""
    masks = np.zeros((count, 9, 8), np.int8)  # columns first
    for mask in masks:
        (x0, x1), (y0, y1) = (np.sort(random.integers(0, side + 1, 2)) for side in mask.shape)
        mask[x0:x1, y0:y1] = random.random((x1 - x0, y1 - y0)) < random.choice([0.7, 1.0])
    steps = np.diff(np.pad(masks, ((0, 0), (0, 0), (1, 1))), axis=2)
    owner, column, top = np.nonzero(steps == 1)
    bottom = np.nonzero(steps == -1)[2]
    offsets = np.searchsorted(owner, np.arange(count + 1))
    return [offsets, *(values.astype(np.int32) for values in (column, top, bottom))]


def random_image(random: np.random.Generator) -> list[Any]:
    """The arguments of `match_masks`; scores and classes occur several times."""
    preds, true = random.integers(0, 12, 2)
    limits, ranges = LIMITS[: random.integers(1, 6)], RANGES[: random.integers(1, 5)]
    return [
        tuple(random_masks(random, preds)),
        random.integers(0, 3, preds),
        random.integers(0, 4, preds) / 4 - 0.5,
        tuple(random_masks(random, true)),
        random.integers(0, 3, true),
        random.integers(0, 40, true).astype(float),
        random.random(true) < random.choice([0.0, 0.3]),
        limits,
        ranges,
        int(random.integers(1, 6)),
    ]


def test_matches(backend: str) -> None:
    """Those of the definition, of images with crowds, equal scores and empty masks."""
    random = np.random.default_rng(0)
    operations: Any = registry.backend()
    for _ in range(150):
        arguments = random_image(random)
        found, expected = (one.match_masks(*arguments) for one in (operations, definition))
        for name, values in expected._asdict().items():
            assert getattr(found, name).dtype == values.dtype
            assert_array_equal(getattr(found, name), values, name)


@pytest.mark.parametrize("limits", [[0.5], np.linspace(0.2, 0.83, 64)])
def test_all_bits(backend: str, limits: Any) -> None:
    """A mask that is its own match has all bits, be they 1 or 64."""
    runs = tuple(random_masks(np.random.default_rng(1), 3))
    kinds = np.array([2, 0, 1])
    operations: Any = registry.backend()
    result = operations.match_masks(
        runs, kinds, np.ones(3), runs, kinds, np.ones(3), np.zeros(3, bool), np.array(limits),
        RANGES[:1], 100,
    )  # fmt: skip
    assert result.matched.tolist() == [(1 << len(limits)) - 1] * 3
    assert not result.ignored.any()
    assert result.targets.tolist() == [[1]] * 3


def test_precision(backend: str) -> None:
    """That of the definition; classes without detections, and without targets."""
    random = np.random.default_rng(2)
    operations: Any = registry.backend()
    recalls, most = np.linspace(0, 1, 11), np.array([1, 3])
    for _ in range(30):
        classes, ranges, limits = random.integers(1, 4, 3).tolist()
        counts = random.integers(0, 9, classes) * (random.random(classes) < 0.8)
        bounds = np.append(0, np.cumsum(counts))
        bits = random.integers(0, 1 << ranges * limits, (2, bounds[-1])).astype(np.uint64)
        arguments = (
            bounds,
            random.integers(0, 4, bounds[-1]),
            *bits,
            random.integers(0, 12, (classes, ranges)) * (random.random((classes, ranges)) < 0.8),
            recalls,
            most,
        )
        results = []
        for one in (operations, definition):
            precision = np.full((limits, len(recalls), classes, ranges, len(most)), 7.0)
            recall = np.full((limits, classes, ranges, len(most)), 7.0)
            one.compute_precision(*arguments, precision, recall)
            results.append((precision, recall))
        for found, expected in zip(*results, strict=True):
            assert_array_equal(found, expected)
