"""Codes and polygons that other programs, or a damaged file, may hold."""

from __future__ import annotations

import numpy as np
import pytest

import segpost


@pytest.mark.parametrize("counts", [[2**62] * 4 + [4], [2**63 - 1, 2**63 - 1, 6], [5]])
def test_counts_beyond_the_mask_are_refused(counts: list[int]) -> None:
    """The sum of damaged counts may wrap to the right one."""
    code = {"size": [2, 2], "counts": counts}
    for read in (segpost.masks_from_rle, lambda value: segpost.regions(masks=value)):
        with pytest.raises(ValueError, match="larger than a mask of size 2 x 2"):
            read(code)


def test_strings_of_other_types() -> None:
    """Any buffer of bytes is a string; a character that no code has is an error."""
    for text in ("5220003", bytearray(b"5220003"), memoryview(b"5220003")):
        masks = segpost.masks_from_rle({"size": [4, 5], "counts": text})
        assert masks.sum() == 6
    with pytest.raises(ValueError, match="characters outside of '0' to 'o'"):
        segpost.masks_from_rle({"size": [4, 4], "counts": "\u20ac1"})


def test_a_count_of_zero_ends_no_run() -> None:
    """A code may have counts of 0 within: the pixels beside it are one run."""
    code = {"size": [4, 1], "counts": [0, 2, 0, 2]}
    regions = segpost.regions(masks=code, connectivity=4)
    assert (len(regions), regions[0].area, regions[0].perimeter) == (1, 4, 10)
    assert segpost.regions(masks={"size": [2, 2], "counts": [4, 0]}).areas.tolist() == []


def test_a_region_that_is_taken_twice_keeps_its_polygon() -> None:
    """Polygons of repeated regions do not share their borders."""
    labels = np.zeros((6, 6), np.uint8)
    labels[1:4, 1:5] = 3
    twice = segpost.regions(labels, ignore_index=0)[np.array([0, 0])]
    for (ring,) in (polygons[0] for polygons in twice.polygons()):
        assert segpost.mask_from_polygons([[ring]], labels.shape).sum() == 12


def test_points_that_enclose_nothing_are_refused() -> None:
    """A polygon in the place of the list of polygons is no empty mask."""
    points = [[0, 0], [4, 0], [4, 4]]
    with pytest.raises(ValueError, match="a ring of 1 points, which encloses nothing"):
        segpost.mask_from_polygons([points], (4, 4))
    assert segpost.mask_from_polygons([[points]], (4, 4)).sum() == 6
