"""The C functions check their arguments as the Python functions do: a wrong call has a status."""

from __future__ import annotations

import ctypes
import re
from typing import Any

import numpy as np
import pytest
from capi_table import CrfOptions, Options, argmax, call, table

import segpost


@pytest.mark.parametrize("grid", range(3))
@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "int8", "int32"])
def test_any_type_stride_and_grid_has_pythons_labels(grid: int, kind: str) -> None:
    """Channels last, flipped and of every type: the labels are segpost.argmax's."""
    rng = np.random.default_rng(grid)
    values = (50 * rng.normal(size=(2, 7, 9, 5))).astype(kind)
    logits = values.transpose(0, 3, 1, 2)[:, :, ::-1]
    name = segpost._core.sampling.GRIDS[grid]
    for size in ((7, 9), (23, 31), (3, 4), (1, 1)):
        labels = np.empty((2, *size), np.int32)
        assert argmax(logits, labels, grid=grid) == (0, "")
        np.testing.assert_array_equal(labels, segpost.argmax(logits, size=size, grid=name))  # type: ignore[call-overload]


def test_wrong_arguments_are_refused_before_anything_is_read() -> None:
    """Shapes, types, strides, options: a sentence each, and nothing is written."""
    logits = np.zeros((1, 3, 4, 5), np.float32)
    labels = np.full((1, 8, 10), 9, np.uint8)
    odd = np.lib.stride_tricks.as_strided(logits, strides=(240, 80, 20, 2))
    cases: list[tuple[np.ndarray, np.ndarray, dict[str, Any], str]] = [
        (logits[0], labels, {}, "logits must have 4 dimensions, got 3"),
        (logits.astype(np.int64), labels, {}, "logits must be of dtype float32, .*got int64"),
        (odd, labels, {}, "logits is not aligned"),
        (logits[:, :0], labels, {}, r"logits have no classes: shape \(1, 0, 4, 5\)"),
        (logits, labels[:, :, ::2], {}, "labels must have adjacent pixels"),
        (logits, labels.astype(np.float32), {}, "labels must be of dtype uint8, int32, got float"),
        (logits, np.concatenate([labels] * 2), {}, "labels are of 2 images, logits of 1"),
        (logits, labels, {"grid": 3}, "grid is unknown: 3"),
        (logits, labels, {"scale": -1.0}, "scale must be positive"),
        (logits, labels, {"has_threshold": 1}, "threshold is for logits of one class, got 3"),
        (logits, labels, {"struct_size": 4000}, "options have struct_size 4000"),
    ]
    for given, out, options, message in cases:
        status, said = argmax(given, out, **options)
        assert status == 1
        assert re.search(message, said), said
        assert (out == 9).all()


OPTIONS_OF_ARGMAX = Options(struct_size=ctypes.sizeof(Options))


def crf_options(**options: float) -> CrfOptions:
    return CrfOptions(struct_size=ctypes.sizeof(CrfOptions), **options)


def overlapping(shape: tuple[int, ...], dtype: Any, strides: tuple[int, ...]) -> np.ndarray:
    """An output in memory of fives, whose elements share places."""
    memory = np.full(4000, 5, np.uint8).view(dtype)
    return np.lib.stride_tricks.as_strided(memory, shape, strides)


def test_outputs_that_overlap_themselves_are_refused() -> None:
    """A stride of 0, or one shorter than a row: of every function that writes an array."""
    logits, image = np.zeros((1, 3, 4, 5), np.float32), np.zeros((1, 4, 5, 3), np.uint8)
    labels, palette = np.zeros((1, 4, 5), np.uint8), np.zeros((3, 3), np.uint8)
    spread = np.full((3, 4, 5), 1 / 3, np.float32)
    where, half = palette.ctypes.data, None
    for row in (0, 1, 4):
        maps = overlapping((1, 4, 5), np.uint8, (20, row, 1))
        colors = overlapping((1, 4, 5, 3), np.uint8, (60, 3 * row, 3, 1))
        scores = overlapping((1, 3, 4, 5), np.float32, (240, 80, 4 * row, 4))
        calls: list[tuple[str, tuple[Any, ...], np.ndarray]] = [
            ("argmax", (logits, OPTIONS_OF_ARGMAX, maps, None, None, None), maps),
            ("softmax", (logits, OPTIONS_OF_ARGMAX, scores), scores),
            ("colorize", (labels, where, 3, colors), colors),
            ("overlay", (image, labels, where, 3, half, 0, 0, colors), colors),
            ("dense_crf", (spread, image[0], crf_options(), scores[0]), scores),
        ]
        for name, arguments, out in calls:
            before = out.tobytes()
            status, said = call(name, *arguments)
            assert (status, "overlaps itself" in said) == (1, True), (name, row, said)
            assert out.tobytes() == before


