"""binarize through the C interface: the same bytes and counts as from Python."""

from __future__ import annotations

import ctypes
import math
from typing import Any

import numpy as np
import pytest
from capi_table import BinarizeOptions, Report, call, strided, table
from conftest import NATIVE, scene

import segpost
from segpost._core import rle
from segpost._core.sampling import Grid

pytestmark = pytest.mark.skipif(not NATIVE, reason="no native backend")
SIZE = (40, 61)
BAD_ARGUMENT, BAD_VALUES = 1, 2


def options(thresholds: np.ndarray | None = None, **fields: Any) -> BinarizeOptions:
    """Options with logits as thresholds."""
    if thresholds is not None:
        fields.update(thresholds=thresholds.ctypes.data, threshold_count=thresholds.size)
    made = BinarizeOptions(**{"struct_size": ctypes.sizeof(BinarizeOptions), **fields})
    made.memory = thresholds
    return made


def runs(logits: np.ndarray, given: BinarizeOptions, capacity: int) -> tuple[int, int, Any, Any]:
    """Status, number of bad values or counts, counts and ends."""
    counts, ends = np.zeros(capacity, np.int64), np.zeros(len(logits[0]), np.int64)
    report, view = Report(), strided(logits)
    status = table().binarize_runs(
        ctypes.byref(view),
        ctypes.byref(given),
        *SIZE,
        counts.ctypes.data,
        capacity,
        ends.ctypes.data,
        ctypes.byref(report),
    )
    return status, report.bad, counts, ends


def test_masks_and_bits() -> None:
    logits = scene(3, 9, 14)[None]
    cases: tuple[tuple[float, int, Grid], ...] = (
        (0.5, 0, "half_pixel"),
        (0.3, 1, "align_corners"),
    )
    for probability, grid, name in cases:
        level = np.array([math.log(probability / (1 - probability))] * 3)
        wanted = segpost.binarize(logits, size=SIZE, threshold=probability, grid=name)
        masks = np.full((1, 3, *SIZE), 9, np.uint8)
        assert call("binarize", logits, options(level, grid=grid), masks) == (0, "")
        np.testing.assert_array_equal(masks, wanted)
        bits = np.zeros((1, 3, SIZE[0], 8), np.uint8)
        given = options(level[:1], grid=grid, packed_width=SIZE[1])
        assert call("binarize", logits, given, bits) == (0, "")
        np.testing.assert_array_equal(bits, np.packbits(wanted, axis=-1))


def test_runs_are_coco_s_counts() -> None:
    logits = scene(3, 9, 14)[None]
    status, needed, *_ = runs(logits, options(), 1)
    assert status == BAD_ARGUMENT
    status, _, counts, ends = runs(logits, options(), needed)
    assert (status, ends[-1]) == (0, needed)
    codes = rle.split_codes(*rle.compress_counts(counts, ends))
    wanted = segpost.binarize(logits, size=SIZE, encoding="rle")[0]
    assert codes == [code["counts"] for code in wanted]


def test_quantized_logits() -> None:
    logits = np.random.default_rng(0).integers(-100, 100, (1, 2, 5, 6)).astype(np.int8)
    masks = np.zeros((1, 2, *SIZE), np.uint8)
    assert call("binarize", logits, options(scale=0.1, zero_point=7), masks) == (0, "")
    wanted = segpost.binarize(logits, size=SIZE, quantization=(0.1, 7))
    np.testing.assert_array_equal(masks, wanted)


def test_nan_is_reported() -> None:
    logits = scene(2, 5, 6)[None]
    logits[0, 1, 2, 3] = np.nan
    masks = np.zeros((1, 2, *SIZE), np.uint8)
    status, message = call("binarize", logits, options(), masks)
    assert status == BAD_VALUES
    assert message == "logits have 1 NaN, first at flat index 15"
    assert call("binarize", logits, options(nan=1), masks) == (0, "")
    np.testing.assert_array_equal(masks, segpost.binarize(logits, size=SIZE, nan="propagate"))


def test_bad_arguments() -> None:
    logits, masks = scene(2, 5, 6)[None], np.zeros((1, 2, *SIZE), np.uint8)
    three = np.zeros(3)
    for given, text in (
        (options(grid=9), "grid is unknown: 9"),
        (options(scale=-1.0), "scale must be positive and finite"),
        (options(three), "thresholds must be 1 number or 2, got 3"),
        (options(np.array([np.nan])), "thresholds have a NaN"),
        (options(packed_width=61), "masks of packed_width 61 have rows of 8 bytes, got 61"),
    ):
        status, message = call("binarize", logits, given, masks)
        assert status == BAD_ARGUMENT
        assert text in message
    status, message = call("binarize", logits, options(), masks[:, :1])
    assert status == BAD_ARGUMENT
    assert "masks must have the logits' images and classes" in message
