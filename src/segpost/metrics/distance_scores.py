"""Scores of distances between surfaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from segpost._core.equality import compare_by_value
from segpost._core.unknown_names import suggest_attributes
from segpost.metrics.ratios import Float64, Int64, mean_of


@suggest_attributes
@compare_by_value
class SurfaceScores(NamedTuple):
    """Distances between surfaces, means over images; NaN where no image has the class."""

    hd: Float64  # (C,) Hausdorff distance
    percentiles: Mapping[float, Float64]  # (C,) each
    assd: Float64  # (C,) mean of the distances of both directions together
    masd: Float64  # (C,) mean of the mean distances of the two directions
    nsd: Float64  # (C,) normalized surface Dice; NaN without a tolerance
    images: Int64  # (C,) that have the class
    one_sided: Int64  # (C,) of them, where only one of the maps has it

    @property
    def hd95(self) -> Float64:
        """The 95th percentile of the distances of every class."""
        return self.percentile(95)

    def percentile(self, percentile: float) -> Float64:
        """Return a percentile of the distances of every class, one of the measure's `percentiles`.

        Raises
        ------
        ValueError
            If it is none of them.
        """
        if percentile not in self.percentiles:
            choices = ", ".join(f"{p:g}" for p in self.percentiles) or "none"
            raise ValueError(
                f"percentile {percentile:g} was not measured, but {choices}: make the measure with "
                f"percentiles=({percentile:g},)"
            )
        return self.percentiles[percentile]

    @property
    def mean_hd(self) -> float:
        """Mean over the classes that occur."""
        return mean_of(self.hd)

    @property
    def mean_hd95(self) -> float:
        """Mean over the classes that occur."""
        return mean_of(self.hd95)

    @property
    def mean_assd(self) -> float:
        """Mean over the classes that occur."""
        return mean_of(self.assd)

    @property
    def mean_masd(self) -> float:
        """Mean over the classes that occur."""
        return mean_of(self.masd)

    @property
    def mean_nsd(self) -> float:
        """Mean over the classes that occur."""
        return mean_of(self.nsd)
