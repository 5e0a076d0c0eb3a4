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
from segpost._core import rle

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


def joined(codes: list[bytes]) -> tuple[Array, Array]:
    """The characters of codes, and where each ends."""
    ends = np.cumsum([len(code) for code in codes], dtype=np.int64)
    return np.frombuffer(b"".join(codes), np.uint8), ends


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
@given(st.lists(st.integers(0, 6)), st.integers(0, 2))
def test_sort_groups(backend: str, numbers: list[int], more: int) -> None:
    """The stable order, and where groups begin; some of them are empty."""
    operations: Any = registry.backend()
    arguments = np.array(numbers, np.int32), max(numbers, default=-1) + 1 + more
    assert_same(operations.sort_groups(*arguments), definition.sort_groups(*arguments))


@for_every_backend
@given(volumes)
def test_runs_of_codes(backend: str, volume: Array) -> None:
    """The runs of masks come back from their codes."""
    codes = [rle.encode_mask(mask)["counts"] for mask in volume == 1]
    arguments = (*joined(codes), *volume.shape[1:])
    operations: Any = registry.backend()
    found = operations.decompress_runs(*arguments)
    assert_same(found[:4], definition.decompress_runs(*arguments)[:4])
    assert found[4] == -1
    runs = definition.find_runs(volume == 1)
    is_set = runs.label == 1
    mask, x = np.divmod(runs.column[is_set], volume.shape[2])
    assert_same(found[1:4], [x, runs.top[is_set], runs.bottom[is_set]])
    assert_array_equal(found[0], np.searchsorted(mask, np.arange(len(volume) + 1)))


@for_every_backend
@given(st.lists(st.binary(max_size=6) | st.text("0123P`o", max_size=6).map(str.encode), max_size=3))
def test_runs_of_any_text(backend: str, texts: list[bytes]) -> None:
    """Codes that are damaged, or of another size, or right."""
    arguments = (*joined([b"06", *texts]), 2, 3)
    operations: Any = registry.backend()
    *found, bad = operations.decompress_runs(*arguments)
    *expected, expected_bad = definition.decompress_runs(*arguments)
    assert_same(found, expected)
    assert bad == expected_bad


@pytest.mark.parametrize(
    ("counts", "size", "runs"),
    [
        ([1, 2, 0, 2, 1], (3, 2), [(0, 1, 3), (1, 0, 2)]),  # a count of 0 within a column or not
        ([0, 1, 0, 1, 4], (3, 2), [(0, 0, 2)]),
        ([2, 0, 0, 3, 1], (3, 2), [(0, 2, 3), (1, 0, 2)]),
        ([0, 6], (3, 2), [(0, 0, 3), (1, 0, 3)]),
        ([13, 1, 1], (3, 5), [(4, 1, 2)]),
        ([], (0, 4), []),
        ([5], (3, 2), None),
        ([2, 5, -1], (3, 2), None),
        ([3, 4], (3, 2), None),
        ([0, 6, 0, 2**40], (3, 2), None),
    ],
)
def test_runs_of_awkward_codes(
    backend: str, counts: list[int], size: tuple[int, int], runs: list[tuple[int, ...]] | None
) -> None:
    """Counts of 0, and codes of another size."""
    operations: Any = registry.backend()
    arguments = (*joined([rle.compress_mask(np.array(counts, np.int64))]), *size)
    *found, bad = operations.decompress_runs(*arguments)
    assert bad == (0 if runs is None else -1)
    assert [*zip(*(column.tolist() for column in found[1:]), strict=True)] == (runs or [])
    assert_same(found, definition.decompress_runs(*arguments)[:4])


@pytest.mark.parametrize("text", [b"0`", b"``", b"0p", b"0/", b"0" + 12 * b"`" + b"0"])
def test_damaged_texts(backend: str, text: bytes) -> None:
    """Codes that end within a number, have a foreign character, or too many digits."""
    operations: Any = registry.backend()
    *found, bad = operations.decompress_runs(*joined([b"6", text]), 2, 3)
    assert bad == 1
    assert_same(found, definition.decompress_runs(*joined([text]), 2, 3)[:4])


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
