"""Base of the measures along boundaries: their settings, and images counted one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from segpost._backends import registry
from segpost._core import arguments
from segpost._core.arguments import ClassNames, NanRule, checked_names
from segpost._core.arrays import Array
from segpost._core.sampling import Grid
from segpost.metrics.arguments import (
    Duplicates,
    as_class_count,
    as_duplicates,
    as_ignored_values,
)
from segpost.metrics.class_values import ClassValues
from segpost.metrics.counting import count_pair
from segpost.metrics.counts import (
    CountSnapshot,
    CountTable,
    LabelPairs,
    LabelRules,
    add_pairs,
    checked_add,
)
from segpost.metrics.invalid_labels import out_of_range_pairs
from segpost.metrics.measure import Measure, names_of_images
from segpost.metrics.pairs import PredictionPair, as_pairs, raise_in_list
from segpost.metrics.ratios import Float64, Int64, class_mask
from segpost.metrics.reading import Reading, as_reading
from segpost.metrics.suspicious_preds import warn_of_invalid_preds
from segpost.metrics.suspicious_targets import warn_of_targets
from segpost.runtimes.convention import Convention
from segpost.runtimes.table import ConventionName

B = TypeVar("B", bound="BoundaryMeasure")


class BoundaryMeasure(Measure):
    """Counts along boundaries: every image is measured on its own.

    All pixels are counted, too, to see what the labels mean. These counts are in no saved state.
    """

    _state: Int64 | None = None  # in pickles of the first release, and after loading
    _outside: LabelPairs

    def __init__(
        self,
        num_classes: int,
        *,
        ignore_index: int | Iterable[int] | None = None,
        class_names: ClassNames | None = None,
        duplicates: Duplicates = "raise",
    ) -> None:
        self.num_classes = as_class_count(num_classes)
        self._ignored = as_ignored_values(ignore_index)
        self.class_names = checked_names(class_names, self.num_classes)
        self.duplicates = as_duplicates(duplicates)

    def update(
        self,
        preds: Any,
        target: Any,
        *,
        ids: Sequence[str | int] | str | int | None = None,
        convention: Convention | ConventionName | None = None,
        axis: int | None = None,
        grid: Grid | None = None,
        threshold: float | None = None,
        quantization: tuple[float, int] | None = None,
        nan: NanRule = "raise",
    ) -> None:
        """Count predictions against their target, with the arguments of `ConfusionMatrix.update`.

        Every image is measured on its own: the width of its bands follows its size. On an error
        nothing is counted.
        """
        self._check_not_reduced()
        reading = as_reading(convention, axis, grid, threshold, quantization)
        arguments.check_choice(nan, "nan", arguments.NAN_RULES)
        self._count(self._empty(), preds, target, ids, reading, nan)

    def _count(
        self: B, batch: B, preds: Any, target: Any, ids: Any, reading: Reading, nan: NanRule
    ) -> None:
        """Measure every image in an empty measure, `batch`, and add its counts."""
        rules = LabelRules(self.num_classes, self._ignored)
        pairs = as_pairs(preds, target, self.num_classes, reading)
        names = iter(names_of_images(ids, pairs))
        for index, pair in enumerate(pairs):
            try:
                for image, name in zip(pair.images(), names, strict=False):
                    part = batch if name is None else batch._empty()
                    if image.target.size:
                        table = count_pair(image, rules, nan, batch=pair)
                        part._measure(image.labels()[None], image.target[None], table)
                        part._count_labels(image, rules, table)
                    if name is not None:
                        part._name_image(name)
                        batch._merge(part)
            except (ValueError, TypeError) as error:
                raise_in_list(error, preds, index)
        self._add_batch(batch)

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain data."""
        return {
            "num_classes": self.num_classes,
            "ignore_index": self._ignored.tolist(),
            "class_names": None if self.class_names is None else list(self.class_names),
            "duplicates": self.duplicates,
        }

    def _measure(self, preds: Array, target: Array, table: CountTable) -> None:
        """Add one image: labels (1, H, W), of a volume (1, D, H, W), and their confusion counts."""
        raise NotImplementedError

    def _count_labels(self, pair: PredictionPair, rules: LabelRules, table: CountTable) -> None:
        """Add the confusion counts of an image."""
        assert self._state is not None
        self._state = checked_add(self._state, table.to_state())
        if table.has_invalid_labels:
            add_pairs(self._outside, out_of_range_pairs(pair, rules))

    def _warn_of_labels(self) -> None:
        """Warn as `ConfusionMatrix.compute` does of labels that are no classes of the data set."""
        with self._lock:
            if self._state is None:
                return
            counts = CountSnapshot(self._state, dict(self._outside), (), self.settings())
        warn_of_invalid_preds(counts)
        warn_of_targets(counts)

    def _reset_base(self) -> None:
        super()._reset_base()
        self._state = np.zeros((self.num_classes + 1, self.num_classes + 1), np.int64)
        self._outside = {}

    def _load(self, totals: dict[str, Any]) -> None:
        super()._load(totals)
        self._state = None

    def _merge(self: B, other: B) -> None:
        super()._merge(other)
        if self._state is None or other._state is None:
            self._state = None
        else:
            self._state = checked_add(self._state, other._state)
            self._outside = {**self._outside}  # copies may have the old one
            add_pairs(self._outside, other._outside)

    def _without_ignored(self, values: Float64) -> ClassValues:
        """Set the values of classes that are an `ignore_index` to NaN; they are in no mean."""
        if self._ignored.size:
            values[class_mask(self._ignored.tolist(), self.num_classes)] = np.nan
        return ClassValues.of(values, self.class_names)

    def _boundary_bands(self, labels: Array, width: int, frame: bool, ignored: Array) -> Array:
        """Return the labels near a boundary; C elsewhere, and C + 1 where they are ignored."""
        classes = self.num_classes
        bands = np.empty(labels.shape, np.uint8 if classes < 254 else np.int32)
        registry.backend(labels, operation="boundary_bands").boundary_bands(
            labels, width, frame, classes, ignored, bands
        )
        return bands


def class_counts_array(table: CountTable) -> Int64:
    """Return (3, C) true positives, target pixels and predicted pixels of every class."""
    array = table.array
    classes = array.shape[1] - 1
    counts = np.empty((3, classes), np.int64)
    counts[0] = array.diagonal()[:classes]
    np.add.reduce(array[:classes], 1, None, counts[1])
    np.add.reduce(array[:classes, :classes], 0, None, counts[2])
    counts[2] += array[-1, :classes]
    return counts


def count_bands(preds: Array, target: Array, classes: int, ignored: Sequence[int]) -> Int64:
    """Return (3, classes) class counts of two maps of bands."""
    table = CountTable.zeros(classes)
    registry.backend().confusion_labels(preds, target, np.array(ignored, np.int64), table.array)
    return class_counts_array(table)


def as_diagonal_share(value: Any, name: str, largest: float = 1.0) -> float:
    """Check a length that is a share of the image's diagonal."""
    if isinstance(value, (bool, str)) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not 0.0 <= float(value) <= largest:
        raise ValueError(f"{name} is a share of the diagonal in 0..{largest:g}, got {value!r}")
    return float(value)
