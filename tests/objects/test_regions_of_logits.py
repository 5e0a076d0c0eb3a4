"""Regions of resized logits without a label map: the runs are those of the labels of argmax."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from logit_values import KINDS, adversarial
from numpy.testing import assert_array_equal

import segpost
from segpost._backends import registry
from segpost._core.contract import Logits
from segpost._core.sampling import GRIDS
from segpost.spatial.resampling import plan_resampling

Array = np.ndarray[Any, Any]
ndimage = pytest.importorskip("scipy.ndimage")


def smooth(random: np.random.Generator, shape: tuple[int, int, int]) -> Array:
    """Logits whose classes meet along lines, as those of a trained network."""
    noise = ndimage.gaussian_filter(random.normal(size=shape), (0, 1.2, 1.2))
    logits: Array = (noise * 30).astype(np.float32)
    return logits


def check(logits: Array, **settings: Any) -> None:
    """Compare the regions of logits with those of their label map, run by run."""
    labels = segpost.argmax(logits, **settings)
    regions, expected = segpost.regions(logits=logits, **settings), segpost.regions(labels)
    assert_array_equal(regions.labels, expected.labels)
    assert_array_equal(regions.areas, expected.areas)
    assert_array_equal(regions.boxes, expected.boxes)
    assert regions.rle() == expected.rle()


def test_sizes_of_cells(backend: str) -> None:
    """Cells of fewer and of more pixels than a vector, narrow, tall, and several tasks wide."""
    random = np.random.default_rng(0)
    sizes = [(9, 14), (12, 17), (40, 36), (31, 250), (300, 33), (19, 1500)]
    for number, size in enumerate(sizes):
        shape = (
            int(random.integers(2, 9)),
            int(random.integers(1, 9)),
            int(random.integers(1, 14)),
        )
        check(smooth(random, shape), size=size, grid=GRIDS[number % 3])
    check(smooth(random, (4, 9, 12)), letterbox=segpost.Letterbox.fit((50, 90), (36, 48)))
    check(smooth(random, (3, 5, 150)), size=(40, 2700))  # several tasks


@pytest.mark.parametrize("dtype", ["float16", "float64", "uint8", "int8"])
def test_types(backend: str, dtype: str) -> None:
    """All types of logits, with two classes that are equal in places."""
    random = np.random.default_rng(1)
    logits = smooth(random, (5, 7, 8))
    logits = np.clip(logits + (40 if dtype == "uint8" else 0), 0 if dtype == "uint8" else -99, 99)
    logits = logits.astype(dtype)
    logits[2, 3:, 2:5] = logits[1, 3:, 2:5]
    check(logits, size=(61, 70))


def test_close_calls(backend: str) -> None:
    """Ties, lines through pixels, corners of zero, values that are huge, tiny and infinite."""
    random = np.random.default_rng(2)
    base = random.integers(-3, 4, size=(4, 6, 6)).astype(np.float32)
    for scale in (1.0, 1e-38, 3e36, 1e38, 1.0 + 2.0**-23):
        check(base * np.float32(scale), size=(48, 48))
        check(base * np.float32(scale), size=(51, 51), grid="align_corners")
    line = np.zeros((2, 2, 2), np.float32)
    for lower in (1, -1, 3, -7):
        line[0] = [[1, 1], [lower, lower]]  # the second class wins from a row, on a tie or not
        check(line, size=(16, 5), grid="align_corners")
        check(line[:, ::-1].copy(), size=(16, 5), grid="align_corners")
        check(line.transpose(0, 2, 1).copy(), size=(16, 5), grid="align_corners")
    close = random.normal(size=(1, 5, 5)).astype(np.float32).repeat(3, axis=0)
    close += random.integers(-2, 3, size=close.shape) * np.spacing(close)
    check(close, size=(80, 70))
    infinite = base.copy()
    infinite[1, 2, 3], infinite[0, 1, 1] = np.inf, -np.inf
    check(infinite, size=(50, 40))


def test_many_classes(backend: str) -> None:
    """Labels above 255, and noise, where every pixel is computed."""
    random = np.random.default_rng(3)
    logits = smooth(random, (4, 5, 6)).repeat(80, axis=0)
    logits[300] += 5
    check(logits, size=(33, 40))
    check(random.normal(size=(21, 6, 8)).astype(np.float32), size=(60, 90))


@pytest.mark.slow
def test_hard_cases() -> None:
    """10,000 cases of every unpleasant kind: runs and errors are those of the label map."""
    native = registry._load("native")
    random = np.random.default_rng(5)
    for case in range(10_000):
        kind = KINDS[case % len(KINDS)]
        classes, height, width = (int(random.integers(1, top)) for top in (7, 7, 12))
        values = adversarial(kind, (1, classes + 1, height, width), case)
        if case % 5 == 0:
            values = np.round(values)  # lines of ties
        size = int(random.integers(1, 90)), int(random.integers(1, 150))
        axes = plan_resampling((height, width), size, GRIDS[case // 7 % 3]).axes
        if axes is None:
            continue
        values = values.astype("float64" if case % 4 == 0 else "float32")
        logits = Logits(values, str(values.dtype))
        labels = np.empty((1, *size), np.uint8)
        errors = native.argmax(logits, axes, labels)
        runs, same_errors = native.argmax_runs(logits, axes)
        assert same_errors == errors, case
        for got, wanted in zip(runs[:4], native.find_runs(labels)[:4], strict=True):
            assert_array_equal(got, wanted, str(case))


def test_doubtful_logits(backend: str) -> None:
    """What argmax refuses or warns of: another axis of the classes, exchanged sides, no answer."""
    random = np.random.default_rng(6)
    last = smooth(random, (21, 65, 65)).transpose(1, 2, 0)
    with (
        pytest.warns(segpost.InputWarning, match="pass axis=-1"),
        pytest.raises(ValueError, match="pass axis=-1"),
    ):
        segpost.regions(logits=last, size=(513, 513))
    regions = segpost.regions(logits=last, size=(65, 65), axis=-1)
    assert_array_equal(regions.to_labels(), segpost.argmax(last, axis=-1))
    with pytest.warns(segpost.InputWarning, match="transposed"):
        segpost.regions(logits=smooth(random, (5, 32, 64)), size=(512, 256))
    with pytest.raises(MemoryError, match=r"needs .* of memory"):
        segpost.regions(logits=smooth(random, (3, 4, 4)), size=(2**24, 2**24))
    with pytest.raises(ValueError, match="axis is for logits="):
        segpost.regions(np.zeros((2, 2), int), axis=-1)
    nowhere = np.array([[[0, -np.inf]], [[-np.inf, 0]]], np.float32)
    for confidence in (None, True):
        with pytest.raises(ValueError, match="at 2 of 4"):
            segpost.regions(logits=nowhere, size=(1, 4), confidence=confidence)


def test_threads() -> None:
    """Several threads, each of some columns, find the same."""
    logits = smooth(np.random.default_rng(4), (6, 12, 300))
    one = segpost.regions(logits=logits, size=(96, 5400))
    threads = segpost.num_threads()
    segpost.set_num_threads(3)
    try:
        assert segpost.regions(logits=logits, size=(96, 5400)).rle() == one.rle()
    finally:
        segpost.set_num_threads(threads)
