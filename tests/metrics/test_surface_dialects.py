"""Distances between surfaces beside those of the libraries, on awkward maps and on 1,000 others."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from surface_cases import SurfacePair, awkward_pairs, random_pairs

import segpost
from segpost.metrics.corner_areas import element_sizes
from segpost.metrics.distance_dialects import DISTANCE_DIALECTS

Array = np.ndarray
Scores = dict[str, float]
PERCENTILES = (95.0, 50.0, 0.0)
TOLERANCE = 1.0
FEW, ALL = 30, 1000  # random pairs of the default tests, and of those of other libraries


def ours(pair: SurfacePair, dialect: Any) -> Scores:
    """The scores of class 1."""
    measure = segpost.SurfaceDistance(
        2,
        spacing=pair.spacing,
        percentiles=PERCENTILES,
        tolerance=TOLERANCE,
        dialect=dialect,
        ignore_index=255,
    )
    measure.update(pair.preds, pair.target)
    scores = measure._scores()
    return {
        "hd": scores.hd[1],
        **{f"hd{p:g}": scores.percentile(p)[1] for p in PERCENTILES},
        "assd": scores.assd[1],
        "masd": scores.masd[1],
        "nsd": scores.nsd[1],
    }


def pairs_of(count: int) -> Iterator[SurfacePair]:
    """Awkward pairs, of which a third is in the default tests, and random ones."""
    yield from itertools.islice(awkward_pairs(), 0, None, 1 if count == ALL else 3)
    yield from random_pairs(count)


def assert_equal(
    dialect: str, theirs: Callable[[SurfacePair], Scores], count: int, precision: float
) -> None:
    """Every score that the library has is ours, to its precision of a pixel and of the score."""
    finite = 0
    for pair in pairs_of(count):
        wanted, found = theirs(pair), ours(pair, dialect)
        for name, value in wanted.items():
            where = f"{pair} {name}"
            assert found[name] == pytest.approx(value, rel=precision, abs=precision, nan_ok=True), (
                where
            )
            finite += math.isfinite(value)
    assert finite > count


def by_monai(pair: SurfacePair) -> Scores:
    """MONAI's functions on the one-hot maps of class 1, without void."""
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("monai.metrics")
    preds, target = (torch.from_numpy(mask)[None, None].float() for mask in pair.masks())
    options: dict[str, Any] = {"include_background": True, "spacing": pair.spacing}

    def hausdorff(percentile: float | None) -> float:
        return float(
            metrics.compute_hausdorff_distance(preds, target, percentile=percentile, **options)
        )

    def mean(one: Any, other: Any, symmetric: bool) -> float:
        return float(
            metrics.compute_average_surface_distance(one, other, symmetric=symmetric, **options)
        )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "hd": hausdorff(None),
            **{f"hd{p:g}": hausdorff(p) for p in PERCENTILES},
            "assd": mean(preds, target, True),
            "masd": (mean(preds, target, False) + mean(target, preds, False)) / 2,
            "nsd": float(metrics.compute_surface_dice(preds, target, [TOLERANCE], **options)),
        }


def by_surface_distance(pair: SurfacePair) -> Scores:
    """The functions of DeepMind's package, which uses names that NumPy and SciPy have dropped."""
    ndimage = pytest.importorskip("scipy.ndimage")
    package = pytest.importorskip("surface_distance")
    for name in ("Inf", "NaN"):
        if not hasattr(np, name):
            setattr(np, name, getattr(np, name.lower()))
    for name in ("filters", "morphology"):
        setattr(ndimage, name, ndimage)
    preds, target = pair.masks()
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        distances = package.compute_surface_distances(target, preds, pair.spacing)
        return {
            "hd": package.compute_robust_hausdorff(distances, 100),
            **{f"hd{p:g}": package.compute_robust_hausdorff(distances, p) for p in PERCENTILES},
            "masd": float(np.mean(package.compute_average_surface_distance(distances))),
            "nsd": package.compute_surface_dice_at_tolerance(distances, TOLERANCE),
        }


def by_medpy(pair: SurfacePair) -> Scores:
    """MedPy's functions; it refuses maps without the class."""
    binary = pytest.importorskip("medpy.metric.binary")
    preds, target = pair.masks()
    options = {"voxelspacing": pair.spacing}
    names = ("hd", "hd95", "assd", "masd")
    if not (preds.any() and target.any()):
        with pytest.raises(RuntimeError, match="does not contain any binary object"):
            binary.hd(preds, target, **options)
        return dict.fromkeys(names, math.nan)
    means = (binary.asd(preds, target, **options), binary.asd(target, preds, **options))
    values = [function(preds, target, **options) for function in (binary.hd, binary.hd95)]
    return dict(
        zip(names, [*values, binary.assd(preds, target, **options), sum(means) / 2], strict=True)
    )


