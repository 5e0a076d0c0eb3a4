"""Mergers of a part of an image: the same bits as the merger of the whole."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost
from segpost import Letterbox, Merger

SIZE, CLASSES = (70, 75), 5
FLIPS = (None, "horizontal", "vertical", "both")
GRIDS = ("half_pixel", "align_corners", "asymmetric")


def outputs() -> list[dict[str, Any]]:
    """Arguments of `Merger.add`: windows with every flip, scale, grid, weight and letterbox."""
    random = np.random.default_rng(7)
    made: list[dict[str, Any]] = []
    for i, window in enumerate(segpost.windows(SIZE, (32, 36), (24, 25))):
        height, width = window[2:]
        scale = (1, 2, 3, 4, 8)[i % 5]
        more: dict[str, Any] = {"flip": FLIPS[i % 4], "grid": GRIDS[i % 3]}
        if i % 7 == 3:
            more["weight"] = random.uniform(0, 2, (height, width))
        elif i % 7 == 4:
            more["weight"] = 0.3
        shape = (-(-height // scale), -(-width // scale))
        if i % 4 == 2:
            more["letterbox"], shape = Letterbox.fit((height, width), (48, 48)), (12, 12)
        logits = scene(CLASSES, *shape, seed=i).astype([np.float32, np.float16][i % 2])
        made.append({"logits": logits, "window": window, **more})
    return made


@pytest.mark.parametrize("average", ["probabilities", "logits"])
def test_a_region_has_the_bits_of_the_whole(backend: str, average: Any) -> None:
    """For every size of blocks, with uneven edges, whatever was added."""
    added = outputs()
    whole = Merger(SIZE, CLASSES, average=average)
    for one in added:
        whole.add(**one)
    expected = whole.result()
    for side in (24, 31, 48):
        seen = np.zeros(SIZE, int)
        for y, x, block in whole.blocks(side):
            height, width = block.shape[1:]
            merger = Merger(SIZE, CLASSES, average=average, region=(y, x, height, width))
            for one in added:
                merger.add(**one)
            part = np.s_[:, y : y + height, x : x + width]
            assert merger.result().tobytes() == block.tobytes() == expected[part].tobytes()
            seen[part[1:]] += 1
        assert (seen == 1).all()


@pytest.mark.parametrize("average", ["probabilities", "logits"])
def test_strips_have_the_bits_of_one_pass(
    monkeypatch: pytest.MonkeyPatch, backend: str, average: Any
) -> None:
    """However many rows of probabilities are computed at once."""
    made = []
    for strip_bytes in (1, 4 * CLASSES * 36 * 5, 1 << 30):
        monkeypatch.setattr("segpost.spatial.merger.STRIP_BYTES", strip_bytes)
        merger = Merger(SIZE, CLASSES, average=average)
        for one in outputs():
            merger.add(**one)
        made.append(merger.result().tobytes())
    assert made[0] == made[1] == made[2]


def test_infinite_logits_in_a_region(backend: str) -> None:
    """Classes that are impossible have probability 0, in a part as in the whole."""
    logits = scene(3, 6, 7)
    logits[0, 2:4] = -np.inf
    whole, part = Merger((24, 28), 3), Merger((24, 28), 3, region=(5, 6, 11, 13))
    for merger in (whole, part):
        merger.add(logits)
    assert part.result().tobytes() == whole.result()[:, 5:16, 6:19].tobytes()


def test_errors_of_a_region_are_in_the_image_s_coordinates(backend: str) -> None:
    """Windows elsewhere add nothing; pixels in no window are named where they are."""
    merger = Merger((30, 40), 3, region=(10, 20, 8, 9))
    assert merger.region == (10, 20, 8, 9)
    merger.add(scene(3, 5, 5), window=(0, 0, 10, 40))
    merger.add(scene(3, 5, 5), window=(10, 20, 8, 4))
    for call in (merger.result, merger.blocks):
        with pytest.raises(ValueError, match=r"40 of 72 pixels \(first y 10, x 24\) were in no"):
            call()
    with pytest.raises(ValueError, match="classes"):
        merger.add(scene(4, 5, 5), window=(0, 0, 10, 40))
    with pytest.raises(ValueError, match=r"region \(0, 0, 31, 4\) does not lie in \(30, 40\)"):
        Merger((30, 40), 3, region=(0, 0, 31, 4))
    with pytest.raises(ValueError, match="block must be"):
        merger.blocks(0)


def test_nan_leaves_a_region_as_it_was(backend: str) -> None:
    """Nothing is added of an output that is refused, not even what lies before the NaN."""
    logits = scene(3, 8, 8)
    merger = Merger((64, 64), 3, region=(0, 0, 64, 40))
    merger.add(logits)
    before = merger.result().tobytes()
    logits[1, 6, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        merger.add(logits)
    assert merger.result().tobytes() == before
    Merger((64, 64), 3, region=(0, 32, 64, 32)).add(logits)  # NaN that the region does not read


def test_blocks_of_a_whole_image() -> None:
    """Row by row, of any two sides, as logarithms too; and after a pickle."""
    merger = pickle.loads(pickle.dumps(Merger((7, 9), 2, region=(1, 2, 5, 6))))
    merger.add(scene(2, 7, 9))
    expected = merger.result(log=True)
    positions = []
    for y, x, mean in merger.blocks((2, 4), log=True):
        positions.append((y, x))
        height, width = mean.shape[1:]
        np.testing.assert_array_equal(mean, expected[:, y - 1 :, x - 2 :][:, :height, :width])
    assert positions == [(y, x) for y in (1, 3, 5) for x in (2, 6)]
