"""Instance-weighted IoU, in which a small object counts as much as a large one: `InstanceIoU`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from segpost._backends import registry
from segpost._core.arguments import as_integer
from segpost._core.arrays import Array, as_input_array
from segpost._core.validation import check_integer_labels
from segpost.metrics import confusion
from segpost.metrics.arguments import listed
from segpost.metrics.base import Accumulator, whole
from segpost.metrics.counts import Float64, mean_of, ratio
from segpost.metrics.matrix import ConfusionMatrix

# Mean pixels of an instance in the Cityscapes training set, as its evaluation weights them, by
# trainId.
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
MOST = 2**63 - 1  # pixels
DENSE_IDS = 1 << 20  # up to which ids are rows of a table

Sums = dict[tuple[int, int], list[int]]  # of class and size: instances, right, in the right group


class InstanceScores(NamedTuple):
    """Instance-weighted IoU beside the plain one."""

    iiou: Float64  # (C,), NaN where a class has no instances, or is in neither map
    iou: Float64  # (C,)
    category_iiou: dict[str, float]  # of the groups all of whose classes have instances

    @property
    def mean_iiou(self) -> float:
        """Mean over the classes that have one."""
        return mean_of(self.iiou)

    @property
    def mean_category_iiou(self) -> float:
        """Mean over the groups that have one."""
        return mean_of(list(self.category_iiou.values()))


class InstanceIoU(Accumulator):
    """iIoU of Cityscapes: hits and misses weighted by mean size / size of the instance.

    iTP / (iTP + FP + iFN), where the false positives are not weighted, since predictions know no
    instances: Cordts et al., The Cityscapes Dataset, CVPR 2016.

    Parameters
    ----------
    num_classes, ignore_index, class_names, groups
        As in `ConfusionMatrix`.
    things : mapping of int to float
        The classes that have instances, and the mean size of one in pixels.
    first_id : int
        The smallest value in instance maps that is an instance; Cityscapes' is 1000.

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

    def __init__(
        self,
        num_classes: int,
        *,
        things: Mapping[int, float],
        ignore_index: int | Iterable[int] | None = None,
        class_names: Sequence[str] | None = None,
        groups: Mapping[str, Sequence[int]] | None = None,
        first_id: int = 1,
    ) -> None:
        self._confusion = ConfusionMatrix(
            num_classes, ignore_index=ignore_index, class_names=class_names, groups=groups
        )
        self.num_classes = self._confusion.num_classes
        self.things = {as_integer(c, "things"): float(size) for c, size in dict(things).items()}
        for c, size in self.things.items():
            if not 0 <= c < self.num_classes:
                raise ValueError(f"things has class {c}, which is not below {self.num_classes}")
            if not (math.isfinite(size) and size > 0):
                raise ValueError(f"things: the mean size of class {c} must be positive, got {size}")
        self.first_id = as_integer(first_id, "first_id")
        if self.first_id < 0:
            raise ValueError(f"first_id must be an integer of at least 0, got {first_id!r}")
        self.reset()

    @classmethod
    def cityscapes(cls) -> InstanceIoU:
        """For the 19 trainIds of Cityscapes, and its instanceIds images as `instances`."""
        from segpost.color.palette import Palette

        return cls(
            19,
            things=CITYSCAPES_THINGS,
            ignore_index=255,
            class_names=Palette.named("cityscapes").names,
            groups=CITYSCAPES_GROUPS,
            first_id=1000,
        )

    def update(self, preds: Any, target: Any, instances: Any, *, nan: str = "raise") -> None:
        """Count predictions against target and instances. On an error nothing is counted.

        Parameters
        ----------
        preds : integer array of the shape of `target`, or logits, as in `ConfusionMatrix.update`
        target : integer array of shape (..., H, W), or a list of them
        instances : integer array of the shape of `target`, or a list of them
            A value for every instance of an image; what is below `first_id` is none.

        Raises
        ------
        ValueError, TypeError
            As `ConfusionMatrix.update`; and for an instance that has several classes.
        """
        self._check_open()
        fresh = self.copy()
        maps = instances if isinstance(instances, (list, tuple)) else [instances]
        pairs = list(listed(preds, target))
        if len(maps) != len(pairs):
            raise ValueError(f"instances has {len(maps)} maps for {len(pairs)} targets")
        for (p, t), m in zip(pairs, maps, strict=True):
            fresh._confusion.update(p, t, nan=nan)
            pair = confusion.view(p, t, self.num_classes, -3, "half_pixel", None)[0]
            ids = as_input_array(m, "instances")
            check_integer_labels(ids, "instances")
            shape = ids.array.shape if ids.array.ndim > 1 else (1, *ids.array.shape)
            if shape != pair.target.shape:
                raise ValueError(
                    f"instances of shape {ids.array.shape} do not fit target of {pair.target.shape}"
                )
            values = ids.array.reshape(pair.target.shape)
            for index, image in enumerate(pair.images()):
                if image.target.size:
                    labels = confusion.labels_of(image)
                    own = values.reshape(-1, *values.shape[-2:])[index]
                    fresh._measure(labels[None], image.target[None], own[None])
        self.__dict__.update(fresh.__dict__)

    def compute(self) -> InstanceScores:
        """Scores of everything counted so far."""
        scores = self._confusion.compute()
        false = scores.tally.preds - scores.tally.hits
        iiou = np.full(self.num_classes, np.nan)
        for c in self.things:
            hits, misses = self._weighted([c], group=False)
            iiou[c] = ratio(hits, hits + misses + int(false[c]))
        iou = np.where(scores.ignored, np.nan, scores.tally.iou())
        categories = {}
        for name, members in (self._confusion.groups or {}).items():
            if all(c in self.things for c in members):
                own = np.array(members, np.int64)
                others = np.setdiff1d(np.arange(self.num_classes), own)
                hits, misses = self._weighted(members, group=True)
                wrong = int(scores.matrix[np.ix_(others, own)].sum())
                categories[name] = float(ratio(hits, hits + misses + wrong))
        return InstanceScores(np.where(scores.ignored, np.nan, iiou), iou, categories)

    def reset(self) -> None:
        """Forget everything that was counted."""
        self._confusion.reset()
        self._sums: Sums = {}
        self._reduced = False

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        own = self._confusion.settings()
        names = ("num_classes", "ignore_index", "class_names", "groups")
        things = [[c, size] for c, size in sorted(self.things.items())]
        return {name: own[name] for name in names} | {"things": things, "first_id": self.first_id}

    def _measure(self, preds: Array, target: Array, instances: Array) -> None:
        low = int(instances.min())
        if low < 0:
            raise ValueError(f"instances must not be negative, got {low}")
        high = int(instances.max())
        values = np.arange(high + 1) if high < DENSE_IDS else np.unique(instances)
        if high >= DENSE_IDS:
            instances = np.searchsorted(values, instances)
        groups = np.arange(self.num_classes, 2 * self.num_classes)
        for g, members in enumerate((self._confusion.groups or {}).values()):
            groups[list(members)] = g
        counts = np.zeros((len(values), 4), np.int64)
        ignored = np.array(self._confusion.settings()["ignore_index"], np.int64)
        registry.backend(preds, operation="instance_counts").instance_counts(
            preds, target, instances, groups, ignored, counts
        )
        found = np.flatnonzero((counts[:, 0] > 0) & (values >= self.first_id))
        for row, value in zip(counts[found].tolist(), values[found].tolist(), strict=True):
            size, right, grouped, c = row
            if c < 0:
                raise ValueError(f"instances: {value} has target pixels of several classes")
            if c - 1 in self.things:
                sums = self._sums.setdefault((c - 1, size), [0, 0, 0])
                for k, number in enumerate((1, right, grouped)):
                    sums[k] += number

    def _weighted(self, members: Sequence[int], *, group: bool) -> tuple[float, float]:
        """Weighted hits and misses; their sums do not depend on the order."""
        hits, misses = [], []
        for (c, size), (number, right, grouped) in self._sums.items():
            if c in members:
                weight = self.things[c] / size
                good = grouped if group else right
                hits.append(good * weight)
                misses.append((number * size - good) * weight)
        return math.fsum(hits), math.fsum(misses)

    def _totals(self) -> dict[str, Any]:
        sums = [[c, size, *values] for (c, size), values in sorted(self._sums.items())]
        return {"confusion": self._confusion._totals(), "sums": sums}

    def _restore(self, totals: dict[str, Any]) -> None:
        self._confusion._restore(totals["confusion"])
        self._sums = {}
        for c, size, number, right, grouped in totals["sums"]:
            if c not in self.things:
                raise ValueError(f"sums have class {c!r}, which has no instances")
            key = whole(c, 0, self.num_classes - 1, "sums"), whole(size, 1, MOST, "sums")
            most = whole(number, 1, MOST // key[1], "sums") * key[1]
            grouped = whole(grouped, 0, most, "sums")
            self._sums[key] = [number, whole(right, 0, grouped, "sums"), grouped]

    def _absorb(self, other: InstanceIoU) -> None:
        total = self._confusion + other._confusion
        sums = {key: list(values) for key, values in self._sums.items()}
        for key, values in other._sums.items():
            own = sums.setdefault(key, [0, 0, 0])
            sums[key] = [a + b for a, b in zip(own, values, strict=True)]
        self.__dict__.update(_confusion=total, _sums=sums)
