"""`BoundaryIoU`: IoU of the pixels near the boundary of their class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from segpost._core.arguments import ClassNames
from segpost._core.arrays import Array
from segpost._core.equality import compare_by_value
from segpost._core.public import public
from segpost._core.unknown_names import suggest_attributes
from segpost.metrics.arguments import Duplicates
from segpost.metrics.boundary_measure import (
    BoundaryMeasure,
    as_diagonal_share,
    class_counts_array,
    count_bands,
)
from segpost.metrics.counts import ClassCounts, CountTable, checked_add
from segpost.metrics.measure import class_rows, class_table
from segpost.metrics.ratios import Float64, Int64, mean_of
from segpost.metrics.saved import read_class_counts
from segpost.render.tables import Table


@suggest_attributes
@compare_by_value
class BoundaryScores(NamedTuple):
    """Boundary IoU beside the plain one; NaN for a class in neither map, and an ignored one."""

    boundary_iou: Float64  # (C,)
    iou: Float64  # (C,)

    @property
    def min_iou(self) -> Float64:
        """The smaller of the two for every class, which neither interior nor boundary can hide."""
        return np.fmin(self.iou, self.boundary_iou)

    @property
    def mean_boundary_iou(self) -> float:
        """Mean over the classes that occur."""
        return mean_of(self.boundary_iou)


@public
class BoundaryIoU(BoundaryMeasure):
    """Boundary IoU of all classes, in one pass over the maps.

    Of every class only the pixels near its boundary count, in the prediction and in the target:
    Cheng et al., Boundary IoU, CVPR 2021. Near means within `dilation_ratio` of the image's
    diagonal, in chessboard distance; void and the edge of the image are boundaries, as in the
    authors' code. Void targets are left out.

    Parameters
    ----------
    num_classes, ignore_index, class_names, duplicates
        As in `ConfusionMatrix`.
    dilation_ratio : float
        Width of the band as a share of the diagonal, at least one pixel.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> target = np.zeros((32, 32), np.uint8)
    >>> target[8:24, 8:24] = 1
    >>> measure = segpost.BoundaryIoU(2, dilation_ratio=0.05)
    >>> measure.update(preds=np.roll(target, 1, axis=0), target=target)
    >>> scores = measure.compute()
    >>> scores.iou.round(3), scores.boundary_iou.round(3)
    (array([0.959, 0.882]), array([0.829, 0.6  ]))
    """

    _kind: ClassVar[str] = "BoundaryIoU"
    report_key: ClassVar[str] = "boundary"

    def __init__(
        self,
        num_classes: int,
        *,
        ignore_index: int | Iterable[int] | None = None,
        class_names: ClassNames | None = None,
        dilation_ratio: float = 0.02,
        duplicates: Duplicates = "raise",
    ) -> None:
        super().__init__(
            num_classes,
            ignore_index=ignore_index,
            class_names=class_names,
            duplicates=duplicates,
        )
        self.dilation_ratio = as_diagonal_share(dilation_ratio, "dilation_ratio")
        self.reset()

    def reset(self) -> None:
        """Set all counts to zero."""
        with self._lock:
            self._near: Int64 = np.zeros((3, self.num_classes), np.int64)
            self._all: Int64 = np.zeros((3, self.num_classes), np.int64)
            self._reset_base()

    def compute(self) -> BoundaryScores:
        """Compute the scores of everything counted so far."""
        self._warn_of_labels()
        return self._scores()

    def _scores(self) -> BoundaryScores:
        with self._lock:
            near, plain = ClassCounts(*self._near).iou(), ClassCounts(*self._all).iou()
        return BoundaryScores(self._without_ignored(near), self._without_ignored(plain))

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain data."""
        return super().settings() | {"dilation_ratio": self.dilation_ratio}

    def tables(self, names: Sequence[str] | None = None) -> list[Table]:
        """Return boundary IoU of every class, and the smaller of it and the plain one."""
        names = self._class_names(names)
        scores = self._scores()
        columns = {"boundary IoU": scores.boundary_iou, "min(IoU, boundary IoU)": scores.min_iou}
        title = f"Boundary IoU, dilation ratio {self.dilation_ratio:g}"
        return [class_table(title, columns, names)]

    def content(self, names: Sequence[str]) -> dict[str, Any]:
        """Return settings, mean and classes as plain data."""
        scores = self._scores()
        columns = {
            "boundary_iou": scores.boundary_iou,
            "iou": scores.iou,
            "min_iou": scores.min_iou,
        }
        return {
            "dilation_ratio": self.dilation_ratio,
            "mean_boundary_iou": scores.mean_boundary_iou,
            "classes": class_rows(columns, names),
        }

    def _measure(self, preds: Array, target: Array, table: CountTable) -> None:
        c = self.num_classes
        width = max(1, round(self.dilation_ratio * math.hypot(*target.shape[1:])))
        self._all += class_counts_array(table)
        near_preds = self._boundary_bands(preds, width, True, np.empty(0, np.int64))
        near_target = self._boundary_bands(target, width, True, self._ignored)
        self._near += count_bands(near_preds, near_target, c + 1, [c + 1])[:, :c]

    def _dump_counts(self) -> dict[str, Any]:
        return {"near": self._near.tolist(), "all": self._all.tolist()}

    def _load_counts(self, totals: dict[str, Any]) -> None:
        shape = (3, self.num_classes)
        self._near = read_class_counts(totals["near"], shape, "near")
        self._all = read_class_counts(totals["all"], shape, "all")

    def _merge_counts(self, other: BoundaryIoU) -> None:
        near = checked_add(self._near, other._near)
        self.__dict__.update(_near=near, _all=checked_add(self._all, other._all))
