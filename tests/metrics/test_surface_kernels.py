"""The operation surface_distances of every backend beside its definition."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import FAST, switch
from label_maps import ignored, label_map
from numpy.testing import assert_array_equal

import segpost
from segpost._backends import registry
from segpost._core.distance_contract import ELEMENTS, SurfaceDistances

Array = np.ndarray


def measured(
    name: str,
    preds: Array,
    target: Array,
    classes: int,
    void: Array,
    spacing: tuple[float, float, float],
    volume: bool,
    elements: str,
) -> tuple[SurfaceDistances, ...]:
    """What a backend returns."""
    for _ in switch(name):
        return registry.backend().surface_distances(
            preds, target, classes, void, spacing, volume, elements
        )
    raise AssertionError(name)


@pytest.mark.parametrize("backend_name", FAST)
@pytest.mark.parametrize("elements", ELEMENTS)
def test_distances_are_those_of_the_definition(backend_name: str, elements: str) -> None:
    """Maps of all types and strides, images and volumes: the same bits in the same order."""
    random = np.random.default_rng(3)
    for case in range(8):
        classes = int(random.choice([1, 2, 5, 20, 256]))
        volume = case % 3 == 0
        depth, height, width = random.integers(1, 12 if volume else 30, 3).tolist()
        shape = (depth if volume else 1, height, width)
        preds, target = (
            label_map(random, shape, min(classes + 1, 4), wild=case % 4 == 0) for _ in range(2)
        )
        if case % 5 == 0:  # few and far
            preds, target = preds * 0, target * 0
            preds.flat[0], target.flat[-1] = 1, 1
        void = ignored(random, classes)
        steps = random.choice([1.0, 0.3, 7.5], 3).tolist()
        spacing = (steps[0], steps[1], steps[2])
        wanted, found = (
            measured(name, preds, target, classes, void, spacing, volume, elements)
            for name in ("reference", backend_name)
        )
        for side in (0, 1):
            where = f"{case} {classes} {shape} {target.dtype} {void} {spacing}"
            assert_array_equal(wanted[side].offsets, found[side].offsets, where)
            assert_array_equal(wanted[side].distances, found[side].distances, where)
            assert_array_equal(wanted[side].codes, found[side].codes, where)
            assert found[side].codes.dtype == np.uint8


def test_far_surfaces_are_found(fast_backend: str) -> None:
    """Blobs far from each other, on more rows than a strip has: distances are those of SciPy."""
    tree = pytest.importorskip("scipy.spatial").cKDTree
    random = np.random.default_rng(1)
    preds, target = np.zeros((2, 1, 700, 900), np.uint8)
    for labels in (preds, target):
        for y, x in random.integers(0, 640, (12, 2)):
            labels[0, y : y + random.integers(2, 60), x : x + random.integers(2, 60)] += 1
    spacing = (1.0, 0.37, 1.9)
    sides = registry.backend().surface_distances(
        preds, target, 4, np.empty(0, np.int64), spacing, False, "surfaces"
    )
    for c in range(2):
        points = []
        for labels in (preds, target):
            inside = np.pad(labels[0] == c, 1)
            inner = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
            points.append(np.argwhere(inside[1:-1, 1:-1] & ~inner) * spacing[1:])
        for side, (own, other) in zip(sides, (points, points[::-1]), strict=True):
            found = side.distances[side.offsets[c] : side.offsets[c + 1]]
            np.testing.assert_allclose(found, tree(other).query(own)[0], rtol=1e-12)
            assert found.max() > (20 if c else 0)
    assert sides[0].offsets[4] == len(sides[0].distances)


def test_threads_change_nothing() -> None:
    """The same bytes by one thread and by three."""
    random = np.random.default_rng(2)
    preds, target = random.integers(0, 5, (2, 600, 2, 450)).astype(np.uint8).swapaxes(1, 2)
    target[:300] = preds[:300]
    before, results = segpost.num_threads(), []
    try:
        for threads in (1, 3):
            segpost.set_num_threads(threads)
            for elements in ("surfaces", "corners"):
                measure = registry.backend().surface_distances
                empty = np.empty(0, np.int64)
                image = measure(preds[:1], target[:1], 5, empty, (1, 1, 2), False, elements)
                volume = measure(
                    preds[290:310], target[290:310], 5, empty, (1, 1, 2), True, elements
                )
                results.append([part.tobytes() for side in (*image, *volume) for part in side])
    finally:
        segpost.set_num_threads(before)
    assert results[:2] == results[2:]
