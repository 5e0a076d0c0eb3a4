"""Sizes in the order of Pillow, NIfTI or (H, W, D), where a size is (H, W) or (D, H, W)."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost

VOLUME = np.random.default_rng(0).normal(size=(3, 10, 16, 24)).astype(np.float32)
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
    "argmax": (lambda size: segpost.argmax(VOLUME, size=size), (20, 32, 48)),
    "postprocess": (lambda size: segpost.postprocess(VOLUME, size=size).labels, (20, 32, 48)),
    "binarize": (lambda size: segpost.binarize(VOLUME, size=size, encoding="labels"), (20, 32, 48)),
}


def wrong_orders(size: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The other orders of the sides that are common."""
    return [size[::-1]] if len(size) == 2 else [size[::-1], (*size[1:], size[0])]


@pytest.mark.parametrize("name", SIZED)
def test_a_size_in_another_order_is_a_warning(name: str) -> None:
    """The size that the message prints is the right one, of which there is no warning."""
    call, right = SIZED[name]
    expected = np.asarray(call(right))
    for size in wrong_orders(right):
        with pytest.warns(segpost.InputWarning, match="height, width") as caught:
            call(size)
        assert [warning.filename for warning in caught] == [__file__]
        printed = re.search(r"pass size=(\(.*?\))", str(caught[0].message))
        assert printed
        np.testing.assert_array_equal(np.asarray(call(eval(printed.group(1)))), expected)


def test_sizes_that_are_as_they_should_be() -> None:
    """Squares, the strides of flat voxels, thin volumes, and a stretched result are no mistake."""
    labels = scene(3, 24, 40).argmax(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for size in ((64, 64), (40, 30), (24, 40), (7, 11), (40, 12)):
            segpost.resize_labels(labels, size)
        for volume in ((10, 64, 96), (40, 32, 48), (10, 16, 24), (24, 24, 24), (64, 40, 100)):
            segpost.argmax(VOLUME, size=volume)
        segpost.argmax(VOLUME[:, :4], size=(48, 32, 8))
        square = np.random.default_rng(0).normal(size=(2, 8, 24, 24)).astype(np.float32)
        segpost.argmax(square, size=(48, 24, 24))


def test_a_volume_of_square_slices() -> None:
    """Height and width are equal, but the depth stands last."""
    square = np.random.default_rng(0).normal(size=(2, 10, 24, 24)).astype(np.float32)
    with pytest.warns(segpost.InputWarning, match=r"pass size=\(20, 48, 48\)"):
        segpost.argmax(square, size=(48, 48, 20))