def by_simpleitk(pair: SurfacePair) -> Scores:
    """The filter of the Hausdorff distance, and distance maps on contours."""
    itk = pytest.importorskip("SimpleITK")
    images = []
    for mask in pair.masks():
        images.append(itk.GetImageFromArray(mask.astype(np.uint8)))
        images[-1].SetSpacing(pair.spacing[::-1])
    hausdorff = itk.HausdorffDistanceImageFilter()
    names = ("hd", *(f"hd{p:g}" for p in PERCENTILES), "assd")
    if not all(mask.any() for mask in pair.masks()):
        with pytest.raises(RuntimeError, match="pixelcount is equal to 0"):
            hausdorff.Execute(*images)
        return dict.fromkeys(names, math.nan)
    hausdorff.Execute(*images)
    distances = []
    for own, other in (images, images[::-1]):
        map_of_other = itk.Abs(
            itk.SignedMaurerDistanceMap(other, squaredDistance=False, useImageSpacing=True)
        )
        contour = itk.GetArrayFromImage(itk.LabelContour(own)) != 0
        distances.append(itk.GetArrayFromImage(map_of_other)[contour].astype(np.float64))
    both = np.concatenate(distances)
    values = [math.nan] * (len(PERCENTILES) + 1)
    if len(both):
        values = [*(float(np.percentile(both, p)) for p in PERCENTILES), float(both.mean())]
    # distances to an empty contour are the root of the largest float32, which stands for infinity
    values = [math.inf if value > 1e15 else value for value in values]
    return dict(zip(names, [hausdorff.GetHausdorffDistance(), *values], strict=True))


def test_scores_are_those_of_monai() -> None:
    """In the default tests, on fewer maps."""
    assert_equal("monai", by_monai, FEW, 2e-6)


@pytest.mark.parametrize(
    ("dialect", "theirs", "precision"),
    [
        ("monai", by_monai, 2e-6),
        ("surface-distance", by_surface_distance, 1e-9),
        ("medpy", by_medpy, 1e-12),
        ("simpleitk", by_simpleitk, 2e-6),
    ],
)
@pytest.mark.peers
def test_scores_are_those_of_the_library(dialect: str, theirs: Any, precision: float) -> None:
    """Of 1,000 random pairs and all awkward ones, of images and of volumes."""
    assert_equal(dialect, theirs, ALL, precision)


def test_segpost_is_monai_but_for_one_sided_classes_and_float32() -> None:
    """The scores of classes in both maps are MONAI's."""
    for pair in pairs_of(FEW // 2):
        if all(mask.any() for mask in pair.masks()):
            assert ours(pair, "segpost") == pytest.approx(
                ours(pair, "monai") | {"hd0": ours(pair, "segpost")["hd0"]}, rel=1e-5, abs=1e-5
            )


def test_areas_of_corners() -> None:
    """A cube of n voxels has the area of its faces, with edges and corners cut off."""
    sizes = element_sizes((1.0, 1.0, 1.0), True)
    assert len(sizes) == 256
    assert (sizes[1:-1] > 0).all()
    np.testing.assert_array_equal(sizes, sizes[::-1])  # outside and inside are alike
    assert sizes[0b1111] == 1.0
    assert sizes[1] == pytest.approx(math.sqrt(3) / 8)
    assert sizes[0b11] == pytest.approx(math.sqrt(0.5))
    lengths = element_sizes((1.0, 3.0, 4.0), False)
    assert lengths.tolist()[:8] == [0, 2.5, 2.5, 4, 2.5, 3, 5, 2.5]


def test_comparison_says_which_convention_differs_and_why() -> None:
    """Every line has the library's scores; a line without a reason has segpost's."""
    target = np.zeros((24, 24), np.uint8)
    target[4:16, 4:16] = 1
    preds = target.copy()
    preds[4:16, 16:22] = 1
    preds[0, 0] = 2
    measure = segpost.SurfaceDistance(4, tolerance=1)
    comparison = measure.compare_dialects(preds, target)
    assert [line.dialect for line in comparison] == list(DISTANCE_DIALECTS)
    own = comparison["segpost"]
    assert own.why == ()
    assert own.scores.one_sided.tolist() == [0, 0, 1, 0]
    assert own.scores.hd[2] == math.hypot(23, 23)
    assert comparison["medpy"].why[1:] == (
        "a percentile is of the distances of both directions together",
    )
    assert comparison["surface-distance"].why[:2] == (
        "a class in one map alone is infinitely far",
        "a class in neither map is infinitely far",
    )
    text = str(comparison)
    for name in DISTANCE_DIALECTS:
        assert name in text
        assert name in comparison.to_markdown()
    assert "infinitely far" in comparison._repr_html_()
    assert measure == segpost.SurfaceDistance(4, tolerance=1)  # nothing was added
    for line in comparison:
        alone = segpost.SurfaceDistance(4, tolerance=1, dialect=line.dialect)  # type: ignore[arg-type]
        alone.update(preds, target)
        assert alone.compute() == line.scores
