"""Letterboxes of the C functions: the bytes of `segpost.argmax(letterbox=)`, and errors."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from capi_table import Box, Options, argmax, call

import segpost
from segpost._core import sampling

pytest.importorskip("segpost._cpu")

BOXES = [
    segpost.Letterbox.fit((37, 61), (64, 64)),
    segpost.Letterbox.fit((61, 37), (65, 65), align="top_left"),
    segpost.Letterbox.fit((50, 40), (32, 48), mode="stretch"),
    segpost.Letterbox((9, 13), (9, 13), (9, 13)),  # nothing is resampled
    segpost.Letterbox((9, 30), (9, 13), (9, 10), (0, 2)),  # one axis is
    segpost.Letterbox((1, 1), (40, 40), (3, 1), (30, 39)),
    segpost.Letterbox((75, 100), (513, 513), (385, 513), (64, 0)),
]


def as_box(letterbox: segpost.Letterbox) -> Box:
    sizes = letterbox.image_size, letterbox.input_size, letterbox.content_size, letterbox.offset
    return Box(*((ctypes.c_int64 * 2)(*pair) for pair in sizes))


def run(
    logits: np.ndarray, letterbox: segpost.Letterbox | Box, size: tuple[int, int], **options: Any
) -> tuple[int, str, np.ndarray]:
    """Status, message and labels of a call with a letterbox."""
    labels = np.full((len(logits), *size), 9, np.uint8)
    box = letterbox if isinstance(letterbox, Box) else as_box(letterbox)
    status, said = argmax(logits, labels, letterbox=ctypes.pointer(box), **options)
    return status, said, labels


@pytest.mark.parametrize("grid", range(3))
@pytest.mark.parametrize("letterbox", BOXES, ids=lambda box: f"{box.image_size}")
def test_labels_are_those_of_python(letterbox: segpost.Letterbox, grid: int) -> None:
    """Sizes that are odd, content at an edge, and every grid; ties are in the logits."""
    rng = np.random.default_rng(grid)
    logits = rng.integers(0, 4, (2, 5, 9, 13)).astype(np.float32)
    name: Any = sampling.GRIDS[grid]
    status, said, labels = run(logits, letterbox, letterbox.image_size, grid=grid)
    assert (status, said) == (0, "")
    expected = segpost.argmax(logits, letterbox=letterbox, grid=name)
    np.testing.assert_array_equal(labels, expected)


def test_probabilities_and_counts_take_a_letterbox_too() -> None:
    logits = np.random.default_rng(1).normal(size=(1, 4, 9, 13)).astype(np.float32)
    letterbox = BOXES[0]
    options = Options(
        struct_size=ctypes.sizeof(Options), letterbox=ctypes.pointer(as_box(BOXES[0]))
    )
    made = np.empty((1, 4, *letterbox.image_size), np.float32)
    assert call("softmax", logits, options, made) == (0, "")
    seg = segpost.postprocess(logits, letterbox=letterbox, want=("probabilities", "labels"))
    np.testing.assert_array_equal(made, seg.probabilities)
    labels = np.asarray(seg.labels)
    counts = np.zeros((6, 5), np.int64)
    given = logits, options, labels, 4, None, 0, counts.ctypes.data
    assert call("confusion_matrix_of_logits", *given) == (0, "")
    np.testing.assert_array_equal(np.diag(counts[:4, :4]), np.bincount(labels.ravel(), minlength=4))
    assert counts.sum() == labels.size


def test_a_nan_is_named_at_its_place_in_the_logits() -> None:
    """The padding may have NaN; in the content the place counts from the caller's first row."""
    letterbox = segpost.Letterbox.fit((30, 60), (64, 64))  # rows 16 to 47 of 64
    logits = np.zeros((2, 3, 16, 16), np.float32)
    logits[:, 0, 0] = np.nan
    assert run(logits, letterbox, (30, 60))[:2] == (0, "")
    logits[1, 2, 7, 5] = np.nan
    said = run(logits, letterbox, (30, 60))[:2]
    assert said == (2, "logits have 1 NaN, first at image 1, y 7, x 5")
    with pytest.raises(ValueError, match="image 1, class 2, y 7, x 5"):
        segpost.argmax(logits, letterbox=letterbox)


@pytest.mark.parametrize(
    ("box", "size", "text"),
    [
        (Box((30, 60), (64, 64), (32, 64), (16, 0)), (31, 60), "letterbox's image, 30 x 60, got"),
        (Box((30, 60), (64, 64), (32, 65), (16, 0)), (30, 60), "does not lie in its input of 64"),
        (Box((30, 60), (64, 64), (32, 64), (-1, 0)), (30, 60), "at offset -1, which does not lie"),
        (Box((0, 60), (64, 64), (32, 64), (16, 0)), (1, 60), "a side outside 1..524288: 0"),
        (Box((30, 60), (2**40, 64), (32, 64), (1, 0)), (30, 60), "524288: 1099511627776"),
    ],
)  # fmt: skip
def test_wrong_letterboxes_are_refused(box: Box, size: tuple[int, int], text: str) -> None:
    status, said, labels = run(np.zeros((1, 3, 16, 16), np.float32), box, size)
    assert status == 1
    assert text in said
    assert (labels == 9).all()


def test_options_of_an_older_caller_have_no_letterbox() -> None:
    """Its struct is shorter: what lies behind it is not read."""
    logits = np.random.default_rng(2).normal(size=(1, 3, 4, 5)).astype(np.float32)
    labels = np.empty((1, 8, 10), np.uint8)
    older = Options.letterbox.offset
    wrong = ctypes.pointer(Box((1, 1), (1, 1), (1, 1), (7, 7)))
    assert argmax(logits, labels, struct_size=older, letterbox=wrong) == (0, "")
    np.testing.assert_array_equal(labels, segpost.argmax(logits, size=(8, 10)))
