"""What a run gained and lost against another, as numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from segpost._core.arguments import as_count
from segpost._core.equality import compare_by_value
from segpost.metrics.values import ScoreValues

ImageId = str | int


class ScoreDelta(NamedTuple):
    """The difference of one score of two runs, and what chance alone would make of it.

    Attributes
    ----------
    name : str
        The score, or the class whose IoU it is.
    a, b : float
        Of the runs; NaN where there is no score.
    delta : float
        b minus a.
    low, high : float
        The interval of `delta` over data sets of images drawn with replacement (percentiles); NaN
        of a single image.
    p_value : float
        Share of the data sets in which runs are exchanged at random, image by image, whose
        difference is as large as `delta` or larger, in either direction.
    """

    name: str
    a: float
    b: float
    delta: float
    low: float
    high: float
    p_value: float


class ImageDelta(NamedTuple):
    """The mIoU of one image in two runs, and b minus a."""

    id: ImageId
    a: float
    b: float
    delta: float


class ConfusionDelta(NamedTuple):
    """How often a class was taken for another in two runs, in pixels; `delta` is b minus a.

    `share` is that of `delta` in the pixels of the target class.
    """

    target: str
    predicted: str
    a: int
    b: int
    delta: int
    share: float


@compare_by_value
@dataclass(frozen=True, eq=False)
class RunValues:
    """Differences of two runs on the images that both have, without their reports."""

    names: tuple[str, str]
    a: ScoreValues
    b: ScoreValues
    means: tuple[ScoreDelta, ...]
    classes: tuple[ScoreDelta, ...]
    only_a: tuple[ImageId, ...] = field(repr=False)
    only_b: tuple[ImageId, ...] = field(repr=False)
    samples: int
    level: float
    seed: int

    def __getitem__(self, name: str) -> ScoreDelta:
        """Return the delta of a score such as "miou", or of a class by its name."""
        for delta in (*self.means, *self.classes):
            if delta.name == name:
                return delta
        names = dict.fromkeys(delta.name for delta in (*self.means, *self.classes))
        raise KeyError(f"{name!r} is none of {', '.join(map(repr, names))}")

    @property
    def ids(self) -> tuple[ImageId, ...]:
        """Ids of the shared images."""
        return self.a.images.ids

    def fallen(self, count: int = 10) -> list[ImageDelta]:
        """Return the images whose mIoU fell most, the largest fall first."""
        return [image for image in self._images(count, 1.0) if image.delta < 0]

    def risen(self, count: int = 10) -> list[ImageDelta]:
        """Return the images whose mIoU rose most, the largest rise first."""
        return [image for image in self._images(count, -1.0) if image.delta > 0]

    def grown(self, count: int = 10) -> list[ConfusionDelta]:
        """Return the confusions that b has more often, the largest growth first."""
        return [one for one in self._confusions(count, -1) if one.delta > 0]

    def shrunk(self, count: int = 10) -> list[ConfusionDelta]:
        """Return the confusions that b has less often, the largest decrease first."""
        return [one for one in self._confusions(count, 1) if one.delta < 0]

    def _images(self, count: int, sign: float) -> Iterator[ImageDelta]:
        a, b = self.a.images.miou, self.b.images.miou
        delta = b - a
        order = np.argsort(np.where(np.isnan(delta), math.inf, sign * delta), kind="stable")
        for k in order[: as_count(count, "count")].tolist():
            yield ImageDelta(self.ids[k], float(a[k]), float(b[k]), float(delta[k]))

    def _confusions(self, count: int, sign: int) -> Iterator[ConfusionDelta]:
        rows = [scores.table.class_rows.copy() for scores in (self.a, self.b)]
        for part in rows:
            np.fill_diagonal(part, 0)
        delta = rows[1] - rows[0]
        names = (*self.a.class_names, "(none)")
        order = np.argsort(sign * delta, axis=None, kind="stable")
        order = order[: as_count(count, "count")]
        for t, p in zip(*np.unravel_index(order, delta.shape), strict=True):
            support = int(self.a.class_counts.support[t])
            pixels = [int(part[t, p]) for part in (*rows, delta)]
            share = pixels[2] / support if support else math.nan
            yield ConfusionDelta(names[t], names[p], pixels[0], pixels[1], pixels[2], share)
