"""The scores of the surfaces of one image: distances of all classes, then the rule of a library."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from segpost._backends import registry
from segpost._core.arrays import Array
from segpost._core.distance_contract import Steps, SurfaceDistances
from segpost.metrics.corner_areas import element_sizes
from segpost.metrics.counts import ClassCounts
from segpost.metrics.distance_dialects import DistanceDialect
from segpost.metrics.distance_rules import ClassDistances
from segpost.metrics.ratios import Float64, Mask


class DistanceImage(NamedTuple):
    """The two label maps of an image or of a volume."""

    preds: Array  # (D, H, W), D = 1 of images
    target: Array
    counts: ClassCounts
    spacing: Steps
    volume: bool

    @property
    def diagonal(self) -> float:
        """The largest distance of two pixels."""
        sides = ((n - 1) * step for n, step in zip(self.target.shape, self.spacing, strict=True))
        return math.sqrt(sum(side * side for side in sides))


class ScoresOfImage(NamedTuple):
    """The scores of all classes of one image."""

    values: Float64  # (4 + percentiles, C): hd, percentiles, assd, masd, nsd; NaN where none
    is_there: Mask  # (C,) whether one of the maps has the class
    is_one_sided: Mask  # (C,) whether only one has


def score_image(
    image: DistanceImage,
    dialect: DistanceDialect,
    ignored: Array,
    percentiles: Sequence[float],
    tolerance: float | Sequence[float] | None,
) -> ScoresOfImage:
    """Measure all classes of an image.

    Parameters
    ----------
    image : DistanceImage
    dialect : DistanceDialect
    ignored : (n,) int64
        Ignored target values; classes among them have no scores.
    percentiles : sequence of float
    tolerance : float or sequence of float, optional
        Of every class, or one a class.
    """
    classes = len(image.counts.support)
    is_counted = ~np.isin(np.arange(classes), ignored)
    in_preds, in_target = (
        (pixels > 0) & is_counted for pixels in (image.counts.predicted, image.counts.support)
    )
    in_both = in_preds & in_target
    values = np.full((len(percentiles) + 4, classes), np.nan)
    tolerances = np.broadcast_to(math.nan if tolerance is None else tolerance, classes)
    if in_both.any():
        for c, distances in _class_distances(image, dialect, ignored, in_both):
            scores = dialect.score(distances, percentiles, float(tolerances[c]))
            values[:, c] = [scores.hd, *scores.percentiles, scores.assd, scores.masd, scores.nsd]
    far = image.diagonal
    one_sided = dialect.one_sided or (far, far, far, far, 0.0)
    for fixed, which in (
        (one_sided, in_preds != in_target),
        (dialect.absent, is_counted & ~in_preds & ~in_target),
    ):
        of_percentiles = [
            fixed[0] if dialect.zero_is_largest and not p else fixed[1] for p in percentiles
        ]
        column = np.array([fixed[0], *of_percentiles, *fixed[2:]])
        values[:, which] = column[:, None]
    if tolerance is None:
        values[-1] = np.nan
    return ScoresOfImage(values, in_preds | in_target, in_preds != in_target)


def _class_distances(
    image: DistanceImage, dialect: DistanceDialect, ignored: Array, wanted: Mask
) -> Iterator[tuple[int, ClassDistances]]:
    """Yield the distances of the classes that are wanted."""

    def measure(elements: str) -> tuple[SurfaceDistances, SurfaceDistances]:
        backend = registry.backend(image.preds, image.target, operation="surface_distances")
        return backend.surface_distances(
            image.preds,
            image.target,
            len(wanted),
            ignored,
            image.spacing,
            image.volume,
            elements,
        )

    sides = measure(dialect.elements)
    outside = measure("regions") if dialect.has_outside else ()
    sizes = element_sizes(image.spacing, image.volume) if dialect.elements == "corners" else None
    for c in np.flatnonzero(wanted).tolist():
        parts = [slice(side.offsets[c], side.offsets[c + 1]) for side in sides]
        preds, target = (side.distances[part] for side, part in zip(sides, parts, strict=True))
        distances = ClassDistances(preds, target)
        if sizes is not None:
            preds_sizes, target_sizes = (
                sizes[side.codes[part]] for side, part in zip(sides, parts, strict=True)
            )
            distances = distances._replace(preds_sizes=preds_sizes, target_sizes=target_sizes)
        if outside:
            regions = [side.distances[side.offsets[c] : side.offsets[c + 1]] for side in outside]
            largest = max(float(region.max(initial=0.0)) for region in regions)
            distances = distances._replace(outside=largest)
        yield c, distances
