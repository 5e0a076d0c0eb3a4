"""The overlaps of panoptic maps, for every backend."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import FAST, switch
from label_maps import label_map
from numpy.testing import assert_array_equal

import segpost
from segpost._backends import registry
from segpost._core.panoptic_contract import Overlaps


def planes(random: np.random.Generator, count: int, size: tuple[int, int]) -> np.ndarray:
    """Planes of any type and strides; also channels of one array, as pairs and colors are."""
    ids = int(random.choice([2, 20, 5000]))
    if random.random() < 0.5:
        together = label_map(random, (1, size[0], size[1] * count), ids, wild=random.random() < 0.3)
        return np.moveaxis(together.reshape(*size, count), -1, 0)
    return label_map(random, (count, *size), ids, wild=random.random() < 0.3)


def count(name: str, preds: np.ndarray, target: np.ndarray) -> Overlaps:
    for _ in switch(name):
        overlaps: Overlaps = registry.backend().count_overlaps(preds, target)
    return overlaps


@pytest.mark.parametrize("backend_name", FAST)
def test_kernel_is_that_of_the_definition(backend_name: str) -> None:
    """300 pairs of maps of one to three planes, of all types and strides: no count differs."""
    random = np.random.default_rng(18)
    for _ in range(300):
        size = int(random.integers(1, 40)), int(random.choice([1, 2, 63, 64, 65, 129, 200]))
        pair = [planes(random, int(random.integers(1, 4)), size) for _ in "pt"]
        preds, target = (
            np.minimum(one, 2**63 - 1) if one.dtype == np.uint64 else one for one in pair
        )
        wanted, found = count("reference", preds, target), count(backend_name, preds, target)
        for one, other in zip(wanted, found, strict=True):
            assert one.dtype == other.dtype == np.int64
            assert_array_equal(one, other)
        assert int(found.pixels.sum()) == preds[0].size


@pytest.mark.parametrize("backend_name", FAST)
def test_any_number_of_pairs_and_of_threads(backend_name: str) -> None:
    """Noise, of which every pixel is a pair of its own, with one thread and with three."""
    random = np.random.default_rng(19)
    preds = random.permutation(300 * 1000).reshape(1, 300, 1000) - 2**40
    target = random.integers(0, 2**24, (1, 300, 1000), dtype=np.int32)
    wanted = np.stack([preds.ravel(), target.ravel()], axis=1)[np.argsort(preds.ravel())]
    before = segpost.num_threads()
    try:
        for threads in (1, 3):
            segpost.set_num_threads(threads)
            found = count(backend_name, preds, target)
            assert_array_equal(found.values, wanted)
            assert (found.pixels == 1).all()
    finally:
        segpost.set_num_threads(before)
