"""Average precision and recall of every class, and their means."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from segpost._core.arguments import check_choice
from segpost._core.equality import compare_by_value
from segpost._core.public import public
from segpost.metrics.ratios import Float64, Int64, mean_of


@public
@compare_by_value
class MaskAPScores(NamedTuple):
    """Average precision (AP) and average recall (AR) of masks, as COCO defines them.

    A class without true masks that count has NaN, and is in no mean: COCO's code has -1 there.
    Means are over IoU thresholds, and over the classes that have a value.

    Attributes
    ----------
    precision : float64 array of shape (T, 101, C, A, M)
        At every IoU threshold, recall (0, 0.01, ... 1), class, area range and number of
        detections: ``COCOeval.eval["precision"]``.
    recall : float64 array of shape (T, C, A, M)
        The largest recall: ``COCOeval.eval["recall"]``.
    targets : int64 array of shape (C, A)
        True masks that count, of each class and area range.
    detections : int64 array of shape (C,)
        Predicted masks, of an image at most as many as the largest of `max_detections`.
    categories : tuple of int
        The category of each class, in ascending order.
    iou_thresholds : tuple of float
    areas : tuple of str
        The names of the area ranges.
    max_detections : tuple of int

    Examples
    --------
    >>> import numpy as np, segpost
    >>> masks = np.zeros((2, 8, 8), bool)
    >>> masks[0, :4], masks[1, 4:, :6] = True, True
    >>> measure = segpost.MaskAP([3])
    >>> preds = {"masks": masks, "scores": [0.9, 0.4], "labels": [3, 3]}
    >>> measure.update(preds=preds, target={"masks": masks[:1], "labels": [3]})
    >>> scores = measure.compute()
    >>> round(scores.ap, 6), scores.ar(max_detections=1), scores.ap_large
    (1.0, 1.0, nan)
    """

    precision: Float64
    recall: Float64
    targets: Int64
    detections: Int64
    categories: tuple[int, ...]
    iou_thresholds: tuple[float, ...]
    areas: tuple[str, ...]
    max_detections: tuple[int, ...]

    @property
    def ap(self) -> float:
        """Mean AP over IoU thresholds and classes, of the largest number of detections."""
        return self.mean_ap()

    @property
    def ap50(self) -> float:
        """Mean AP at IoU 0.5."""
        return self.mean_ap(iou=0.5)

    @property
    def ap75(self) -> float:
        """Mean AP at IoU 0.75."""
        return self.mean_ap(iou=0.75)

    @property
    def ap_small(self) -> float:
        """Mean AP of small masks."""
        return self._of_area("small")

    @property
    def ap_medium(self) -> float:
        """Mean AP of medium masks."""
        return self._of_area("medium")

    @property
    def ap_large(self) -> float:
        """Mean AP of large masks."""
        return self._of_area("large")

    @property
    def class_ap(self) -> Float64:
        """AP of each class over IoU thresholds, (C,)."""
        return self._class_ap(slice(None))

    @property
    def class_ap50(self) -> Float64:
        """AP of each class at IoU 0.5, (C,); NaN where that is no threshold."""
        return self._class_ap(self._find(0.5))

    @property
    def class_ap75(self) -> Float64:
        """AP of each class at IoU 0.75, (C,)."""
        return self._class_ap(self._find(0.75))

    @property
    def class_ar(self) -> Float64:
        """AR of each class over IoU thresholds, (C,)."""
        means: Float64 = self.recall[:, :, 0, -1].mean(axis=0)
        return means

    @property
    def stats(self) -> tuple[float, ...]:
        """The numbers of ``COCOeval.stats``, in its order; NaN where it has -1.

        With other area ranges or numbers of detections than COCO's there are others: AP, AP50,
        AP75, AP of each further area, AR of each number of detections, AR of each further area.
        """
        areas = self.areas[1:]
        return (
            *(self.ap, self.ap50, self.ap75, *(self.mean_ap(area=area) for area in areas)),
            *(self.ar(max_detections=count) for count in self.max_detections),
            *(self.ar(area=area) for area in areas),
        )

    def mean_ap(
        self,
        *,
        iou: float | None = None,
        area: str | None = None,
        max_detections: int | None = None,
    ) -> float:
        """Return the mean AP over classes.

        Parameters
        ----------
        iou : float, optional
            One of the thresholds; by default the mean over all. NaN for another value.
        area : str, optional
            One of `areas`; the first by default.
        max_detections : int, optional
            One of `max_detections`; the largest by default.

        Raises
        ------
        ValueError
            For another area or number of detections.
        """
        a, m = self._place(area, max_detections)
        if iou is not None and not self._find(iou):
            return math.nan
        part = self.precision if iou is None else self.precision[self._find(iou)]
        is_there = self.targets[:, a] > 0
        return mean_of(np.compress(is_there, part[:, :, :, a, m], axis=2))

    def ar(self, *, area: str | None = None, max_detections: int | None = None) -> float:
        """Return the mean AR over classes and IoU thresholds; arguments as of `mean_ap`."""
        a, m = self._place(area, max_detections)
        return mean_of(self.recall[:, :, a, m])

    def _place(self, area: str | None, count: int | None) -> tuple[int, int]:
        """Return the indices of an area range and of a number of detections."""
        area = self.areas[0] if area is None else area
        check_choice(area, "area", self.areas)
        count = self.max_detections[-1] if count is None else count
        if count not in self.max_detections:
            raise ValueError(f"max_detections must be one of {self.max_detections}, got {count!r}")
        return self.areas.index(area), self.max_detections.index(count)

    def _find(self, iou: float) -> list[int]:
        """Return the index of an IoU threshold, none where it is none."""
        return np.flatnonzero(np.isclose(self.iou_thresholds, iou, rtol=0, atol=1e-9)).tolist()

    def _of_area(self, area: str) -> float:
        return self.mean_ap(area=area) if area in self.areas else math.nan

    def _class_ap(self, thresholds: list[int] | slice) -> Float64:
        part = self.precision[thresholds, :, :, 0, -1]
        if not len(part):
            return np.full(len(self.categories), np.nan)
        means: Float64 = part.mean(axis=(0, 1))
        return means
