"""Conventions of the libraries that measure distances between surfaces."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from segpost.metrics.distance_rules import (
    ClassDistances,
    ImageScores,
    score_by_direction,
    score_by_size,
    score_contours,
    score_in_float32,
    score_together,
)

DistanceDialectName = Literal["segpost", "monai", "surface-distance", "medpy", "simpleitk"]

# hd, percentiles, assd, masd, nsd of a class of which one map, or both, have no pixel
Fixed = tuple[float, float, float, float, float]
NO_SCORES: Fixed = (math.nan,) * 5


@dataclass(frozen=True)
class DistanceDialect:
    """How a library measures the distances of a class of one image."""

    name: DistanceDialectName
    library: str
    score: Callable[[ClassDistances, Sequence[float], float], ImageScores]
    elements: str = "surfaces"  # of `distance_contract.ELEMENTS`
    has_outside: bool = False  # whether the Hausdorff distance is of all pixels
    one_sided: Fixed | None = NO_SCORES  # None: the image's diagonal, and no share
    absent: Fixed = NO_SCORES
    zero_is_largest: bool = False  # whether a percentile of 0 is none, and the largest distance
    reasons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by score
    one_sided_reason: str = ""
    absent_reason: str = ""


_CORNERS = (
    "elements are the corners between pixels, weighted by the length or area of the contour there"
)
_CONTOURS = (
    "contours are pixels with a neighbor in the image that is not of the class; the end of the "
    "image is none, and distances are to pixels that touch another class by a side or a corner"
)
_TOGETHER = "a percentile is of the distances of both directions together"
DISTANCE_DIALECTS: dict[str, DistanceDialect] = {
    dialect.name: dialect
    for dialect in (
        DistanceDialect(
            "segpost",
            "segpost",
            score_by_direction,
            one_sided=None,
        ),
        DistanceDialect(
            "monai",
            "MONAI 1.6 compute_hausdorff_distance, compute_average_surface_distance, "
            "compute_surface_dice",
            score_in_float32,
            one_sided=(math.inf, math.nan, math.inf, math.inf, 0.0),
            zero_is_largest=True,
            reasons=dict.fromkeys(
                ("hd", "percentiles", "assd", "masd", "nsd"), ("scores are float32",)
            ),
            one_sided_reason="a class in one map alone is infinitely far, and has no percentile",
        ),
        DistanceDialect(
            "surface-distance",
            "surface-distance 0.1",
            score_by_size,
            elements="corners",
            one_sided=(math.inf, math.inf, math.inf, math.nan, 0.0),
            absent=(math.inf, math.inf, math.nan, math.nan, math.nan),
            reasons={
                "hd": (_CORNERS,),
                "percentiles": (_CORNERS, "a percentile is one of the distances, none between two"),
                "assd": (_CORNERS,),
                "masd": (_CORNERS,),
                "nsd": (_CORNERS,),
            },
            one_sided_reason="a class in one map alone is infinitely far",
            absent_reason="a class in neither map is infinitely far",
        ),
        DistanceDialect(
            "medpy",
            "MedPy 0.5 hd, hd95, assd",
            score_together,
            reasons={
                "percentiles": (_TOGETHER,),
                "nsd": ("a distance above the tolerance by rounding is not within it",),
            },
            one_sided_reason="a class in one map alone is an error, and left out here",
        ),
        DistanceDialect(
            "simpleitk",
            "SimpleITK 2.5 HausdorffDistanceImageFilter; SignedMaurerDistanceMap on LabelContour",
            score_contours,
            elements="contours",
            has_outside=True,
            reasons={
                "hd": ("the Hausdorff distance is of all pixels, not of the surfaces",),
                "percentiles": (_CONTOURS, _TOGETHER),
                "assd": (_CONTOURS,),
                "masd": (_CONTOURS,),
                "nsd": (_CONTOURS,),
            },
            one_sided_reason="a class in one map alone is an error, and left out here",
        ),
    )
}
