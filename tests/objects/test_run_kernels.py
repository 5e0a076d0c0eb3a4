"""The operations of backends on runs: components, contacts, runs between, and rings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.testing import assert_array_equal

from segpost._backends import reference, registry

Array = np.ndarray[Any, Any]
shapes = st.tuples(*[st.integers(1, most) for most in (3, 8, 8)])
volumes = shapes.flatmap(lambda shape: arrays.arrays(np.uint8, shape, elements=st.integers(0, 2)))
# The backend of a test stays the same for all its examples.
for_every_backend = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
definition: Any = reference


def runs_of_labels(volume: Array) -> tuple[list[int], list[Array]]:
    """The labels of a volume (D, H, W), and their runs as operations take them."""
    runs = definition.find_runs(volume)
    labels, counts = np.unique(runs.label, return_counts=True)
    order = np.argsort(runs.label, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return labels.tolist(), [offsets, runs.column[order], runs.top[order], runs.bottom[order]]


def boxes_of(runs: list[Array]) -> Array:
    """The box of every region of an image, (K, 4)."""
    offsets, column, top, bottom = runs
    first = offsets[:-1]
    x, y = column[first], np.minimum.reduceat(top, first)
    width = column[offsets[1:] - 1] + 1 - x
    return np.stack([x, y, width, np.maximum.reduceat(bottom, first) - y], axis=1).astype(np.int64)


def structure_of(connectivity: int) -> Array:
    """The neighbors of a pixel, as SciPy has them."""
    steps = np.abs(np.indices((3, 3, 3)) - 1)
    most = {4: 1, 8: 2, 6: 1, 18: 2, 26: 3}[connectivity]
    is_neighbor: Array = steps.sum(axis=0) <= most
    if connectivity in (4, 8):
        is_neighbor &= steps[0] == 0
    return is_neighbor


def assert_same(results: Any, expected: Any) -> None:
    """Arrays of the same types and values."""
    for array, other in zip(results, expected, strict=True):
        assert array.dtype == other.dtype
        assert_array_equal(array, other)


@for_every_backend
@given(volumes, st.sampled_from([4, 8, 6, 18, 26]))
def test_components_of_images_and_volumes(backend: str, volume: Array, connectivity: int) -> None:
    """As many as SciPy finds, numbered as in the definition."""
    ndimage = pytest.importorskip("scipy.ndimage")
    labels, runs = runs_of_labels(volume)
    operations: Any = registry.backend()
    arguments = (*runs, volume.shape[2], connectivity)
    component = operations.label_components(*arguments)
    assert_same([component], [definition.label_components(*arguments)])
    structure = structure_of(connectivity)
    count = sum(ndimage.label(volume == label, structure)[1] for label in labels)
    assert component.max() + 1 == count


@for_every_backend
@given(volumes)
def test_contacts_and_runs_between(backend: str, volume: Array) -> None:
    """Those of the definition."""
    _, runs = runs_of_labels(volume[:1])
    operations: Any = registry.backend()
    contacts = operations.count_contacts(*runs)
    assert_same([contacts], [definition.count_contacts(*runs)])
    between = operations.complement_runs(*runs, boxes_of(runs))
    assert_same(between, definition.complement_runs(*runs, boxes_of(runs)))


@for_every_backend
@given(volumes, volumes)
def test_shared_pixels(backend: str, volume: Array, other: Array) -> None:
    """Those of all pairs of labels of two maps, some of them of two sizes, and of empty regions."""
    sides = [runs_of_labels(one[:1])[1] for one in (volume, other)]
    for runs in sides:
        runs[0] = np.append(runs[0], runs[0][-1])  # a region without runs
    pairs = np.indices([len(runs[0]) - 1 for runs in sides]).reshape(2, -1)
    arguments = (*map(np.ascontiguousarray, pairs), *sides[0], *sides[1])
    operations: Any = registry.backend()
    found = operations.count_shared_pixels(*arguments)
    assert_same([found], [definition.count_shared_pixels(*arguments)])
    if volume.shape[1:] == other.shape[1:]:
        assert found.sum() == volume[0].size


@for_every_backend
@given(volumes, st.booleans(), st.booleans(), st.sampled_from([0.0, 0.5, 1.0, 2.5, 100.0]))
def test_rings(
    backend: str, volume: Array, keeps_corners: bool, is_whole: bool, tolerance: float
) -> None:
    """Point for point those of the definition, with pixels of no region and without."""
    labels, runs = runs_of_labels(volume[:1])
    _, height, width = volume.shape
    component = definition.label_components(*runs, width, 4)
    offsets, column, top, bottom = runs
    begin = 0 if is_whole or labels[0] != 0 else offsets[1]
    order = begin + np.lexsort([top[begin:], column[begin:]])
    arguments = (
        width,
        height,
        *(array[order] for array in (column, top, bottom, component)),
        keeps_corners,
        tolerance,
    )
    operations: Any = registry.backend()
    assert_same(operations.trace_rings(*arguments), definition.trace_rings(*arguments))


@for_every_backend
@given(volumes, st.integers(1, 12), st.integers(1, 12), st.sampled_from(["uint8", "int32"]))
def test_majority(backend: str, volume: Array, height: int, width: int, dtype: str) -> None:
    """Labels of the largest area, of several maps."""
    labels = volume.astype(dtype)
    out, expected = (np.empty((len(labels), height, width), dtype) for _ in range(2))
    operations: Any = registry.backend()
    operations.resize_majority(labels, 256, out)
    definition.resize_majority(labels, 256, expected)
    assert_array_equal(out, expected)
