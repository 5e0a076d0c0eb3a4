"""`TrimapIoU`: IoU in bands along the target's boundaries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from segpost._core.arguments import ClassNames, as_integer
from segpost._core.arrays import Array
from segpost._core.equality import compare_by_value
from segpost._core.public import public
from segpost._core.unknown_names import suggest_attributes
from segpost.metrics.arguments import Duplicates
from segpost.metrics.boundary_measure import BoundaryMeasure, count_bands
from segpost.metrics.counts import ClassCounts, CountTable, checked_add
from segpost.metrics.ratios import Float64, Int64, mean_of, ratio
from segpost.metrics.saved import read_class_counts
from segpost.render.tables import Table, format_score

MAX_WIDTHS = 1024


@suggest_attributes
@compare_by_value
class TrimapScores(NamedTuple):
    """Scores within bands along the target's boundaries."""

    widths: tuple[int, ...]  # pixels on either side
    iou: Float64  # (W, C), NaN where a class is not in the band
    pixel_accuracy: Float64  # (W,)

    @property
    def miou(self) -> Float64:
        """(W,) mean over the classes that are in the band."""
        return np.array([mean_of(row) for row in self.iou])


@public
class TrimapIoU(BoundaryMeasure):
    """mIoU in narrow bands along the target's boundaries, for several widths.

    It measures how well edges are segmented, whatever the interior: Kohli et al., IJCV 2009, and
    the measure of the DenseCRF and DeepLab papers. The band of width w holds the pixels around
    which a square of 2 w + 1 pixels has a second label or void in it.

    Parameters
    ----------
    num_classes, ignore_index, class_names, duplicates
        As in `ConfusionMatrix`.
    widths : sequence of int
        In pixels, each at least 1.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> target = np.zeros((32, 32), np.uint8)
    >>> target[8:24, 8:24] = 1
    >>> measure = segpost.TrimapIoU(2, widths=(1, 4, 8))
    >>> measure.update(preds=np.roll(target, 1, axis=0), target=target)
    >>> measure.compute().miou.round(3)
    array([0.599, 0.875, 0.921])
    """

    _kind: ClassVar[str] = "TrimapIoU"
    report_key: ClassVar[str] = "trimap"

    def __init__(
        self,
        num_classes: int,
        *,
        ignore_index: int | Iterable[int] | None = None,
        class_names: ClassNames | None = None,
        widths: Sequence[int] = (1, 2, 4, 8, 16, 32),
        duplicates: Duplicates = "raise",
    ) -> None:
        super().__init__(
            num_classes,
            ignore_index=ignore_index,
            class_names=class_names,
            duplicates=duplicates,
        )
        if not isinstance(widths, (Sequence, np.ndarray)) or isinstance(widths, str):
            raise TypeError(f"widths must be a sequence of integers, got {widths!r}, such as (3,)")
        unique = sorted({as_integer(width, "widths") for width in widths})
        if not unique or unique[0] < 1 or unique[-1] >= 2**31 or len(unique) > MAX_WIDTHS:
            raise ValueError(
                f"widths must be 1 to {MAX_WIDTHS} integers of at least 1, got {widths!r}"
            )
        self.widths = tuple(unique)
        self.reset()

    def reset(self) -> None:
        """Set all counts to zero."""
        with self._lock:
            self._counts: Int64 = np.zeros((len(self.widths), 3, self.num_classes), np.int64)
            self._reset_base()

    def compute(self) -> TrimapScores:
        """Compute the scores of everything counted so far."""
        self._warn_of_labels()
        return self._scores()

    def _scores(self) -> TrimapScores:
        counts = self._counts  # replaced by every update, not changed
        iou = [self._without_ignored(ClassCounts(*band).iou()) for band in counts]
        true_positives, support = counts[:, 0].sum(axis=1), counts[:, 1].sum(axis=1)
        return TrimapScores(self.widths, np.array(iou), ratio(true_positives, support))

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain data."""
        return super().settings() | {"widths": list(self.widths)}

    def tables(self, names: Sequence[str] | None = None) -> list[Table]:
        """Return a table with a row for each width."""
        scores = self._scores()
        accuracy = scores.pixel_accuracy.tolist()
        rows: list[tuple[str, ...]] = [
            (str(width), format_score(miou), format_score(right))
            for width, miou, right in zip(
                scores.widths, scores.miou.tolist(), accuracy, strict=True
            )
        ]
        return [Table("Trimap IoU", ("width", "mIoU", "pixel accuracy"), rows, words=0)]

    def content(self, names: Sequence[str]) -> dict[str, Any]:
        """Return every width with all its classes as plain data."""
        scores = self._scores()
        miou, accuracy, iou = (
            part.tolist() for part in (scores.miou, scores.pixel_accuracy, scores.iou)
        )
        return {
            "widths": [
                {"width": width, "miou": miou[k], "pixel_accuracy": accuracy[k], "iou": iou[k]}
                for k, width in enumerate(scores.widths)
            ]
        }

    def _measure(self, preds: Array, target: Array, table: CountTable) -> None:
        c = self.num_classes
        for k, width in enumerate(self.widths):
            band = self._boundary_bands(target, width, False, self._ignored)
            self._counts[k] += count_bands(preds, band, c, [c, c + 1])

    def _dump_counts(self) -> dict[str, Any]:
        return {"counts": self._counts.tolist()}

    def _load_counts(self, totals: dict[str, Any]) -> None:
        self._counts = read_class_counts(totals["counts"], self._counts.shape, "counts")

    def _merge_counts(self, other: TrimapIoU) -> None:
        self._counts = checked_add(self._counts, other._counts)
