"""Polygons: areas, holes, shared borders, and the way back to pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.testing import assert_array_equal
from test_regions import blobs

import segpost

Array = np.ndarray[Any, Any]
maps = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda shape: arrays.arrays(np.uint8, shape, elements=st.integers(0, 3))
)
stacks = st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda shape: arrays.arrays(np.bool_, shape)
)


def signed_area(ring: Array) -> float:
    """By the shoelace formula; negative where counterclockwise on the screen."""
    (x, y), (to_x, to_y) = ring.T, np.roll(ring, -1, axis=0).T
    return float((x * to_y - to_x * y).sum() / 2)


def check_polygons(regions: segpost.Regions) -> None:
    """Without a tolerance polygons are the pixels, and no ring touches itself."""
    for region, polygons in zip(regions, regions.polygons(), strict=True):
        assert_array_equal(segpost.mask_from_polygons(polygons, regions.size), region.mask())
        assert -sum(signed_area(ring) for rings in polygons for ring in rings) == region.area
        for exterior, *holes in polygons:
            assert signed_area(exterior) < 0
            assert all(signed_area(hole) > 0 for hole in holes)
            for ring in (exterior, *holes):
                assert len(np.unique(ring, axis=0)) == len(ring) >= 4


@given(maps)
def test_maps_to_polygons_and_back(labels: Array) -> None:
    """Label maps with diagonals, holes and single pixels."""
    check_polygons(segpost.regions(labels))
    check_polygons(segpost.regions(labels, connectivity=8, min_area=2))
    check_polygons(segpost.regions(labels, ignore_index=0))


@given(stacks)
def test_masks_to_polygons_codes_and_back(masks: Array) -> None:
    """Masks that overlap: polygons, run-length codes and joined rings are the masks."""
    regions = segpost.regions(masks=masks)
    check_polygons(regions)
    if len(regions):
        assert_array_equal(segpost.masks_from_rle(regions.rle()), masks[regions.labels])
    for annotation, mask in zip(regions.coco(polygons=True), masks[regions.labels], strict=True):
        assert_array_equal(segpost.mask_from_polygons(annotation["segmentation"], mask.shape), mask)


@given(maps, st.sampled_from([0.5, 1.0, 2.5, 100.0]))
def test_simplified_borders_stay_shared(labels: Array, tolerance: float) -> None:
    """The polygons of a map cover the image once, whatever the tolerance; none turns over."""
    regions = segpost.regions(labels)
    total = 0.0
    for polygons in regions.polygons(tolerance):
        for exterior, *holes in polygons:
            assert signed_area(exterior) < 0
            assert all(signed_area(hole) > 0 for hole in holes)
            total -= sum(signed_area(ring) for ring in (exterior, *holes))
    assert total == labels.size


def test_tolerance_bounds_the_distance() -> None:
    """A circle has fewer points, and every corner that is left out is near the polygon."""
    y, x = np.mgrid[:80, :80]
    regions = segpost.regions(masks=(x - 40) ** 2 + (y - 40) ** 2 < 900)
    (((exact,),),), (((simple,),),) = regions.polygons(), regions.polygons(1.5)
    assert 8 < len(simple) < len(exact) / 4
    start, end = simple, np.roll(simple, -1, axis=0)
    along = end - start
    for point in exact:
        share = ((point - start) * along).sum(axis=1) / (along**2).sum(axis=1)
        nearest = start + share.clip(0, 1)[:, None] * along
        assert np.hypot(*(point - nearest).T).min() <= 1.5
    with pytest.raises(ValueError, match="tolerance must be at least 0"):
        regions.polygons(-1)


def test_points_of_three_regions_stay() -> None:
    """Junctions and the corners of the image are in the polygons at any tolerance."""
    labels = np.repeat(np.repeat(np.array([[0, 1], [2, 2]], np.uint8), 9, axis=0), 9, axis=1)
    labels[3:6, 8] = 1  # a dent
    polygons = segpost.regions(labels).polygons(5.0)
    corners = {(0.0, 0.0), (18.0, 0.0), (0.0, 18.0), (18.0, 18.0)}
    points = {tuple(point) for one in polygons for (ring,) in one for point in ring.tolist()}
    assert points == corners | {(9.0, 0.0), (0.0, 9.0), (9.0, 9.0), (18.0, 9.0)}


def test_holes_are_those_of_scipy() -> None:
    """fill_holes, of every region alone; with a largest area the larger holes stay."""
    ndimage = pytest.importorskip("scipy.ndimage")
    random = np.random.default_rng(0)
    for case in range(4):
        labels = blobs((30, 40), 3, case)
        if case % 2:
            labels = random.integers(0, 2 + case % 3, (25, 31))
        regions = segpost.regions(labels, connectivity=(None, 4, 8)[case % 3])
        filled = regions.fill_holes()
        for region, mask in zip(filled, regions.masks(), strict=True):
            assert_array_equal(region.mask(), ndimage.binary_fill_holes(mask))
        check_polygons(filled)
        small = regions.fill_holes(max_area=2)
        assert (regions.areas <= small.areas).all()
        assert (small.areas <= filled.areas).all()


def test_wrong_polygons_and_codes() -> None:
    """Errors say which polygon or code."""
    with pytest.raises(ValueError, match=r"polygons\[1\] must have rings of points"):
        segpost.mask_from_polygons([[0, 0, 1, 0, 1, 1], [1, 2, 3]], (2, 2))
    with pytest.raises(ValueError, match=r"polygons\[0\] has 1 values not finite"):
        segpost.mask_from_polygons([[0, 0, np.nan, 0, 1, 1]], (2, 2))
    with pytest.raises(ValueError, match=r"codes\[1\] is of size"):
        segpost.masks_from_rle([{"size": [1, 2], "counts": [2]}, {"size": [2, 1], "counts": [2]}])
    with pytest.raises(TypeError, match="codes must be a dict or a list"):
        segpost.masks_from_rle([])
