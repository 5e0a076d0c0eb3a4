"""Detections on Numba: the pixels that masks share by a kernel, the rest by NumPy."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from segpost._backends.numba.threads import kernel
from segpost._core.contract import Array
from segpost._core.detection_contract import ImageDetections, RunArrays


def match_masks(
    runs: RunArrays,
    classes: Array,
    scores: Array,
    true_runs: RunArrays,
    true_classes: Array,
    true_areas: Array,
    is_crowd: Array,
    limits: Array,
    ranges: Array,
    most: int,
) -> ImageDetections:
    """Return the matches of an image, all limits and ranges of a pair at once."""
    order = np.lexsort((-scores, classes))
    order = order[_rank(classes[order]) < most]
    full = (1 << len(limits)) - 1
    bits = np.array([full << a * len(limits) for a in range(len(ranges))], np.uint64)
    ignored = _outside(true_areas, ranges) | is_crowd[:, None]
    pairs = np.nonzero(classes[order][:, None] == true_classes)
    place, true = map(np.ascontiguousarray, pairs)
    shared = np.zeros(len(place), np.int64)
    add_shared_pixels(order[place], true, *runs, *true_runs, shared)
    pixels, true_pixels = _count_pixels(runs), _count_pixels(true_runs)
    union = np.where(
        is_crowd[true], pixels[order[place]], pixels[order[place]] + true_pixels[true] - shared
    )
    iou = shared / np.maximum(union, 1)
    passed = np.searchsorted(limits, iou, "right")
    chosen = np.flatnonzero(passed)
    chosen = chosen[np.lexsort((-true[chosen], -iou[chosen], place[chosen]))]
    firsts = sum(1 << a * len(limits) for a in range(len(ranges)))
    options: dict[int, list[tuple[int, int]]] = {}
    for d, t, k in zip(*(one[chosen].tolist() for one in (place, true, passed)), strict=True):
        options.setdefault(d, []).append((t, ((1 << k) - 1) * firsts))
    matched, skipped = _assign(options, len(order), (ignored @ bits).tolist(), is_crowd.tolist())
    outside = _outside(pixels[order], ranges) @ bits
    kinds, of_target = np.unique(true_classes, return_inverse=True)
    counts = np.zeros((len(kinds), len(ranges)), np.int64)
    np.add.at(counts, of_target, ~ignored)
    return ImageDetections(
        classes[order], scores[order], matched, skipped | (outside & ~matched), kinds, counts
    )


def _assign(
    options: dict[int, list[tuple[int, int]]], count: int, ignored: list[int], is_crowd: list[bool]
) -> tuple[Array, Array]:
    """Return the bits of matches of each detection, and of matches that do not count.

    Options of a detection are true masks and the bits that they may match, the best ones first.
    """
    every = (1 << 64) - 1
    matched, skipped = np.zeros(count, np.uint64), np.zeros(count, np.uint64)
    free = [every] * len(ignored)
    for d, masks in options.items():
        rest = every
        for counts in (True, False):
            for t, reached in masks:
                bits = reached & rest & free[t] & (~ignored[t] if counts else ignored[t])
                rest ^= bits
                if not is_crowd[t]:
                    free[t] ^= bits
                if not counts:
                    skipped[d] |= np.uint64(bits)
        matched[d] = every ^ rest
    return matched, skipped


def _rank(groups: Array) -> Array:
    """Return the place of each value in its run of equal values."""
    first = np.flatnonzero(np.append(np.ones(min(len(groups), 1), bool), groups[1:] != groups[:-1]))
    return np.arange(len(groups)) - np.repeat(first, np.diff(np.append(first, len(groups))))


def _outside(areas: Array, ranges: Array) -> Array:
    """Return which areas are outside of each range: bool (N, ranges)."""
    return (areas[:, None] < ranges[:, 0]) | (areas[:, None] > ranges[:, 1])


def _count_pixels(runs: RunArrays) -> Array:
    """Return the pixels of every mask, int64."""
    offsets, _, top, bottom = runs
    return np.diff(np.append(0, np.cumsum(bottom.astype(np.int64) - top))[offsets])


@kernel
def add_shared_pixels(
    region: Any,
    other: Any,
    offsets: Any,
    column: Any,
    top: Any,
    bottom: Any,
    other_offsets: Any,
    other_column: Any,
    other_top: Any,
    other_bottom: Any,
    pixels: Any,
) -> None:
    """Add the pixels that both regions of every pair have, run by run."""
    for pair in range(len(region)):
        a, last = offsets[region[pair]], offsets[region[pair] + 1]
        b, other_last = other_offsets[other[pair]], other_offsets[other[pair] + 1]
        if a == last or b == other_last:
            continue
        if column[last - 1] < other_column[b] or other_column[other_last - 1] < column[a]:
            continue
        total = 0
        while a < last and b < other_last:
            x, other_x = column[a], other_column[b]
            if x == other_x:
                shared = min(bottom[a], other_bottom[b]) - max(top[a], other_top[b])
                total += max(shared, 0)
            if x < other_x or (x == other_x and bottom[a] < other_bottom[b]):
                a += 1
            else:
                b += 1
        pixels[pair] = total


class _Detections(NamedTuple):
    """Detections of a class."""

    rank: Array
    matched: Array
    ignored: Array

    def outcomes(self, count: int) -> tuple[Array, Array]:
        """Return which detections are right, and which wrong: (bits, D); others do not count."""
        bits = np.arange(count).astype(np.uint64)[:, None]
        matched, ignored = (
            (column >> bits & np.uint64(1)).astype(bool) for column in (self.matched, self.ignored)
        )
        return matched & ~ignored, ~matched & ~ignored


def compute_precision(
    bounds: Array,
    rank: Array,
    matched: Array,
    ignored: Array,
    targets: Array,
    recalls: Array,
    most: Array,
    precision: Array,
    recall: Array,
) -> None:
    """Write precision and recall, all ranges and limits of a class at once."""
    limits, _, ranges, _ = recall.shape
    for c in np.flatnonzero(targets.any(axis=1)).tolist():
        part = slice(bounds[c], bounds[c + 1])
        own = _Detections(rank[part], matched[part], ignored[part])
        is_right, is_wrong = own.outcomes(ranges * limits)
        needed = _needed_hits(targets[c], recalls)
        for m, count in enumerate(most.tolist()):
            is_counted = own.rank < count
            hits = is_right[:, is_counted].reshape(ranges, limits, -1)
            curve, last = _curves(hits, is_wrong[:, is_counted].reshape(hits.shape), needed)
            recall[:, c, :, m] = (last / np.maximum(targets[c], 1)[:, None]).T
            precision[:, :, c, :, m] = curve.transpose(1, 2, 0)
    precision[:, :, targets == 0] = np.nan
    recall[:, targets == 0] = np.nan


def _needed_hits(targets: Array, recalls: Array) -> Array:
    """Return how many true masks of each range reach each recall: (A, recalls)."""
    return np.stack([
        np.searchsorted(np.arange(count + 1) / max(count, 1), recalls, "left")
        for count in targets.tolist()
    ])  # fmt: skip


def _curves(is_right: Array, is_wrong: Array, needed: Array) -> tuple[Array, Array]:
    """Return the precision at each recall, (A, T, R), and the hits, (A, T).

    Outcomes of detections are (A, T, D), in descending order of scores.
    """
    detections = is_right.shape[2]
    if not detections:
        return np.zeros((*is_right.shape[:2], needed.shape[1])), np.zeros(is_right.shape[:2])
    right, wrong = (np.cumsum(one, axis=2, dtype=np.float64) for one in (is_right, is_wrong))
    precision = right / (wrong + right + np.spacing(1))
    envelope = np.maximum.accumulate(precision[:, :, ::-1], axis=2)[:, :, ::-1]
    hits = right[:, :, -1]
    places = np.flatnonzero(is_right)  # of the hits, row by row
    before = np.cumsum(hits).reshape(hits.shape) - hits
    last = before[:, :, None] + needed[:, None] - 1  # the hit that reaches the recall
    is_reached = needed[:, None] <= hits[:, :, None]
    at = np.arange(hits.size).reshape(*hits.shape, 1) * detections  # where no hit is needed
    if len(places):
        index = last.clip(0, len(places) - 1).astype(np.int64)
        at = np.where(needed[:, None] > 0, places[index], at)
    return np.where(is_reached, envelope.reshape(-1)[at.clip(0, envelope.size - 1)], 0.0), hits
