"""Scores along boundaries: `BoundaryIoU`, `TrimapIoU` and `BoundaryF`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np

from segpost._backends import registry
from segpost._core import arguments
from segpost._core.arguments import as_integer, checked_names
from segpost._core.arrays import Array
from segpost.metrics import confusion
from segpost.metrics.arguments import listed
from segpost.metrics.base import Accumulator, added, table, tallies
from segpost.metrics.confusion import Pair
from segpost.metrics.counts import Float64, Int64, Tally, mean_of, ratio


class Alignment(Accumulator):
    """What the measures of this file share: settings, and images one by one."""

    def __init__(
        self,
        num_classes: int,
        *,
        ignore_index: int | Iterable[int] | None = None,
        class_names: Sequence[str] | None = None,
    ) -> None:
        self.num_classes = confusion.class_count(num_classes)
        self._ignored = confusion.ignored_values(ignore_index)
        self.class_names = checked_names(class_names, self.num_classes)

    def update(
        self,
        preds: Any,
        target: Any,
        *,
        axis: int = -3,
        grid: str = "half_pixel",
        threshold: float | None = None,
        nan: str = "raise",
    ) -> None:
        """Count predictions against their target, as `ConfusionMatrix.update`.

        Every image is measured by itself: the width of its bands follows its size. On an error
        nothing is counted.
        """
        self._check_open()
        arguments.check_choice(nan, "nan", arguments.NAN_RULES)
        fresh = self.copy()
        for p, t in listed(preds, target):
            pair = confusion.view(p, t, self.num_classes, axis, grid, threshold)[0]
            for image in pair.images():
                if not image.target.size:
                    continue
                counts = confusion.checked_counts(image, pair, self.num_classes, self._ignored, nan)
                fresh._measure(confusion.labels_of(image)[None], image.target[None], counts)
        self.__dict__.update(fresh.__dict__)

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        return {
            "num_classes": self.num_classes,
            "ignore_index": self._ignored.tolist(),
            "class_names": None if self.class_names is None else list(self.class_names),
        }

    def _measure(self, preds: Array, target: Array, counts: Int64) -> None:
        """Add one image: labels of shape (1, H, W), and their confusion counts."""
        raise NotImplementedError

    def _judged(self, values: Float64) -> Float64:
        """NaN for classes that are an `ignore_index`: they are in no mean."""
        ignored = np.isin(np.arange(self.num_classes), self._ignored)
        return np.where(ignored, np.nan, values)

    def _banded(self, labels: Array, width: int, frame: bool, ignored: Array) -> Array:
        classes = self.num_classes
        out = np.empty(labels.shape, np.uint8 if classes < 254 else np.int32)
        registry.backend(labels, operation="boundary_bands").boundary_bands(
            labels, width, frame, classes, ignored, out
        )
        return out


NOTHING = np.empty(0, np.int64)


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


class BoundaryIoU(Alignment):
    """Boundary IoU of all classes, from one pass over the maps.

    Of every class only the pixels count that are near its boundary, in the prediction and in the
    target: Cheng et al., Boundary IoU, CVPR 2021. Near means within `dilation_ratio` of the image's
    diagonal, in steps of which diagonal ones count as one; void and the end of the image are
    boundaries, as in the authors' code. Void targets are left out.

    Parameters
    ----------
    num_classes, ignore_index, class_names
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

    def __init__(
        self,
        num_classes: int,
        *,
        ignore_index: int | Iterable[int] | None = None,
        class_names: Sequence[str] | None = None,
        dilation_ratio: float = 0.02,
    ) -> None:
        super().__init__(num_classes, ignore_index=ignore_index, class_names=class_names)
        self.dilation_ratio = share(dilation_ratio, "dilation_ratio")
        self.reset()

    def reset(self) -> None:
        """Forget everything that was counted."""
        self._near: Int64 = np.zeros((3, self.num_classes), np.int64)
        self._all: Int64 = np.zeros((3, self.num_classes), np.int64)
        self._reduced = False

    def compute(self) -> BoundaryScores:
        """Scores of everything counted so far."""
        near, plain = Tally(*self._near).iou(), Tally(*self._all).iou()
        return BoundaryScores(self._judged(near), self._judged(plain))

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        return super().settings() | {"dilation_ratio": self.dilation_ratio}

    def _measure(self, preds: Array, target: Array, counts: Int64) -> None:
        c = self.num_classes
        width = max(1, round(self.dilation_ratio * math.hypot(*target.shape[1:])))
        self._all += tally(counts)
        near_preds = self._banded(preds, width, True, NOTHING)
        near_target = self._banded(target, width, True, self._ignored)
        near = Pair(near_preds, None, near_target)
        void = np.array([c + 1], np.int64)
        self._near += tally(confusion.count(near, c + 1, void, "raise"))[:, :c]

    def _totals(self) -> dict[str, Any]:
        return {"near": self._near.tolist(), "all": self._all.tolist()}

    def _restore(self, totals: dict[str, Any]) -> None:
        shape = (3, self.num_classes)
        self._near = tallies(totals["near"], shape, "near")
        self._all = tallies(totals["all"], shape, "all")

    def _absorb(self, other: BoundaryIoU) -> None:
        near, plain = added(self._near, other._near), added(self._all, other._all)
        self.__dict__.update(_near=near, _all=plain)


