"""Logits of bytes at full size: widths, numbers of classes, both orders, ties, views and colors."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import FAST, switch

import segpost

ON_CUDA = True

SIZES = [(1, 1), (1, 3), (5, 17), (3, 65), (2, 127), (1, 511), (1, 512), (2, 513), (1, 1025)]


@pytest.mark.parametrize("backend_name", FAST)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_labels_are_those_of_numpy(backend_name: str, dtype: type[np.integer]) -> None:
    """The first of the largest values, in planes that are views with gaps."""
    rng = np.random.default_rng(3)
    limits = np.iinfo(dtype)
    for _ in switch(backend_name):
        for h, w in SIZES:
            for classes in (2, 5, 128, 129, 256):
                near = rng.integers(-3, 4, (classes, h + 1, w + 5)) + (limits.max + limits.min) // 2
                far = rng.choice([limits.min, limits.max], (classes, h + 1, w + 5))
                values = np.where(rng.random((h + 1, w + 5)) < 0.5, near, far).astype(dtype)
                view = values[:, 1:, 2 : w + 2]
                assert np.array_equal(segpost.argmax(view), view.argmax(0)), (h, w, classes)


@pytest.mark.parametrize("backend_name", FAST)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_labels_of_channels_last_are_those_of_numpy(
    backend_name: str, dtype: type[np.integer]
) -> None:
    """Every number of classes around 16, in rows without a gap and in views of some classes."""
    rng = np.random.default_rng(6)
    limits = np.iinfo(dtype)
    for _ in switch(backend_name):
        for h, w in [*SIZES, (3, 15), (2, 16), (2, 31), (2, 128), (1, 137)]:
            for classes in (2, 3, 15, 16, 17, 21, 32, 33, 129, 256):
                values = rng.integers(limits.min, limits.max + 1, (h, w, classes + 2), dtype=dtype)
                values[rng.random((h, w)) < 0.3] //= 64
                for view in (values[..., 2:], values[..., :classes].copy(), values[:, ::-1, 1:-1]):
                    got = segpost.argmax(view, axis=-1)
                    assert np.array_equal(got, view.argmax(-1)), (h, w, classes, view.strides)


@pytest.mark.parametrize("backend_name", FAST)
def test_colors_are_those_of_the_labels(backend_name: str) -> None:
    """Colors of a batch come with the labels, into memory of the caller."""
    rng = np.random.default_rng(4)
    logits = rng.integers(-128, 128, (2, 21, 33, 77), dtype=np.int8)
    palette = rng.integers(0, 256, (21, 3), dtype=np.uint8)
    for _ in switch(backend_name):
        done = segpost.postprocess(logits, palette=palette, want=("labels", "color"))
        assert np.array_equal(done.labels, logits.argmax(1))
        assert np.array_equal(done.color, palette[logits.argmax(1)])
        last = np.ascontiguousarray(np.moveaxis(logits, 1, -1))
        done = segpost.postprocess(last, axis=-1, palette=palette, want=("labels", "color"))
        assert np.array_equal(done.color, palette[logits.argmax(1)])


@pytest.mark.parametrize("backend_name", FAST)
def test_a_processor_computes_the_same_as_two(backend_name: str) -> None:
    """Labels of one thread are those of two."""
    logits = np.random.default_rng(5).integers(0, 256, (19, 300, 401), dtype=np.uint8)
    threads = segpost.num_threads()
    for _ in switch(backend_name):
        try:
            for count in (1, 2):
                segpost.set_num_threads(count)
                assert np.array_equal(segpost.argmax(logits), logits.argmax(0))
        finally:
            segpost.set_num_threads(threads)
