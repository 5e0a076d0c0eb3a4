"""The segments of an image: their numbers and classes, and what they share with another map's."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segpost._backends import registry
from segpost._core.arrays import Array
from segpost._core.errors import format_index
from segpost._core.panoptic_contract import Overlaps
from segpost.metrics.panoptic.classes import UNKNOWN, VOID, PanopticClasses
from segpost.metrics.panoptic.maps import PanopticMap, SegmentKeys, SegmentList
from segpost.metrics.ratios import Int64, Mask


class Segments(NamedTuple):
    """The segments of a map, numbered in ascending order of the values of their pixels."""

    classes: Int64  # (S,)
    pixels: Int64  # (S,)
    void_pixels: Int64  # (S,) of them, void in the other map
    is_crowd: Mask  # (S,)
    is_last_crowd: Mask  # (S,) whether no later crowd of the class is listed
    absent: Int64  # the classes of listed segments without a pixel, crowds left out


class SegmentPairs(NamedTuple):
    """The segments of predictions and of a target, and the pixels that pairs of them share."""

    preds: Segments
    target: Segments
    pred: Int64  # (M,) the segment of the predictions
    true: Int64  # (M,) the segment of the target
    pixels: Int64  # (M,)


def pair_segments(
    preds: PanopticMap, target: PanopticMap, classes: PanopticClasses, *, merges_stuff: bool
) -> SegmentPairs:
    """Count the pixels of the segments of two maps, and what pairs of them share.

    Parameters
    ----------
    preds, target : PanopticMap
        Of one size.
    classes : PanopticClasses
    merges_stuff : bool
        Whether the listed segments of a stuff class are one segment; those of pairs and of
        divided ids always are.

    Raises
    ------
    ValueError
        If the sizes differ; for categories that are not known, and ids that are not listed.
    """
    if preds.planes.shape[1:] != target.planes.shape[1:]:
        raise ValueError(
            f"preds and target must have one size, got {preds.planes.shape[1:]} and "
            f"{target.planes.shape[1:]}; resize the map of ids by nearest neighbors only"
        )
    width = len(preds.planes)
    if target.planes[0].size:
        backend = registry.backend(preds.planes, target.planes, operation="count_overlaps")
        overlaps = backend.count_overlaps(preds.planes, target.planes)
    else:
        empty = np.zeros((0, width + len(target.planes)), np.int64)
        overlaps = Overlaps(empty, np.zeros(0, np.int64))
    pred = _number(preds, overlaps.values[:, :width], classes, merges_stuff, "preds")
    true = _number(target, overlaps.values[:, width:], classes, merges_stuff, "target")
    shared: tuple[Int64, Int64, Int64] = (pred.of_pair, true.of_pair, overlaps.pixels)
    if pred.are_joined or true.are_joined:
        shared = _sum_by(*shared)
    segments = (
        _measure(pred, shared[0], shared[1], shared[2]),
        _measure(true, shared[1], shared[0], shared[2]),
    )
    is_segment = (shared[0] != VOID) & (shared[1] != VOID)
    return SegmentPairs(*segments, *(column[is_segment] for column in shared))


class _Numbers(NamedTuple):
    """The numbers of the segments of one map."""

    of_pair: Int64  # (M,) the segment of each pair, or VOID
    classes: Int64  # (S,)
    is_crowd: Mask  # (S,)
    is_last_crowd: Mask  # (S,)
    absent: Int64
    are_joined: bool  # whether a segment may have several keys


def _number(
    panoptic_map: PanopticMap,
    values: Array,
    classes: PanopticClasses,
    merges_stuff: bool,
    name: str,
) -> _Numbers:
    """Number the segments of a map, whose values are those of pairs, and check them."""
    keys, of_pair = _unique_rows(panoptic_map.keys_of(values))
    read = panoptic_map.read(keys)
    classes_of_keys = classes.find(read.categories)
    classes_of_keys[read.is_void] = VOID
    _check_keys(panoptic_map, keys, read, classes_of_keys, classes, name)
    is_segment = classes_of_keys != VOID
    own = classes_of_keys[is_segment]
    are_joined = merges_stuff or panoptic_map.listed is None
    if are_joined:
        instances = np.where(classes.is_thing[own], read.instances[is_segment], 0)
        rows, of_segment = _unique_rows(np.stack([own, instances], axis=1))
        own = rows[:, 0]
    else:
        of_segment = np.arange(len(own))
    numbers = np.full(len(keys), VOID, np.int64)
    numbers[is_segment] = of_segment
    is_crowd, is_last_crowd = np.zeros((2, len(own)), bool)
    absent = np.zeros(0, np.int64)
    if panoptic_map.listed is not None:
        listed = panoptic_map.listed
        places = read.places[is_segment]
        if listed.is_crowd.any():
            crowds = np.flatnonzero(listed.is_crowd)
            last = {listed.categories[place]: place for place in crowds}
            is_crowd[of_segment] = listed.is_crowd[places]
            is_last_crowd[of_segment] = np.isin(places, [*last.values()])
        absent = _absent_classes(listed, read, classes, name)
    return _Numbers(numbers[of_pair], own, is_crowd, is_last_crowd, absent, are_joined)


def _absent_classes(
    listed: SegmentList, read: SegmentKeys, classes: PanopticClasses, name: str
) -> Int64:
    """Return the classes of listed segments without a pixel, which predictions must not have."""
    is_absent = np.ones(len(listed.ids), bool)
    is_absent[read.places[read.places >= 0]] = False
    if not is_absent.any():
        return np.zeros(0, np.int64)
    ids, categories = listed.ids[is_absent], listed.categories[is_absent]
    labels = classes.find(categories)
    if (labels == UNKNOWN).any():
        k = int((labels == UNKNOWN).argmax())
        raise ValueError(
            f"{name}: segment {ids[k]} has the unknown category {categories[k]}; where it is void, "
            f"pass ignore_index={categories[k]}"
        )
    if len(ids) and name == "preds":
        raise ValueError(
            f"preds: {len(ids)} listed segments have no pixel, first id {ids[0]}; leave them out "
            "of the list"
        )
    counted: Int64 = labels[~listed.is_crowd[is_absent] & (labels != VOID)]
    return counted


def _check_keys(
    panoptic_map: PanopticMap,
    keys: Array,
    read: SegmentKeys,
    classes_of_keys: Array,
    classes: PanopticClasses,
    name: str,
) -> None:
    """Raise an error for ids that are not listed, and categories that are not known."""
    bad = (read.places < 0) & ~read.is_void
    if panoptic_map.listed is not None and bad.any():
        pixels, position, first = _locate(panoptic_map, keys, bad)
        raise ValueError(
            f"{name} has {pixels} pixels of {int(bad.sum())} ids that its segments do not list, "
            f"first {int(read.instances[first])} at "
            f"{format_index(position)}; a map of ids must be saved without loss and resized by "
            "nearest neighbors; pixels of void have the id 0"
        )
    bad = (classes_of_keys == UNKNOWN) & ~read.is_void
    if bad.any():
        pixels, position, first = _locate(panoptic_map, keys, bad)
        category = int(read.categories[first])
        raise ValueError(
            f"{name} has {pixels} pixels of {len(np.unique(read.categories[bad]))} unknown "
            f"categories, first {category} at {format_index(position)}; things and stuff have "
            f"{len(classes.categories)}. Where they are void, pass ignore_index={category}"
        )


def _locate(panoptic_map: PanopticMap, keys: Array, bad: Mask) -> tuple[int, tuple[int, int], int]:
    """Return how many pixels have bad keys, where the first is, and the index of its key."""
    planes = panoptic_map.planes
    values = planes.reshape(len(planes), -1).T.astype(np.int64)
    _, of_pixel = _unique_rows(panoptic_map.keys_of(values))  # the keys are those of all pixels
    mask = bad[of_pixel]
    pixel = int(mask.argmax())
    y, x = divmod(pixel, planes.shape[2])
    return int(mask.sum()), (y, x), int(of_pixel[pixel])


def _measure(numbers: _Numbers, own: Int64, other: Int64, count: Int64) -> Segments:
    """Return the segments of a map; `own` and `other` are pairs of segments, `count` pixels."""
    segments = len(numbers.classes)
    is_void = np.where(other == VOID, count, 0)
    pixels, void_pixels = (_sum_of_each(own, values, segments) for values in (count, is_void))
    _, classes, is_crowd, is_last_crowd, absent, _ = numbers
    return Segments(classes, pixels, void_pixels, is_crowd, is_last_crowd, absent)


def _sum_of_each(own: Int64, pixels: Int64, segments: int) -> Int64:
    """Return the sum of the pixels of each segment; an image has less than 2**53."""
    return np.bincount(own + 1, pixels, segments + 1)[1:].astype(np.int64)  # VOID is -1


def _unique_rows(rows: Array) -> tuple[Array, Array]:
    """Return the different rows in ascending order, and the index of each row among them."""
    if not len(rows):
        return rows, np.zeros(0, np.int64)
    packed = rows[:, 0] if rows.shape[1] == 1 else _pack(rows)
    order = None
    if packed is None:
        order = np.lexsort(rows.T[::-1])
        ordered = rows[order]
        is_new = (ordered[1:] != ordered[:-1]).any(axis=1)
    elif (packed[1:] >= packed[:-1]).all():  # as the pairs of a backend are, by predictions
        is_new = packed[1:] != packed[:-1]
    else:
        order = np.argsort(packed, kind="stable")
        ordered = packed[order]
        is_new = ordered[1:] != ordered[:-1]
    inverse = np.zeros(len(rows), np.int64)
    np.cumsum(is_new, out=inverse[1:])
    first = np.append(0, np.flatnonzero(is_new) + 1)
    if order is None:
        return rows[first], inverse
    of_row = np.empty_like(inverse)
    of_row[order] = inverse
    return rows[order[first]], of_row


def _pack(rows: Array) -> Array | None:
    """Return a number for each row, in the same order; None where int64 does not hold them."""
    packed, values = np.zeros(len(rows), np.int64), 1
    for column in rows.T:
        low, span = int(column.min()), int(column.max()) - int(column.min()) + 1
        values *= span
        if values >= 2**63:
            return None
        packed = packed * span + (column - low)
    return packed


def _sum_by(pred: Int64, true: Int64, pixels: Int64) -> tuple[Int64, Int64, Int64]:
    """Return the different pairs of numbers, and the sums of their pixels."""
    pairs, of_pair = _unique_rows(np.stack([pred, true], axis=1))
    sums = np.zeros(len(pairs), np.int64)
    np.add.at(sums, of_pair, pixels)
    return pairs[:, 0], pairs[:, 1], sums