class TrimapScores(NamedTuple):
    """Scores within bands along the target's boundaries."""

    widths: tuple[int, ...]  # pixels on either side
    iou: Float64  # (W, C), NaN where a class is not in the band
    pixel_accuracy: Float64  # (W,)

    @property
    def miou(self) -> Float64:
        """(W,) mean over the classes that are in the band."""
        return np.array([mean_of(row) for row in self.iou])


class TrimapIoU(Alignment):
    """mIoU in narrow bands along the target's boundaries, for several widths.

    How well edges are met, whatever the interior: Kohli et al., IJCV 2009, and the measure of the
    DenseCRF and DeepLab papers. The band of width w holds the pixels whose square of 2 w + 1 pixels
    has a second label or void in it.

    Parameters
    ----------
    num_classes, ignore_index, class_names
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

    def __init__(
        self,
        num_classes: int,
        *,
        ignore_index: int | Iterable[int] | None = None,
        class_names: Sequence[str] | None = None,
        widths: Sequence[int] = (1, 2, 4, 8, 16, 32),
    ) -> None:
        super().__init__(num_classes, ignore_index=ignore_index, class_names=class_names)
        wanted = sorted({as_integer(w, "widths") for w in widths})
        if not wanted or wanted[0] < 1 or wanted[-1] >= 2**31 or len(wanted) > 1024:
            raise ValueError(f"widths must be 1 to 1024 integers of at least 1, got {widths!r}")
        self.widths = tuple(wanted)
        self.reset()

    def reset(self) -> None:
        """Forget everything that was counted."""
        self._counts: Int64 = np.zeros((len(self.widths), 3, self.num_classes), np.int64)
        self._reduced = False

    def compute(self) -> TrimapScores:
        """Scores of everything counted so far."""
        iou = np.array([self._judged(Tally(*counts).iou()) for counts in self._counts])
        right, target = self._counts[:, 0].sum(axis=1), self._counts[:, 1].sum(axis=1)
        return TrimapScores(self.widths, iou, ratio(right, target))

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        return super().settings() | {"widths": list(self.widths)}

    def _measure(self, preds: Array, target: Array, counts: Int64) -> None:
        c = self.num_classes
        for k, width in enumerate(self.widths):
            band = Pair(preds, None, self._banded(target, width, False, self._ignored))
            void = np.array([c, c + 1], np.int64)
            self._counts[k] += tally(confusion.count(band, c, void, "raise"))

    def _totals(self) -> dict[str, Any]:
        return {"counts": self._counts.tolist()}

    def _restore(self, totals: dict[str, Any]) -> None:
        self._counts = tallies(totals["counts"], self._counts.shape, "counts")

    def _absorb(self, other: TrimapIoU) -> None:
        self._counts = added(self._counts, other._counts)


class BoundaryFScores(NamedTuple):
    """Boundary F of every class; NaN where a class has no boundary in either map."""

    precision: Float64  # (C,) predicted boundary pixels that are near the target's
    recall: Float64  # (C,) boundary pixels of the target that are near predicted ones

    @property
    def f(self) -> Float64:
        """Harmonic mean of the two; 0 where only one map has the class."""
        p, r = np.nan_to_num(self.precision), np.nan_to_num(self.recall)
        known = ~(np.isnan(self.precision) & np.isnan(self.recall))
        harmonic = np.where(p + r > 0, 2 * p * r / np.where(p + r > 0, p + r, 1.0), 0.0)
        return np.where(known, harmonic, np.nan)

    @property
    def mean_f(self) -> float:
        """Mean over the classes that have a boundary."""
        return mean_of(self.f)


class BoundaryF(Alignment):
    """Boundary F: the boundary pixels that have one of the same class near in the other map.

    Csurka et al., What is a good evaluation measure for semantic segmentation?, BMVC 2013; summed
    over the data set. A boundary pixel has a neighbor to the left, right, top or bottom with
    another label. Void is as if it were outside the image: it has no boundary and makes none.

    Parameters
    ----------
    num_classes, ignore_index, class_names
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

    def __init__(
        self,
        num_classes: int,
        *,
        ignore_index: int | Iterable[int] | None = None,
        class_names: Sequence[str] | None = None,
        tolerance: float = 0.0075,
    ) -> None:
        super().__init__(num_classes, ignore_index=ignore_index, class_names=class_names)
        self.tolerance = share(tolerance, "tolerance", 0.1)
        self.reset()

    def reset(self) -> None:
        """Forget everything that was counted."""
        self._counts: Int64 = np.zeros((self.num_classes, 4), np.int64)
        self._reduced = False

    def compute(self) -> BoundaryFScores:
        """Scores of everything counted so far."""
        predicted, near_target, true, near_preds = self._counts.T
        precision, recall = ratio(near_target, predicted), ratio(near_preds, true)
        return BoundaryFScores(self._judged(precision), self._judged(recall))

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        return super().settings() | {"tolerance": self.tolerance}

    def _measure(self, preds: Array, target: Array, counts: Int64) -> None:
        square = math.floor(self.tolerance**2 * (target.shape[1] ** 2 + target.shape[2] ** 2))
        registry.backend(preds, target, operation="boundary_matches").boundary_matches(
            preds, target, self._ignored, disk(square), self._counts
        )

    def _totals(self) -> dict[str, Any]:
        return {"counts": self._counts.tolist()}

    def _restore(self, totals: dict[str, Any]) -> None:
        counts = table(totals["counts"], self._counts.shape, "counts")
        if (counts[:, 1::2] > counts[:, ::2]).any():
            raise ValueError("counts has more matches than pixels")
        self._counts = counts

    def _absorb(self, other: BoundaryF) -> None:
        self._counts = added(self._counts, other._counts)


def tally(counts: Int64) -> Int64:
    """(3, C): hits, target and predicted pixels of every class."""
    inside = counts[:-2]
    return np.stack([inside.diagonal(), inside.sum(axis=1), inside[:, :-1].sum(axis=0)])


@lru_cache(maxsize=8)
def disk(square: int) -> Array:
    """(K, 2) int32 offsets of at most that squared length, nearest first."""
    reach = math.isqrt(square)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.int32)
    length = y.astype(np.int64) ** 2 + x.astype(np.int64) ** 2
    order = np.argsort(length, axis=None, kind="stable")
    inside = order[length.reshape(-1)[order] <= square]
    offsets = np.ascontiguousarray(np.stack([y.reshape(-1)[inside], x.reshape(-1)[inside]], 1))
    offsets.flags.writeable = False
    return offsets


def share(value: Any, name: str, most: float = 1.0) -> float:
    """A number from 0 on."""
    if isinstance(value, (bool, str)) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not 0.0 <= float(value) <= most:
        raise ValueError(f"{name} is a share of the diagonal in 0..{most:g}, got {value!r}")
    return float(value)
