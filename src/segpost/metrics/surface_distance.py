"""`SurfaceDistance`: distances between the surfaces of every class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from segpost._core import arguments
from segpost._core.arguments import ClassNames, NanRule
from segpost._core.arrays import Array
from segpost._core.public import public
from segpost._core.sampling import Grid
from segpost.metrics.arguments import Duplicates
from segpost.metrics.boundary_measure import BoundaryMeasure
from segpost.metrics.class_values import ClassValues
from segpost.metrics.counts import ClassCounts, CountTable, checked_add
from segpost.metrics.distance_arguments import (
    Spacing,
    as_percentiles,
    as_spacing,
    as_tolerances,
    is_volume_of,
    steps_of,
)
from segpost.metrics.distance_comparison import DistanceComparison, compare_scores
from segpost.metrics.distance_dialects import DISTANCE_DIALECTS, DistanceDialectName
from segpost.metrics.distance_images import DistanceImage, score_image
from segpost.metrics.distance_scores import SurfaceScores
from segpost.metrics.exact_means import MAX_COUNT, ExactMean, read_mean
from segpost.metrics.measure import class_rows, class_table
from segpost.metrics.ratios import Float64, Int64
from segpost.metrics.reading import as_reading
from segpost.metrics.saved import read_counts
from segpost.render.tables import Table
from segpost.runtimes.convention import Convention
from segpost.runtimes.table import ConventionName


@public
class SurfaceDistance(BoundaryMeasure):
    """Distances between the surfaces of every class: Hausdorff, percentiles, means, surface Dice.

    The surface of a class is its pixels with a neighbor to a side (4 in an image, 6 in a volume)
    that is not of the class, or at the end of the image. Void pixels are of no class in both maps.
    Distances between pixels are Euclidean, and exact. Scores are means over the images that have
    the class; where one map alone has it, its distances are the diagonal of the image, from corner
    pixel to corner pixel, and its surface Dice is 0. Other libraries' conventions are `dialect`.

    Huttenlocher et al., Comparing Images Using the Hausdorff Distance, PAMI 1993; Nikolov et al.,
    Deep learning to achieve clinically applicable segmentation, 2018 (surface Dice); Maier-Hein et
    al., Metrics reloaded, Nature Methods 2024.

    Parameters
    ----------
    num_classes, ignore_index, class_names, duplicates
        As in `ConfusionMatrix`. With ``duplicates="drop"`` the scores of every image with an id
        are kept: see `image_scores`.
    spacing : number, (y, x) or (z, y, x), optional
        Distance between neighbors along every axis, in any unit, which distances have then; 1 by
        default. Three are of volumes (D, H, W).
    percentiles : sequence of float
        Percentiles of the distances, in 0..100, beside the largest one.
    tolerance : float or sequence of float, optional
        Distance, of every class or one a class, up to which surfaces agree in `nsd`, the
        normalized surface Dice; a distance that is larger by rounding alone is within it.
    dialect : {"segpost", "monai", "surface-distance", "medpy", "simpleitk"}
        The library whose scores are computed.

    Notes
    -----
    The state has the exact sum of the scores of all images, so that the order of updates and sums
    changes nothing.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> target = np.zeros((32, 32), np.uint8)
    >>> target[8:24, 8:24] = 1
    >>> measure = segpost.SurfaceDistance(2, tolerance=1)
    >>> measure.update(preds=np.roll(target, 3, axis=0), target=target)
    >>> scores = measure.compute()
    >>> scores.hd95, scores.assd.round(3), scores.nsd.round(3)
    (array([3., 3.]), array([0.528, 1.5  ]), array([0.819, 0.5  ]))
    """

    _kind: ClassVar[str] = "SurfaceDistance"
    report_key: ClassVar[str] = "surface_distance"

    def __init__(
        self,
        num_classes: int,
        *,
        spacing: float | Sequence[float] | None = None,
        percentiles: Sequence[float] = (95,),
        tolerance: float | Sequence[float] | None = None,
        dialect: DistanceDialectName = "segpost",
        ignore_index: int | Iterable[int] | None = None,
        class_names: ClassNames | None = None,
        duplicates: Duplicates = "raise",
    ) -> None:
        super().__init__(
            num_classes,
            ignore_index=ignore_index,
            class_names=class_names,
            duplicates=duplicates,
        )
        self.spacing: Spacing = as_spacing(spacing)
        self.percentiles = as_percentiles(percentiles)
        self.tolerance = as_tolerances(tolerance, self.num_classes)
        arguments.check_choice(dialect, "dialect", tuple(DISTANCE_DIALECTS))
        self.dialect = dialect
        self.reset()

    def reset(self) -> None:
        """Set all counts to zero."""
        with self._lock:
            rows = len(self.percentiles) + 4
            self._means = [[ExactMean()] * self.num_classes for _ in range(rows)]
            self._images: Int64 = np.zeros((2, self.num_classes), np.int64)
            self._reset_base()

    def update(
        self,
        preds: Any,
        target: Any,
        *,
        ids: Sequence[str | int] | str | int | None = None,
        convention: Convention | ConventionName | None = None,
        axis: int | None = None,
        volume: bool | None = None,
        grid: Grid | None = None,
        threshold: float | None = None,
        quantization: tuple[float, int] | None = None,
        nan: NanRule = "raise",
        spacing: float | Sequence[float] | None = None,
    ) -> None:
        """Measure predictions against their target, with the arguments of `ConfusionMatrix.update`.

        Every image, or volume, is measured on its own. On an error nothing is counted.

        Parameters
        ----------
        preds, target, ids, convention, axis, grid, threshold, quantization, nan
            As in `ConfusionMatrix.update`.
        volume : bool, optional
            Whether `target` is a volume (D, H, W), or several (N, D, H, W). By default it is what
            the spacing has axes for, and images without one.
        spacing : number, (y, x) or (z, y, x), optional
            Of these images, where it is another than the measure's.

        Raises
        ------
        ValueError, TypeError
            As `ConfusionMatrix.update`, and for a spacing that does not fit.
        """
        self._check_not_reduced()
        steps = self.spacing if spacing is None else as_spacing(spacing)
        is_volume = is_volume_of(steps, volume, axis)
        reading = as_reading(convention, axis, grid, threshold, quantization, is_volume, nan)
        batch = self._empty()
        batch.spacing = steps
        self._count(batch, preds, target, ids, reading, nan)

    def compute(self) -> SurfaceScores:
        """Compute the scores of everything counted so far."""
        self._warn_of_labels()
        return self._scores()

    def image_scores(self) -> dict[str | int, SurfaceScores]:
        """Return the scores of every image by its id.

        Raises
        ------
        ValueError
            Where they are not kept: they are with ``duplicates="drop"`` and ids.
        """
        if self.duplicates != "drop":
            raise ValueError(
                'scores of images are kept with SurfaceDistance(..., duplicates="drop") and '
                "update(..., ids=) alone"
            )
        images = {}
        with self._lock:
            for name, counts in self._totals_of.items():
                image = self._empty()
                image._load_counts(counts)
                images[name] = image._scores()
        return images

    def compare_dialects(self, preds: Any, target: Any, **options: Any) -> DistanceComparison:
        """Compare the scores of every library on some images, and say why they differ.

        Distances of a data set are kept by one convention, so that these images are measured by
        all of them; nothing is added to this measure.

        Parameters
        ----------
        preds, target
            As in `update`.
        **options
            The other arguments of `update`.

        Returns
        -------
        comparison : DistanceComparison
            Iterates over its lines, and prints as a table.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> target = np.zeros((32, 32), np.uint8)
        >>> target[8:24, 8:24] = 1
        >>> preds = np.roll(target, 3, axis=0)
        >>> comparison = segpost.SurfaceDistance(2).compare_dialects(preds, target)
        >>> comparison["medpy"].scores.mean_hd95, comparison["medpy"].why
        (3.0, ())
        """
        scores = {}
        for name in DISTANCE_DIALECTS:
            measure = type(self)(**{**self.settings(), "dialect": name})
            measure.update(preds, target, **options)
            scores[name] = measure._scores()
        return compare_scores(scores)

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain data."""
        spacing, tolerance = self.spacing, self.tolerance
        return super().settings() | {
            "spacing": list(spacing) if isinstance(spacing, tuple) else spacing,
            "percentiles": list(self.percentiles),
            "tolerance": list(tolerance) if isinstance(tolerance, tuple) else tolerance,
            "dialect": self.dialect,
        }

    def tables(self, names: Sequence[str] | None = None) -> list[Table]:
        """Return the distances and the surface Dice of every class."""
        names = self._class_names(names)
        title = "Surface distance" + (
            "" if self.dialect == "segpost" else f", as in {self.dialect}"
        )
        columns = self._columns()
        return [class_table(title, columns, names, numbers=columns.keys() - {"NSD"})]

    def content(self, names: Sequence[str]) -> dict[str, Any]:
        """Return settings, means and classes as plain data."""
        scores = self._scores()
        columns = {key.lower(): values for key, values in self._columns().items()}
        settings = self.settings()
        return {
            **{key: settings[key] for key in ("spacing", "percentiles", "tolerance", "dialect")},
            "mean_hd": scores.mean_hd,
            "mean_assd": scores.mean_assd,
            "mean_masd": scores.mean_masd,
            "mean_nsd": scores.mean_nsd,
            "classes": [
                {**row, "images": int(images), "one_sided": int(one_sided)}
                for row, images, one_sided in zip(
                    class_rows(columns, names), scores.images, scores.one_sided, strict=True
                )
            ],
        }

    def _columns(self) -> dict[str, Float64]:
        scores = self._scores()
        columns = {"HD": scores.hd}
        columns |= {f"HD{p:g}": values for p, values in scores.percentiles.items()}
        columns |= {"ASSD": scores.assd, "MASD": scores.masd}
        return columns if self.tolerance is None else columns | {"NSD": scores.nsd}

    def _scores(self) -> SurfaceScores:
        with self._lock:
            hd, *of_percentiles, assd, masd, nsd = (
                ClassValues.of(np.array([mean.mean for mean in row]), self.class_names)
                for row in self._means
            )
            images, one_sided = self._images.copy()
        percentiles = dict(zip(self.percentiles, of_percentiles, strict=True))
        return SurfaceScores(hd, percentiles, assd, masd, nsd, images, one_sided)

    def _measure(self, preds: Array, target: Array, table: CountTable) -> None:
        volume = target.ndim == 4
        image = DistanceImage(
            preds[0] if volume else preds,
            target[0] if volume else target,
            ClassCounts.from_table(table),
            steps_of(self.spacing, volume),
            volume,
        )
        dialect = DISTANCE_DIALECTS[self.dialect]
        scores = score_image(image, dialect, self._ignored, self.percentiles, self.tolerance)
        for mine, row in zip(self._means, scores.values, strict=True):
            for c in np.flatnonzero(~np.isnan(row)):
                mine[c] = mine[c].merge(ExactMean.of(float(row[c])))
        self._images = self._images + np.array([scores.is_there, scores.is_one_sided])

    def _dump_counts(self) -> dict[str, Any]:
        means = [[list(mean) for mean in row] for row in self._means]
        return {"classes": self._images.tolist(), "means": means}

    def _load_counts(self, totals: dict[str, Any]) -> None:
        images = read_counts(totals["classes"], self._images.shape, "classes")
        if (images[1] > images[0]).any():
            raise ValueError("classes have more images with one map than images")
        means = totals["means"]
        if len(means) != len(self._means) or any(len(row) != self.num_classes for row in means):
            raise ValueError(f"means must be {len(self._means)} rows of {self.num_classes} classes")
        self._means = [[read_mean(mean, MAX_COUNT) for mean in row] for row in means]
        self._images = images

    def _merge_counts(self, other: SurfaceDistance) -> None:
        images = checked_add(self._images, other._images)
        means = [
            [one.merge(more) for one, more in zip(*rows, strict=True)]
            for rows in zip(self._means, other._means, strict=True)
        ]
        self.__dict__.update(_images=images, _means=means)
