"""The change under which prediction and target correlate most, for networks that are often wrong.

Agreement is mostly the commonest class. The correlation of Matthews, of several classes (Gorodkin
2004, "Comparing two K-category assignments by a K-category correlation coefficient"), leaves chance
aside: it is 0 for every constant prediction. A poor network correlates little with its target; a
change under which it correlates far better, nearly everywhere, is worth a hint.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segpost._core.arrays import Array
from segpost.diagnosis.assignment import best_assignment
from segpost.diagnosis.class_maps import OFFSETS, ClassCounts
from segpost.diagnosis.coded_maps import CodedMaps
from segpost.diagnosis.explanation import Explanation
from segpost.diagnosis.honest_errors import fit_outline, scale_objects
from segpost.diagnosis.values import Int64

MAX_CLASSES = 64  # whose counts are compared
COMPARED_PIXELS = 1 << 16
MIN_CORRELATION = 0.2  # after the change
# By kind: the largest share of it that the prediction may have without the change, the least gain,
# and the least number of standard errors by which tiles are better.
LIMITS = {
    "turn": (0.9, 0.06, 1.8),
    "window": (0.75, 0.12, 2.0),
    "shift": (0.75, 0.12, 2.0),
    "images": (0.75, 0.12, 2.4),
    "offset": (0.5, 0.12, 2.4),
    "permutation": (0.5, 0.12, 2.4),
    "inverted": (0.5, 0.12, 2.4),
}
MAX_HONEST_SHARE = 0.9  # of it, what a wider or narrower outline may have
TILES = 4  # in each direction
MIN_HINT_OFFSET = 3  # pixels
OFFSET_PREFERENCE = 0.85  # share of the best correlation with which an offset is preferred
IMPOSSIBLE_OFFSET_SHARE = 0.87  # of its correlation: predictions below it are errors of their own


class Change(NamedTuple):
    """A prediction after a change, (N, H, W) codes at target size, and what the change is."""

    name: str
    codes: Array
    detail: dict[str, Any]
    scales: tuple[float, float] | None = None  # by which it makes objects higher and wider


def correlate_counts(matrix: Int64) -> float:
    """Return the correlation of Matthews of (V, V) counts, 0 where one side is constant."""
    total = float(matrix.sum())
    rows, columns = (matrix.sum(axis=axis).astype(np.float64) for axis in (1, 0))
    spread = (total**2 - (rows**2).sum()) * (total**2 - (columns**2).sum())
    if spread <= 0:
        return 0.0
    return float((total * float(np.trace(matrix)) - float(rows @ columns)) / spread**0.5)


def match_classes(matrix: Int64) -> npt.NDArray[np.intp]:
    """Return for every target code the predicted code with which it occurs beyond chance."""
    counts = matrix.astype(np.float64)
    total = max(counts.sum(), 1.0)
    excess = counts - np.outer(counts.sum(axis=1), counts.sum(axis=0)) / total
    return best_assignment(excess - excess.min(initial=0.0))


def find_correlated(
    maps: CodedMaps, changes: Iterable[Change], *, has_order: bool = True
) -> Explanation | None:
    """Return the change under which the prediction correlates far better, as a hint, or None.

    Parameters
    ----------
    maps : CodedMaps
    changes : iterable of Change
        Changes of place. Other meanings of the classes are tried beside them.
    has_order : bool
        Whether another order of the classes is tried.
    """
    if len(maps.values) > MAX_CLASSES or not maps.is_varied:
        return None
    everything = [*changes]
    if has_order:
        everything += _iter_orders(maps)
    ranked = sorted(
        ((_correlate(maps, change.codes)[1], index) for index, change in enumerate(everything)),
        reverse=True,
    )
    for after, index in ranked[:1]:
        change = everything[index]
        if after >= MIN_CORRELATION and _is_believable(maps, change):
            return _explain(maps, change)
    return None


def correlate_at(maps: CodedMaps, codes: Array, step: int) -> float:
    """Return the correlation of thinned codes with the thinned target."""
    return correlate_counts(_count(maps.target[:, ::step, ::step], codes, maps))


def _iter_orders(maps: CodedMaps) -> list[Change]:
    """Return the offset of the classes, or else the order, in which they correlate best."""
    columns = match_classes(maps.matrix)
    matched = correlate_counts(maps.matrix[:, columns])
    occurs = (maps.matrix.sum(axis=0) > 0)[columns] & (maps.matrix.sum(axis=1) > 0)
    values = maps.values
    moved = np.flatnonzero(occurs & (columns != np.arange(len(values))))
    counts = ClassCounts(values, maps.matrix)
    best: tuple[float, Change] | None = None
    codes_of = {value: code for code, value in enumerate(values.tolist())}
    for offset in OFFSETS:
        table = np.array([codes_of.get(value - offset, -1) for value in values.tolist()])
        score = correlate_counts(maps.matrix @ (table[:, None] == np.arange(len(values))))
        if not counts.is_possible_offset(offset):
            score *= IMPOSSIBLE_OFFSET_SHARE
        if best is None or score > best[0]:
            renamed = np.where(table < 0, maps.no_code - 1, table).astype(maps.whole.dtype)
            best = score, Change("offset", renamed[maps.whole], {"offset": offset})
    if best is not None and best[0] >= OFFSET_PREFERENCE * matched:
        return [best[1]]
    if len(moved) < 2:
        return []
    order = np.empty(len(values), np.intp)
    order[columns] = np.arange(len(values))
    detail = {
        "classes_moved": len(moved),
        "mapping": ", ".join(f"{values[i]}->{values[columns[i]]}" for i in moved),
        "order": {int(values[columns[i]]): int(values[i]) for i in moved},
    }
    name = "inverted" if values.tolist() == [0, 1] else "permutation"
    return [Change(name, order.astype(maps.whole.dtype)[maps.whole], detail)]


def _is_believable(maps: CodedMaps, change: Change) -> bool:
    """Return whether no alternative correlates nearly as well, and most tiles are better."""
    before, after = _correlate(maps, change.codes)
    max_share, min_gain, min_consistency = LIMITS[change.name]
    limit = min(max_share * after, after - min_gain)
    if before > limit or _consistency(maps, change.codes) < min_consistency:
        return False
    if change.name not in ("shift", "window"):
        return True
    step = _thinning(maps)
    target, predicted, moved = (
        codes[:, ::step, ::step] for codes in (maps.target, maps.whole, change.codes)
    )
    seen = (target != maps.no_code) & (moved != maps.no_code)
    honest = [fit_outline(predicted, target, seen)[1]]
    if change.scales is not None:
        honest.append(np.stack([scale_objects(image, *change.scales) for image in predicted]))
    truth = np.where(seen, target, maps.no_code)
    most = max(correlate_counts(_count(truth, codes, maps)) for codes in honest)
    return most <= MAX_HONEST_SHARE * after


def _correlate(maps: CodedMaps, codes: Array) -> tuple[float, float]:
    """Return the correlation before and after a change, of the pixels that it covers."""
    step = _thinning(maps)
    target, whole, moved = (a[:, ::step, ::step] for a in (maps.target, maps.whole, codes))
    before = np.where(moved == maps.no_code, maps.no_code, whole)
    return (
        correlate_counts(_count(target, before, maps)),
        correlate_counts(_count(target, moved, maps)),
    )


def _consistency(maps: CodedMaps, codes: Array) -> float:
    """Return by how many standard errors the tiles of all images are better after a change."""
    compared = (maps.target != maps.no_code) & (codes != maps.no_code)
    gained = ((codes == maps.target) & compared).astype(np.int8)
    gained -= (maps.whole == maps.target) & compared
    sums = [
        tile.reshape(len(tile), -1).sum(axis=1, dtype=np.int64)
        for rows in np.array_split(gained, TILES, axis=1)
        for tile in np.array_split(rows, TILES, axis=2)
    ]
    totals = np.concatenate(sums).astype(np.float64)
    return float(totals.sum() / max(float(np.sqrt((totals**2).sum())), 1.0))


def _explain(maps: CodedMaps, change: Change) -> Explanation:
    before, after = _correlate(maps, change.codes)
    compared = (maps.target != maps.no_code) & (change.codes != maps.no_code)
    known = int(np.count_nonzero(compared))
    right, was_right = (
        int(np.count_nonzero((codes == maps.target) & compared))
        for codes in (change.codes, maps.whole)
    )
    detail = {
        **change.detail,
        "correlation": round(before, 3),
        "correlation_after": round(after, 3),
    }
    return Explanation(change.name, right, known, detail, was_right / max(known, 1), "hint")


def _count(target: Array, codes: Array, maps: CodedMaps) -> Int64:
    """Return the counts of target codes (rows) and of others, where both are known."""
    n = len(maps.values) + 1  # the last is a class that the maps do not hold
    keep = (target != maps.no_code) & (codes != maps.no_code)
    cells = target[keep].astype(np.int64) * n + np.minimum(codes[keep], n - 1)
    return np.bincount(cells, minlength=n * n).reshape(n, n)


def _thinning(maps: CodedMaps) -> int:
    return max(1, int((maps.target.size / COMPARED_PIXELS) ** 0.5))
