"""Definition of the matches of detections, and of their precision and recall."""

from __future__ import annotations

import itertools

import numpy as np

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
    """Return the matches of an image, limit by limit and range by range."""
    preds, target = _pixels_of(runs), _pixels_of(true_runs)
    order = np.lexsort((-scores, classes)).tolist()
    order = [d for k, d in enumerate(order) if k < most or classes[order[k - most]] != classes[d]]
    kinds = np.unique(true_classes)
    counts = np.zeros((len(kinds), len(ranges)), np.int64)
    matched, ignored = (dict.fromkeys(order, 0) for _ in range(2))
    for a, (least, largest) in enumerate(ranges.tolist()):
        does_count = (true_areas >= least) & (true_areas <= largest) & ~is_crowd
        counts[:, a] = [np.count_nonzero(does_count & (true_classes == kind)) for kind in kinds]
        for t, limit in enumerate(limits.tolist()):
            bit, free = 1 << (a * len(limits) + t), set(range(len(target)))
            for d in order:
                options = [
                    (bool(does_count[k]), iou, k)
                    for k in free
                    if true_classes[k] == classes[d]
                    and (iou := _iou(preds[d], target[k], is_crowd[k])) >= limit
                ]
                if options:
                    *_, k = max(options)
                    free -= set() if is_crowd[k] else {k}
                    matched[d] |= bit
                    ignored[d] |= 0 if does_count[k] else bit
                elif not least <= len(preds[d]) <= largest:
                    ignored[d] |= bit
    of_match, of_others = (np.array([*one.values()], np.uint64) for one in (matched, ignored))
    return ImageDetections(classes[order], scores[order], of_match, of_others, kinds, counts)


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
    """Write precision and recall, curve by curve."""
    for t, c, a, m in itertools.product(*map(range, recall.shape)):
        is_own = np.zeros(len(rank), bool)
        is_own[bounds[c] : bounds[c + 1]] = True
        bit = np.uint64(a * len(recall) + t)
        has_match, counts = (
            (matched >> bit & np.uint64(1)) == 1,
            (ignored >> bit & np.uint64(1)) == 0,
        )
        is_own &= counts & (rank < most[m])
        right, wrong = (np.cumsum(one[is_own], dtype=float) for one in (has_match, ~has_match))
        if targets[c, a] == 0:
            recall[t, c, a, m], precision[t, :, c, a, m] = np.nan, np.nan
            continue
        reached = right / targets[c, a]
        recall[t, c, a, m] = reached.max(initial=0)
        own = right / (wrong + right + np.spacing(1))
        for r, wanted in enumerate(recalls):
            precision[t, r, c, a, m] = own[reached >= wanted].max(initial=0)


def _pixels_of(runs: RunArrays) -> list[set[tuple[int, int]]]:
    """Return the pixels of every mask."""
    offsets, *columns = runs
    rows = np.stack(columns, axis=1).tolist()
    return [
        {(x, y) for x, top, bottom in rows[i:j] for y in range(top, bottom)}
        for i, j in itertools.pairwise(offsets.tolist())
    ]


def _iou(pred: set[tuple[int, int]], true: set[tuple[int, int]], is_crowd: bool) -> float:
    union = pred if is_crowd else pred | true
    return len(pred & true) / max(len(union), 1)
