"""`InstanceIoU`: IoU in which a small object counts as much as a large one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from segpost._backends import registry
from segpost._core.arguments import NAN_RULES, ClassNames, NanRule, as_integer, check_choice
from segpost._core.arrays import Array, as_input_array
from segpost._core.errors import warn_of_input
from segpost._core.public import public
from segpost._core.sampling import Grid
from segpost._core.validation import check_integer_labels
from segpost.color.palette import Palette
from segpost.metrics.arguments import Duplicates, as_duplicates
from segpost.metrics.class_values import ClassValues
from segpost.metrics.counting import count_pair
from segpost.metrics.counts import LabelRules
from segpost.metrics.groups import Groups, top_groups
from segpost.metrics.invalid_labels import out_of_range_pairs
from segpost.metrics.matrix import ConfusionMatrix
from segpost.metrics.measure import (
    InstanceScores,
    Measure,
    class_rows,
    class_table,
    names_of_images,
)
from segpost.metrics.pairs import PredictionPair, as_pairs, raise_in_list
from segpost.metrics.ratios import ratio
from segpost.metrics.reading import as_reading
from segpost.metrics.saved import read_integer
from segpost.render.tables import Table, format_score
from segpost.render.text import as_printable
from segpost.runtimes.convention import Convention
from segpost.runtimes.table import ConventionName

# Mean number of pixels of an instance in the Cityscapes training set, by trainId, as the
# benchmark's evaluation weights instances.
CITYSCAPES_THINGS = {
    11: 3462.4756337644,
    12: 3930.4788056518,
    13: 12794.0202738185,
    14: 27855.1264367816,
    15: 35732.1511111111,
    16: 67583.7075812274,
    17: 6298.7200839748,
    18: 4672.3249222261,
}
CITYSCAPES_GROUPS = {
    "flat": (0, 1),
    "construction": (2, 3, 4),
    "object": (5, 6, 7),
    "nature": (8, 9),
    "sky": (10,),
    "human": (11, 12),
    "vehicle": (13, 14, 15, 16, 17, 18),
}
MAX_PIXELS = 2**63 - 1
MAX_DENSE_ID = (1 << 20) - 1  # up to which ids are rows of a table

# For each class and size in pixels: instances, right pixels, pixels in the right group.
Sums = dict[tuple[int, int], list[int]]


@public
class InstanceIoU(Measure):
    """Instance-weighted IoU (iIoU) of Cityscapes.

    Each pixel of an instance is weighted by mean size / size of the instance, and the score is
    iTP / (iTP + FP + iFN). False positives have no weight, since predictions have no instances:
    Cordts et al., The Cityscapes Dataset, CVPR 2016.

    Parameters
    ----------
    num_classes, ignore_index, class_names, groups, duplicates
        As in `ConfusionMatrix`.
    things : mapping of int to float
        The classes that have instances, and the mean size of one in pixels.
    first_id : int
        The smallest value in instance maps that is an instance; 1000 in Cityscapes.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> target = np.uint8([[1, 1, 1, 1, 0, 1]])
    >>> instances = np.uint16([[7, 7, 7, 7, 0, 8]])
    >>> measure = segpost.InstanceIoU(2, things={1: 2.0})
    >>> measure.update(preds=np.uint8([[1, 1, 1, 1, 0, 0]]), target=target, instances=instances)
    >>> scores = measure.compute()
    >>> scores.iou, scores.iiou  # the small instance was missed
    (array([0.5, 0.8]), array([nan, 0.5]))
    """

    _kind: ClassVar[str] = "InstanceIoU"
    report_key: ClassVar[str] = "instances"

    def __init__(
        self,
        num_classes: int,
        *,
        things: Mapping[int, float],
        ignore_index: int | Iterable[int] | None = None,
        class_names: ClassNames | None = None,
        groups: Groups | None = None,
        first_id: int = 1,
        duplicates: Duplicates = "raise",
    ) -> None:
        self._confusion = ConfusionMatrix(
            num_classes, ignore_index=ignore_index, class_names=class_names, groups=groups
        )
        self.num_classes = self._confusion.num_classes
        self.things = _as_mean_sizes(things, self._confusion.class_names)
        for c, size in self.things.items():
            if not 0 <= c < self.num_classes:
                raise ValueError(f"things has class {c}, which is not below {self.num_classes}")
            if not (math.isfinite(size) and size > 0):
                raise ValueError(f"things: the mean size of class {c} must be positive, got {size}")
        self.first_id = as_integer(first_id, "first_id")
        self.duplicates = as_duplicates(duplicates)
        if self.first_id < 0:
            raise ValueError(f"first_id must be an integer of at least 0, got {first_id!r}")
        self.reset()

    @classmethod
    def cityscapes(cls) -> InstanceIoU:
        """Make the measure for the 19 trainIds of Cityscapes and its instanceIds images."""
        return cls(
            19,
            things=CITYSCAPES_THINGS,
            ignore_index=255,
            class_names=Palette.named("cityscapes").names,
            groups=CITYSCAPES_GROUPS,
            first_id=1000,
        )

    def update(
        self,
        preds: Any,
        target: Any,
        instances: Any,
        *,
        ids: Sequence[str | int] | str | int | None = None,
        convention: Convention | ConventionName | None = None,
        axis: int | None = None,
        grid: Grid | None = None,
        threshold: float | None = None,
        quantization: tuple[float, int] | None = None,
        nan: NanRule = "raise",
    ) -> None:
        """Count predictions against target and instances. On an error nothing is counted.

        Parameters
        ----------
        preds : integer array of the shape of `target`, or logits, as in `ConfusionMatrix.update`
        target : integer array of shape (..., H, W), or a list of them
        instances : integer array of the shape of `target`, or a list of them
            One value per instance of an image; values below `first_id` are no instances.
        ids, convention, axis, grid, threshold, quantization, nan
            As in `ConfusionMatrix.update`.

        Raises
        ------
        ValueError, TypeError
            As `ConfusionMatrix.update`, and for an instance that has several classes.
        """
        self._check_not_reduced()
        reading = as_reading(convention, axis, grid, threshold, quantization)
        check_choice(nan, "nan", NAN_RULES)
        batch = self._empty()
        rules = LabelRules(self.num_classes, self._confusion._ignored)
        pairs = as_pairs(preds, target, self.num_classes, reading)
        names = iter(names_of_images(ids, pairs))
        tables = []
        for index, pair in enumerate(pairs):
            try:
                of_pair = [count_pair(image, rules, nan, batch=pair) for image in pair.images()]
                tables.append(of_pair)
            except (ValueError, TypeError) as error:
                raise_in_list(error, preds, index)
        maps = instances if isinstance(instances, (list, tuple)) else [instances]
        if instances is target and len(self.things) > 1:
            warn_of_input(
                "instances are the target: every class counts as one instance; pass the map of "
                "instances, with a value for each"
            )
        if len(maps) != len(pairs):
            raise ValueError(f"instances has {len(maps)} maps for {len(pairs)} targets")
        for pair, of_pair, one in zip(pairs, tables, maps, strict=True):
            images = zip(pair.images(), of_pair, _stack_of(one, pair), names, strict=False)
            for image, table, instance_map, name in images:
                part = batch if name is None else self._empty()
                confusion = part._confusion
                outside = out_of_range_pairs(image, rules) if table.has_invalid_labels else {}
                confusion._commit(table.to_state(), outside, confusion._images)
                if image.target.size:
                    part._measure(image.labels()[None], image.target[None], instance_map[None])
                if name is not None:
                    part._name_image(name)
                    batch._merge(part)
        self._add_batch(batch)

    def compute(self) -> InstanceScores:
        """Compute the scores of everything counted so far."""
        with self._lock:
            scores, sums = self._confusion.compute(), self._sums
        counts = scores.class_counts
        false_positives = counts.predicted - counts.true_positives
        iiou = np.full(self.num_classes, np.nan)
        for c in self.things:
            weighted, missed = self._weighted(sums, [c], group=False)
            iiou[c] = ratio(weighted, weighted + missed + int(false_positives[c]))
        categories = {}
        for name, members in top_groups(self._confusion.groups).items():
            if all(c in self.things for c in members):
                inside = np.array(members, np.int64)
                others = np.setdiff1d(np.arange(self.num_classes), inside)
                weighted, missed = self._weighted(sums, members, group=True)
                wrong = int(scores.matrix[np.ix_(others, inside)].sum())
                categories[name] = float(ratio(weighted, weighted + missed + wrong))
        iou = counts.iou()
        if self._confusion._ignored.size:
            iou[scores.ignored] = iiou[scores.ignored] = np.nan
        names = self._confusion.class_names
        return InstanceScores(ClassValues.of(iiou, names), ClassValues.of(iou, names), categories)

    def instance_scores(self) -> InstanceScores:
        """Return what `compute` returns."""
        return self.compute()

    def tables(self, names: Sequence[str] | None = None) -> list[Table]:
        """Return the classes that have instances, and the categories if there are any."""
        names = self._class_names(names)
        scores = self.compute()
        things = sorted(self.things)
        tables = [class_table("Instance-weighted IoU", {"iIoU": scores.iiou}, names, things)]
        if scores.category_iiou:
            rows: list[tuple[str, ...]] = [
                (as_printable(name), format_score(value))
                for name, value in scores.category_iiou.items()
            ]
            rows.append(("mean", format_score(scores.mean_category_iiou)))
            title = "Instance-weighted IoU of categories"
            tables.append(Table(title, ("category", "iIoU"), rows, summed=True))
        return tables

    def content(self, names: Sequence[str]) -> dict[str, Any]:
        """Return settings, means, classes and categories as plain data."""
        scores = self.compute()
        classes = class_rows({"iiou": scores.iiou, "iou": scores.iou}, names)
        return {
            "first_id": self.first_id,
            "mean_iiou": scores.mean_iiou,
            "mean_category_iiou": scores.mean_category_iiou,
            "classes": [
                {**row, "mean_size": self.things.get(label)} for label, row in enumerate(classes)
            ],
            "categories": scores.category_iiou,
        }

    def reset(self) -> None:
        """Set all counts to zero."""
        with self._lock:
            self._confusion = self._confusion._empty()
            self._sums: Sums = {}
            self._reset_base()

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain data."""
        confusion = self._confusion.settings()
        names = ("num_classes", "ignore_index", "class_names", "groups")
        things = [[c, size] for c, size in sorted(self.things.items())]
        settings = {name: confusion[name] for name in names}
        more = {"things": things, "first_id": self.first_id, "duplicates": self.duplicates}
        return settings | more

    def _measure(self, preds: Array, target: Array, instances: Array) -> None:
        """Add one image: labels and instances of shape (1, H, W)."""
        smallest, largest = int(instances.min()), int(instances.max())
        if smallest < 0:
            raise ValueError(f"instances must not be negative, got {smallest}")
        if largest <= MAX_DENSE_ID:
            ids = np.arange(largest + 1)
        else:
            ids = np.unique(instances)
            instances = np.searchsorted(ids, instances)
        groups = np.arange(self.num_classes, 2 * self.num_classes)
        for group, members in enumerate(top_groups(self._confusion.groups).values()):
            groups[list(members)] = group
        counts = np.zeros((len(ids), 4), np.int64)
        ignored = np.array(self._confusion.settings()["ignore_index"], np.int64)
        registry.backend(preds, operation="instance_counts").instance_counts(
            preds, target, instances, groups, ignored, counts
        )
        rows = np.flatnonzero((counts[:, 0] > 0) & (ids >= self.first_id))
        for row, instance in zip(counts[rows].tolist(), ids[rows].tolist(), strict=True):
            size, right, grouped, class_code = row  # class + 1; negative: several classes
            if class_code < 0:
                predicted = preds[instances == np.searchsorted(ids, instance)]
                is_exchanged = bool((predicted == predicted[0]).all())
                hint = "; are preds and target exchanged?" if is_exchanged else ""
                raise ValueError(
                    f"instances: {instance} has target pixels of several classes{hint}"
                )
            if class_code - 1 in self.things:
                sums = self._sums.setdefault((class_code - 1, size), [0, 0, 0])
                for k, value in enumerate((1, right, grouped)):
                    sums[k] += value

    def _weighted(self, sums: Sums, members: Sequence[int], *, group: bool) -> tuple[float, float]:
        """Return the weighted true positives and misses, which do not depend on the order."""
        weighted, missed = [], []
        for (c, size), (instances, right, grouped) in sums.items():
            if c in members:
                weight = self.things[c] / size
                pixels = grouped if group else right
                weighted.append(pixels * weight)
                missed.append((instances * size - pixels) * weight)
        return math.fsum(weighted), math.fsum(missed)

    def _dump_counts(self) -> dict[str, Any]:
        sums = [[c, size, *values] for (c, size), values in sorted(self._sums.items())]
        return {"confusion": self._confusion._dump(), "sums": sums}

    def _load_counts(self, totals: dict[str, Any]) -> None:
        self._confusion._load(totals["confusion"])
        self._sums = {}
        for c, size, instances, right, grouped in totals["sums"]:
            if c not in self.things:
                raise ValueError(f"sums have class {c!r}, which has no instances")
            key = (
                read_integer(c, 0, self.num_classes - 1, "sums"),
                read_integer(size, 1, MAX_PIXELS, "sums"),
            )
            pixels = read_integer(instances, 1, MAX_PIXELS // key[1], "sums") * key[1]
            grouped = read_integer(grouped, 0, pixels, "sums")
            right = read_integer(right, 0, grouped, "sums")
            self._sums[key] = [instances, right, grouped]

    def _merge_counts(self, other: InstanceIoU) -> None:
        confusion, added = self._confusion.copy(), other._confusion
        confusion._commit(added.state, added._outside, confusion._images)
        sums = {key: list(values) for key, values in self._sums.items()}
        for key, values in other._sums.items():
            before = sums.setdefault(key, [0, 0, 0])
            sums[key] = [a + b for a, b in zip(before, values, strict=True)]
        self.__dict__.update(_confusion=confusion, _sums=sums)


def _as_mean_sizes(things: Any, names: Sequence[str] | None) -> dict[int, float]:
    """Return the mean size of an instance of every class that has instances."""
    try:
        sizes = dict(things)  # saved states have pairs
    except (TypeError, ValueError):
        raise TypeError(
            f"things must be a dict of the mean size in pixels by class, got {things!r}; such as "
            "{11: 3462.5}"
        ) from None
    for c in sizes:
        if isinstance(c, str):
            cure = f"; the class of {c!r} is {names.index(c)}" if names and c in names else ""
            raise TypeError(f"things must have numbers of classes as keys, got {c!r}{cure}")
    return {as_integer(c, "things"): float(size) for c, size in sizes.items()}


def _stack_of(instances: Any, pair: PredictionPair) -> Array:
    """Return the instance maps (N, H, W) of a pair, which have the size of its targets."""
    array = as_input_array(instances, "instances")
    check_integer_labels(array, "instances")
    shape = array.array.shape if array.array.ndim > 1 else (1, *array.array.shape)
    if shape != pair.target.shape:
        raise ValueError(
            f"instances of shape {array.array.shape} do not fit target of {pair.target.shape}"
        )
    stack: Array = array.array.reshape(-1, *shape[-2:])
    return stack
