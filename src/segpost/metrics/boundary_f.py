"""`BoundaryF`: precision and recall of boundary pixels within a distance."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np

from segpost._backends import registry
from segpost._core.arguments import ClassNames
from segpost._core.arrays import Array
from segpost._core.equality import compare_by_value
from segpost._core.public import public
from segpost._core.unknown_names import suggest_attributes
from segpost.metrics.arguments import Duplicates
from segpost.metrics.boundary_measure import BoundaryMeasure, as_diagonal_share
from segpost.metrics.counts import CountTable, checked_add
from segpost.metrics.measure import class_rows, class_table
from segpost.metrics.ratios import Float64, Int64, mean_of, ratio
from segpost.metrics.saved import read_counts
from segpost.render.tables import Table

MAX_TOLERANCE = 0.1  # of the diagonal


@suggest_attributes
@compare_by_value
class BoundaryFScores(NamedTuple):
    """Boundary F of every class; NaN where a class has no boundary in either map."""

    precision: Float64  # (C,) predicted boundary pixels that are near the target's
    recall: Float64  # (C,) boundary pixels of the target that are near predicted ones

    @property
    def f(self) -> Float64:
        """Harmonic mean of the two; 0 where only one map has the class."""
        p, r = np.nan_to_num(self.precision), np.nan_to_num(self.recall)
        is_defined = ~(np.isnan(self.precision) & np.isnan(self.recall))
        harmonic = np.where(p + r > 0, 2 * p * r / np.where(p + r > 0, p + r, 1.0), 0.0)
        return np.where(is_defined, harmonic, np.nan)

    @property
    def mean_f(self) -> float:
        """Mean over the classes that have a boundary."""
        return mean_of(self.f)


@public
class BoundaryF(BoundaryMeasure):
    """Boundary F: how many boundary pixels have one of the same class near in the other map.

    Csurka et al., What is a good evaluation measure for semantic segmentation?, BMVC 2013; summed
    over the data set. A boundary pixel has a neighbor to the left, right, top or bottom with
    another label. Void counts as outside the image: it has no boundary and creates none.

    Parameters
    ----------
    num_classes, ignore_index, class_names, duplicates
        As in `ConfusionMatrix`.
    tolerance : float
        Distance (Euclidean) up to which pixels are near, as a share of the image's diagonal, at
        most 0.1.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> target = np.zeros((32, 32), np.uint8)
    >>> target[8:24, 8:24] = 1
    >>> exact, near = segpost.BoundaryF(2, tolerance=0.0), segpost.BoundaryF(2, tolerance=0.03)
    >>> for measure in (exact, near):
    ...     measure.update(preds=np.roll(target, 1, axis=0), target=target)
    >>> exact.compute().mean_f.__round__(3), near.compute().mean_f
    (0.484, 1.0)
    """

    _kind: ClassVar[str] = "BoundaryF"
    report_key: ClassVar[str] = "boundary_f"

    def __init__(
        self,
        num_classes: int,
        *,
        ignore_index: int | Iterable[int] | None = None,
        class_names: ClassNames | None = None,
        tolerance: float = 0.0075,
        duplicates: Duplicates = "raise",
    ) -> None:
        super().__init__(
            num_classes,
            ignore_index=ignore_index,
            class_names=class_names,
            duplicates=duplicates,
        )
        self.tolerance = as_diagonal_share(tolerance, "tolerance", MAX_TOLERANCE)
        self.reset()

    def reset(self) -> None:
        """Set all counts to zero."""
        with self._lock:
            self._counts: Int64 = np.zeros((self.num_classes, 4), np.int64)
            self._reset_base()

    def compute(self) -> BoundaryFScores:
        """Compute the scores of everything counted so far."""
        self._warn_of_labels()
        return self._scores()

    def _scores(self) -> BoundaryFScores:
        predicted, near_target, in_target, near_preds = self._counts.T
        precision, recall = ratio(near_target, predicted), ratio(near_preds, in_target)
        return BoundaryFScores(self._without_ignored(precision), self._without_ignored(recall))

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain data."""
        return super().settings() | {"tolerance": self.tolerance}

    def tables(self, names: Sequence[str] | None = None) -> list[Table]:
        """Return boundary F, precision and recall of every class."""
        names = self._class_names(names)
        scores = self._scores()
        columns = {"F": scores.f, "precision": scores.precision, "recall": scores.recall}
        return [class_table(f"Boundary F, tolerance {self.tolerance:g}", columns, names)]

    def content(self, names: Sequence[str]) -> dict[str, Any]:
        """Return settings, mean and classes as plain data."""
        scores = self._scores()
        columns = {"f": scores.f, "precision": scores.precision, "recall": scores.recall}
        return {
            "tolerance": self.tolerance,
            "mean_f": scores.mean_f,
            "classes": class_rows(columns, names),
        }

    def _measure(self, preds: Array, target: Array, table: CountTable) -> None:
        height, width = target.shape[1:]
        offsets = disk(math.floor(self.tolerance**2 * (height**2 + width**2)))
        registry.backend(preds, target, operation="boundary_matches").boundary_matches(
            preds, target, self._ignored, offsets, self._counts
        )

    def _dump_counts(self) -> dict[str, Any]:
        return {"counts": self._counts.tolist()}

    def _load_counts(self, totals: dict[str, Any]) -> None:
        counts = read_counts(totals["counts"], self._counts.shape, "counts")
        if (counts[:, 1::2] > counts[:, ::2]).any():
            raise ValueError("counts has more matches than pixels")
        self._counts = counts

    def _merge_counts(self, other: BoundaryF) -> None:
        self._counts = checked_add(self._counts, other._counts)


@lru_cache(maxsize=8)
def disk(square: int) -> Array:
    """Return (K, 2) int32 offsets (y, x) of at most that squared length, nearest first."""
    radius = math.isqrt(square)
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.int32)
    length = y.astype(np.int64) ** 2 + x.astype(np.int64) ** 2
    order = np.argsort(length, axis=None, kind="stable")
    inside = order[length.reshape(-1)[order] <= square]
    offsets = np.ascontiguousarray(np.stack([y.reshape(-1)[inside], x.reshape(-1)[inside]], 1))
    offsets.flags.writeable = False
    return offsets