def test_counts_must_fit_the_logits_and_their_type() -> None:
    """Classes as many as the matrix has, and tables at an address of their type."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(1, 21, 4, 5)).astype(np.float32)
    target = np.zeros((1, 4, 5), np.uint8)
    memory = np.full(8 * 23 * 22 + 8, 7, np.uint8)
    counts = memory.ctypes.data + (-memory.ctypes.data) % 8
    before = memory.tobytes()
    ignored = np.array([254, 255])

    def count(array: np.ndarray, classes: int, at: int, void: int = 0) -> tuple[int, str]:
        given = array, OPTIONS_OF_ARGMAX, target, classes, void or ignored.ctypes.data, 2, at
        return call("confusion_matrix_of_logits", *given)

    refused = {
        "logits have 21 classes, the counts are of 5": count(logits, 5, counts),
        "logits have 21 classes, the counts are of 22": count(logits, 22, counts),
        "logits have one class, so every label would be 0": count(logits[:, :1], 1, counts),
        "counts is not aligned.*of 8 bytes": count(logits, 21, counts + 1),
        "counts is missing": count(logits, 21, 0),
        "ignored is not aligned": count(logits, 21, counts, ignored.ctypes.data + 4),
    }
    labels = "confusion_matrix", target, target, 21, None, 0
    refused["counts is not aligned.*8 byte"] = call(*labels, counts + 4)
    for text, (status, said) in refused.items():
        assert status == 1
        assert re.match(text, said), said
    assert memory.tobytes() == before
    assert count(logits, 21, counts) == (0, "")


def test_labels_of_one_class_need_a_threshold() -> None:
    """As in Python: the label of every pixel would be 0."""
    logits = np.full((1, 1, 4, 5), 3.0, np.float32)
    labels = np.zeros((1, 4, 5), np.uint8)
    status, said = argmax(logits, labels)
    assert (status, said.startswith("logits have one class")) == (1, True)
    assert argmax(logits, labels, has_threshold=1, threshold=2.0) == (0, "")
    assert (labels == 1).all()


def test_numbers_of_the_crf_have_the_limits_of_python() -> None:
    """Weights and sigmas beyond them would give NaN; one label has nothing to refine."""
    spread = np.full((2, 4, 5), 0.5, np.float32)
    image, out = np.zeros((4, 5, 3), np.uint8), np.full((2, 4, 5), 9, np.float32)
    for options, text in (
        ({"gaussian_weight": 1e46}, "gaussian_weight must be in -1e6..1e6"),
        ({"gaussian_weight": 1.1e6}, "gaussian_weight must be in"),
        ({"bilateral_weight": 2e6}, "bilateral_weight must be in"),
        ({"bilateral_weight": float("nan")}, "bilateral_weight must be finite"),
        ({"gaussian_sigma": 1e31}, "gaussian_sigma must be positive, in 1e-30..1e30"),
        ({"bilateral_sigma": -1.0}, "bilateral_sigma must be positive"),
        ({"bilateral_rgb": 1e31}, "bilateral_rgb is too large"),
    ):
        status, said = call("dense_crf", spread, image, crf_options(**options), out)
        assert (status, text in said) == (1, True), said
    status, said = call("dense_crf", spread[:1], image, crf_options(), out[:1])
    assert (status, "at least two labels, got 1" in said) == (1, True)
    assert (out == 9).all()
    given = crf_options(gaussian_weight=1e6, bilateral_weight=-1.0)
    assert call("dense_crf", spread, image, given, out) == (0, "")
    assert np.isfinite(out).all()


def test_the_number_of_threads_is_bounded() -> None:
    """Any number is taken as the nearest of 1 to 1024; no thread starts before there is work."""
    before = table().num_threads()
    try:
        for asked, used in ((3000, 1024), (2**31 - 1, 1024), (0, 1), (-5, 1), (7, 7)):
            table().set_num_threads(asked)
            assert table().num_threads() == used
    finally:
        table().set_num_threads(before)


def test_weights_of_colors_are_checked() -> None:
    """Between 0 and 1, at the address of a double."""
    image, labels = np.zeros((1, 4, 5, 3), np.uint8), np.zeros((1, 4, 5), np.uint8)
    palette, out = np.zeros((3, 3), np.uint8), np.full((1, 4, 5, 3), 9, np.uint8)
    for weights, count, shift, text in (
        ([0.5, 1.5, 0.5], 3, 0, "alpha must be in 0..1"),
        ([0.5, float("nan"), 0.5], 3, 0, "alpha must be in 0..1"),
        ([0.5, 0.5, 0.5], 2, 0, "alpha must be 1 number or 3, got 2"),
        ([0.5, 0.5, 0.5], 1, 4, "alpha is not aligned"),
    ):
        alpha = np.array(weights)
        given = palette.ctypes.data, 3, alpha.ctypes.data + shift, count, 0
        status, said = call("overlay", image, labels, *given, out)
        assert (status, text in said) == (1, True), said
    assert (out == 9).all()
