"""The change under which prediction and target correlate most, for networks that are often wrong.

Agreement is mostly the commonest class. The correlation of Matthews, of several classes (Gorodkin
2004, "Comparing two K-category assignments by a K-category correlation coefficient"), leaves chance
aside: it is 0 for every constant prediction. A poor network correlates little with its target; a
change under which it correlates far better, nearly everywhere, is worth a hint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segpost._core.arrays import Array
from segpost.diagnosis.assignment import best_assignment
from segpost.diagnosis.class_maps import OFFSETS, ClassCounts
from segpost.diagnosis.coded_maps import CodedMaps
from segpost.diagnosis.explanation import Explanation
from segpost.diagnosis.honest_errors import fit_outline, scale_objects
from segpost.diagnosis.placements import Placement, place_pads, place_window
from segpost.diagnosis.values import Int64
from segpost.diagnosis.window_fit import Pads, fit_pads, window_of

MAX_CLASSES = 64  # whose counts are compared
COMPARED_PIXELS = 1 << 16
FITTED_PIXELS = 1 << 14  # on which a padding is fitted
MIN_CORRELATED_PIXELS = 1024  # below, a few errors make a pattern
MIN_CORRELATION = 0.2  # after the change
MAX_CORRELATION = 0.9  # before it: no change is far better
# By kind: the largest share of it that the prediction may have without the change, the least gain,
# and the least number of standard errors by which tiles are better.
LIMITS = {
    "turn": (0.9, 0.06, 1.8),
    "window": (0.75, 0.12, 2.0),
    "shift": (0.75, 0.12, 2.0),
    "tiles": (0.75, 0.12, 2.4),
    "images": (0.75, 0.12, 2.4),
    "offset": (0.5, 0.12, 2.4),
    "permutation": (0.5, 0.12, 2.4),
    "inverted": (0.5, 0.12, 2.4),
}
OPEN_COST = 0.3  # of correlation, of the whole target
MAX_HONEST_SHARE = 0.9  # of it, what a wider or narrower outline may have
TILES = 4  # in each direction
MIN_HINT_OFFSET = 3  # pixels
OFFSET_PREFERENCE = 0.85  # share of the best correlation with which an offset is preferred
IMPOSSIBLE_OFFSET_SHARE = 0.87  # of its correlation: predictions below it are errors of their own


class Change(NamedTuple):
    """A change of a prediction; codes are those of the maps, at target size."""

    name: str
    make: Callable[[int], Array]  # the changed prediction at every so many pixels, (N, h, w)
    detail: dict[str, Any]
    scales: tuple[float, float] | None = None  # by which it makes objects higher and wider


class ThinMaps(NamedTuple):
    """Every so many pixels of target and prediction, and the number of codes."""

    step: int
    target: Array
    predicted: Array
    no_code: int
    codes: int

    def count_codes(self, codes: Array, target: Array | None = None) -> Int64:
        """Return the counts of target codes (rows) and of others, where both are known."""
        truth = self.target if target is None else target
        n = self.codes + 1  # the last is a class that the maps do not hold
        keep = (truth != self.no_code) & (codes != self.no_code)
        cells = truth[keep].astype(np.int32) * n + np.minimum(codes[keep], n - 1)
        return np.bincount(cells, minlength=n * n).reshape(n, n)

    def correlate(self, codes: Array) -> tuple[float, float]:
        """Return the correlation before and after a change, of the pixels that it covers."""
        before = self.predicted
        if (codes == self.no_code).any():
            before = np.where(codes == self.no_code, self.no_code, before)
        return correlate_counts(self.count_codes(before)), correlate_counts(self.count_codes(codes))


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


def find_correlated(maps: CodedMaps, changes: Iterable[Change]) -> Explanation | None:
    """Return the change under which the prediction correlates far better, as a hint, or None.

    Parameters
    ----------
    maps : CodedMaps
    changes : iterable of Change
        Changes of place. Other meanings of the classes are tried beside them.
    """
    if (
        len(maps.values) > MAX_CLASSES
        or maps.valid_pixels < MIN_CORRELATED_PIXELS
        or not maps.is_varied
    ):
        return None
    if correlate_counts(maps.matrix) > MAX_CORRELATION:
        return None
    step = max(1, int((maps.target.size / COMPARED_PIXELS) ** 0.5))
    target, predicted = maps.target[:, ::step, ::step], maps.whole[:, ::step, ::step]
    thin = ThinMaps(step, target, predicted, maps.no_code, len(maps.values))
    best: tuple[float, Change, Array] | None = None
    for change in (*_iter_orders(maps), *changes):
        codes = change.make(step)
        rating = _rate(thin, codes)
        if best is None or rating > best[0]:
            best = rating, change, codes
    if best is None or not _is_believable(thin, best[1], best[2]):
        return None
    return _explain(maps, best[1], thin.correlate(best[2]))


def find_padding(maps: CodedMaps) -> Placement | None:
    """Return the padding or crop of any size under which the prediction correlates most."""
    if len(maps.values) > MAX_CLASSES:
        return None
    step = max(1, int((maps.target.size / FITTED_PIXELS) ** 0.5))
    n = len(maps.values) + 1  # the last stands for what is not known
    target = maps.target[:, ::step, ::step]
    rows = np.where(target == maps.no_code, n - 1, target).astype(np.int32) * n
    shape = (int(maps.predicted.shape[1]), int(maps.predicted.shape[2]))

    def score(pads: Pads) -> float:
        placement = place_window(shape, maps.size, window_of(pads, maps.size), {})
        moved = placement.apply(maps.predicted, n - 1, step)
        counts = np.bincount((rows + moved).reshape(-1), minlength=n * n).reshape(n, n)
        return correlate_counts(counts[:-1, :-1])

    pads = fit_pads(maps.size, score)
    return None if pads is None else place_pads(shape, maps.size, pads)


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
            best = score, Change("offset", _renamed(maps, renamed), {"offset": offset})
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
    return [Change(name, _renamed(maps, order.astype(maps.whole.dtype)), detail)]


def _renamed(maps: CodedMaps, table: Array) -> Callable[[int], Array]:
    """Return a function that makes the prediction with other codes."""
    return lambda step: table[maps.whole[:, ::step, ::step]]


def _rate(thin: ThinMaps, codes: Array) -> float:
    """Return the correlation after a change, less for pixels of the target that it leaves open."""
    is_known = thin.target != thin.no_code
    valid_pixels = max(int(np.count_nonzero(is_known)), 1)
    covered = int(np.count_nonzero(is_known & (codes != thin.no_code))) / valid_pixels
    return correlate_counts(thin.count_codes(codes)) - OPEN_COST * (1 - covered)


def _is_believable(thin: ThinMaps, change: Change, codes: Array) -> bool:
    """Return whether no alternative correlates nearly as well, and most tiles are better."""
    before, after = thin.correlate(codes)
    max_share, min_gain, min_consistency = LIMITS[change.name]
    if after < MIN_CORRELATION or before > min(max_share * after, after - min_gain):
        return False
    if _consistency(thin, codes) < min_consistency:
        return False
    if change.name not in ("shift", "window"):
        return True
    seen = (thin.target != thin.no_code) & (codes != thin.no_code)
    honest = [fit_outline(thin.predicted, thin.target, seen)[1]]
    if change.scales is not None:
        honest += [np.stack([scale_objects(image, *change.scales) for image in thin.predicted])]
    truth = np.where(seen, thin.target, thin.no_code)
    most = max(correlate_counts(thin.count_codes(other, truth)) for other in honest)
    return most <= MAX_HONEST_SHARE * after


def _consistency(thin: ThinMaps, codes: Array) -> float:
    """Return by how many standard errors the tiles of all images are better after a change."""
    compared = (thin.target != thin.no_code) & (codes != thin.no_code)
    gained = ((codes == thin.target) & compared).astype(np.int8)
    gained -= (thin.predicted == thin.target) & compared
    sums = [
        tile.reshape(len(tile), -1).sum(axis=1, dtype=np.int64)
        for rows in np.array_split(gained, TILES, axis=1)
        for tile in np.array_split(rows, TILES, axis=2)
    ]
    totals = np.concatenate(sums).astype(np.float64)
    return float(totals.sum() / max(float(np.sqrt((totals**2).sum())), 1.0))


def _explain(maps: CodedMaps, change: Change, correlations: tuple[float, float]) -> Explanation:
    codes = change.make(1)
    compared = (maps.target != maps.no_code) & (codes != maps.no_code)
    valid_pixels = int(np.count_nonzero(compared))
    right, was_right = (
        int(np.count_nonzero((each == maps.target) & compared)) for each in (codes, maps.whole)
    )
    detail = {
        **change.detail,
        "correlation": round(correlations[0], 3),
        "correlation_after": round(correlations[1], 3),
    }
    return Explanation(
        change.name, right, valid_pixels, detail, was_right / max(valid_pixels, 1), "hint"
    )
