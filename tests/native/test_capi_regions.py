"""Regions through the C interface: the same measures and codes as from Python."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from capi_table import Report, strided, table
from conftest import NATIVE

import segpost

pytestmark = pytest.mark.skipif(not NATIVE, reason="no native backend")
BAD_ARGUMENT = 1
REGION = np.dtype(
    [(name, np.int64) for name in ("image", "label", "area", "x", "y", "width", "height")]
    + [("centroid_x", np.float64), ("centroid_y", np.float64)]
)
Array = np.ndarray[Any, Any]


def call(name: str, *arguments: Any) -> tuple[int, int, str]:
    """Status, number in the report and its message; arrays are passed by their address."""
    report = Report()
    places = [arg.ctypes.data if isinstance(arg, np.ndarray) else arg for arg in arguments]
    status = getattr(table(), name)(*places, ctypes.byref(report))
    return status, report.bad, report.message.decode()


def find(labels: Array) -> Array:
    """The regions of labels (N, H, W)."""
    view, count = strided(labels), np.zeros(1, np.int64)
    status, needed, message = call("regions", ctypes.byref(view), None, 0, count)
    if needed:
        assert status == BAD_ARGUMENT
        assert message == f"regions are {needed}, and the capacity is 0"
    out = np.zeros(needed, REGION)
    assert call("regions", ctypes.byref(view), out, needed, count)[0] == 0
    assert count[0] == needed
    return out


def codes(labels: Array, regions: int) -> list[bytes]:
    """The compressed strings of the regions of labels (N, H, W)."""
    view, ends = strided(labels), np.zeros(regions, np.int64)
    settings = ctypes.byref(view), None, 0, ends, regions
    status, needed, _ = call("region_counts", *settings)
    assert status == (BAD_ARGUMENT if regions else 0)
    counts = np.zeros(needed, np.int64)
    assert call("region_counts", settings[0], counts, needed, ends, regions)[0] == 0
    stops = np.zeros(regions, np.int64)
    status, needed, _ = call("compress_counts", counts, ends, regions, None, 0, stops)
    characters = np.zeros(needed, np.uint8)
    assert call("compress_counts", counts, ends, regions, characters, needed, stops)[0] == 0
    starts = [0, *stops.tolist()]
    return [characters[a:b].tobytes() for a, b in zip(starts, stops, strict=False)]


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_regions_are_those_of_python(dtype: str) -> None:
    """Measures and codes of a batch, of any strides; labels may be negative."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, (3, 12, 8)).repeat(3, axis=1).repeat(2, axis=2).astype(dtype)
    if dtype != "uint8":
        labels -= 2
    for given in (labels, labels[:, ::-1, ::2], labels.transpose(0, 2, 1)):
        found = find(given)
        texts = codes(given, len(found))
        first = 0
        for number, one in enumerate(given):
            wanted = segpost.regions(one)
            mine = found[first : first + len(wanted)]
            assert mine["image"].tolist() == [number] * len(wanted)
            np.testing.assert_array_equal(mine["label"], wanted.labels)
            np.testing.assert_array_equal(mine["area"], wanted.areas)
            boxes = np.stack([mine[name] for name in ("x", "y", "width", "height")], axis=1)
            np.testing.assert_array_equal(boxes, wanted.boxes)
            np.testing.assert_allclose(mine["centroid_x"], wanted.centroids[:, 0], rtol=1e-12)
            np.testing.assert_allclose(mine["centroid_y"], wanted.centroids[:, 1], rtol=1e-12)
            counts = [code["counts"] for code in wanted.rle()]
            assert texts[first : first + len(wanted)] == counts
            first += len(wanted)
        assert first == len(found)


def test_no_pixels() -> None:
    """Labels without pixels have no regions."""
    assert len(find(np.zeros((0, 4, 5), np.uint8))) == 0
    assert len(find(np.zeros((2, 0, 5), np.int32))) == 0
    assert codes(np.zeros((2, 4, 0), np.uint8), 0) == []


def test_bad_arguments() -> None:
    """Wrong types, missing tables and ends that decrease are refused in words."""
    floats, count = strided(np.zeros((1, 2, 2), np.float32)), np.zeros(1, np.int64)
    status, _, message = call("regions", ctypes.byref(floats), None, 0, count)
    assert (status, "labels" in message) == (BAD_ARGUMENT, True)
    view = strided(np.zeros((1, 2, 2), np.uint8))
    assert call("regions", ctypes.byref(view), None, 0, None)[2] == "count is missing"
    assert call("regions", ctypes.byref(view), None, 1, count)[2] == "regions is missing"
    status, needed, message = call("region_counts", ctypes.byref(view), None, 9, None, 0)
    assert (status, needed, message) == (BAD_ARGUMENT, 1, "regions are 1, and the capacity is 0")
    ends = np.array([2, 1], np.int64)
    message = call("compress_counts", ends, ends, 2, None, 0, ends)[2]
    assert message == "ends must not decrease"
