"""Sizes in the order of Pillow, where a size is (height, width)."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost

QUERIES = scene(6, 24, 40), np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)


def segment(task: Any) -> Callable[[Any], Any]:
    """A call of `segment_queries`, by its size."""
    return lambda size: segpost.segment_queries(*QUERIES[::-1], task=task, size=size).labels


SIZED: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {  # calls by size
    "labels": (lambda size: segpost.resize_labels(scene(3, 24, 40).argmax(0), size), (48, 80)),
    "smaller labels": (
        lambda size: segpost.resize_labels(scene(3, 64, 96).argmax(0), size),
        (16, 24),
    ),
    "instances": (segment("instance"), (96, 160)),
    "panoptic": (segment("panoptic"), (96, 160)),
}


@pytest.mark.parametrize("name", SIZED)
def test_a_size_in_another_order_is_a_warning(name: str) -> None:
    """The size that the message prints is the right one, of which there is no warning."""
    call, right = SIZED[name]
    expected = np.asarray(call(right))
    with pytest.warns(segpost.InputWarning, match="height, width") as caught:
        call(right[::-1])
    assert [warning.filename for warning in caught] == [__file__]
    printed = re.search(r"pass size=(\(.*?\))", str(caught[0].message))
    assert printed
    np.testing.assert_array_equal(np.asarray(call(eval(printed.group(1)))), expected)


def test_sizes_that_are_as_they_should_be() -> None:
    """Squares, other shapes, and a stretched result are no mistake."""
    labels = scene(3, 24, 40).argmax(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for size in ((64, 64), (40, 30), (24, 40), (7, 11), (40, 12)):
            segpost.resize_labels(labels, size)
