"""Scores of calibration, from the sums of `Calibration`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from segpost._core.calibration_contract import CalibrationSums
from segpost._core.equality import compare_by_value
from segpost._core.fixed_point import as_float64, carry
from segpost._core.unknown_names import suggest_attributes
from segpost.metrics.class_values import ClassValues
from segpost.metrics.ratios import Float64, Int64, class_mask, mean_of, ratio
from segpost.metrics.temperature import fit_temperature
from segpost.render.tables import Table, format_markdown, format_score

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@compare_by_value
class ReliabilityBins(NamedTuple):
    """The bins of a reliability diagram: [edge, next edge), the last one closed."""

    edges: Float64  # (B + 1,)
    pixels: Int64  # (B,)
    confidence: Float64  # (B,) mean, NaN in an empty bin
    accuracy: Float64  # (B,) share of the pixels that are right, NaN in an empty bin


@suggest_attributes
@compare_by_value
class CalibrationScores(NamedTuple):
    """Scores of calibration; NaN where nothing was counted, or where one was not asked for."""

    ece: float  # expected calibration error
    mce: float  # maximum calibration error
    ace: float  # adaptive calibration error
    ace_bound: float  # by which `ace` may differ from that of sorted confidences
    class_ece: Float64  # (C,)
    brier: float  # 0..2
    nll: float  # nats
    temperature: float  # NaN where it is not in 0.5..8
    scaled_nll: float  # the NLL at that temperature
    bins: ReliabilityBins

    @property
    def classwise_ece(self) -> float:
        """Mean over the classes, the static calibration error."""
        return mean_of(self.class_ece)

    def table(self) -> Table:
        """Return the bins as a table."""
        bins = self.bins
        return Table(
            "Reliability",
            ("confidence", "pixels", "mean confidence", "accuracy", "gap"),
            [
                (
                    f"{bins.edges[k]:.3f} to {bins.edges[k + 1]:.3f}",
                    f"{int(pixels):,}",
                    format_score(float(bins.confidence[k])),
                    format_score(float(bins.accuracy[k])),
                    format_score(float(bins.accuracy[k] - bins.confidence[k])),
                )
                for k, pixels in enumerate(bins.pixels)
            ],
        )

    def summary(self) -> dict[str, float]:
        """Return the scores of all classes together, by name."""
        names = ("ece", "ace", "mce", "classwise_ece", "brier", "nll", "temperature", "scaled_nll")
        return {name: getattr(self, name) for name in names}

    def to_markdown(self) -> str:
        """Return the scores and the bins as tables in Markdown."""
        rows: list[tuple[str, ...]] = [
            (name, format_score(value)) for name, value in self.summary().items()
        ]
        return format_markdown([Table("Calibration", ("score", "value"), rows), self.table()])

    def plot(self, *, dark: bool = False) -> Figure:
        """Draw the reliability diagram: the accuracy of every bin, and its share of the pixels.

        Parameters
        ----------
        dark : bool
            For a dark page.

        Returns
        -------
        figure : matplotlib.figure.Figure
            Needs matplotlib.
        """
        from segpost.metrics.report.reliability import draw_reliability

        title = f"Reliability: ECE {format_score(self.ece)}, MCE {format_score(self.mce)}"
        return draw_reliability(*self.bins, title=title, dark=dark)


def compute_scores(
    sums: CalibrationSums,
    classes: int,
    bins: int,
    ignored: Sequence[int],
    names: Sequence[str] | None = None,
) -> CalibrationScores:
    """Compute the scores of sums.

    Parameters
    ----------
    sums : CalibrationSums
    classes, bins : int
    ignored : sequence of int
        Classes that are no target: they have no class-wise error.
    names : sequence of str, optional
        Of the classes.
    """
    per_bin = (bins, -1, 2)
    counts = sums.counts.reshape(per_bin).sum(axis=1)
    confidence = carry(sums.confidence.reshape(per_bin).sum(axis=1))
    gaps = _gaps(counts, confidence)
    pixels = int(counts[:, 0].sum())
    measured, _, _, impossible = sums.pixels.tolist()
    class_ece = np.full(classes, np.nan)
    if sums.class_counts is not None and sums.class_confidence is not None:
        class_gaps = abs(_gaps(sums.class_counts, sums.class_confidence)).sum(axis=1)
        class_ece = ratio(class_gaps, measured)
        class_ece[class_mask(ignored, classes)] = np.nan
    brier, nll = ratio(as_float64(sums.loss), measured).tolist()
    temperature = scaled = math.nan
    if impossible:
        nll = math.inf
    elif sums.curve is not None and measured:
        temperature, scaled = fit_temperature(as_float64(sums.curve) / measured)
    ace, bound = _adaptive_error(sums, bins)
    mean = ratio(as_float64(confidence), counts[:, 0])
    return CalibrationScores(
        float(ratio(abs(gaps).sum(), pixels)),
        float(np.max(ratio(abs(gaps), counts[:, 0])[counts[:, 0] > 0], initial=0.0))
        if pixels
        else math.nan,
        ace,
        bound,
        ClassValues.of(class_ece, names),
        brier,
        nll,
        temperature,
        scaled,
        ReliabilityBins(
            np.arange(bins + 1) / bins, counts[:, 0], mean, ratio(counts[:, 1], counts[:, 0])
        ),
    )


def _gaps(counts: Int64, confidence: Any) -> Float64:
    """Return the number of right pixels minus the sum of confidences, of every interval."""
    gaps: Float64 = as_float64(
        np.stack([counts[..., 1] - confidence[..., 0], -confidence[..., 1]], axis=-1)
    )
    return gaps


def _adaptive_error(sums: CalibrationSums, ranges: int) -> tuple[float, float]:
    """Return the error of as many pixels in every range, and its bound.

    An interval of confidence that lies in two ranges is divided: pixels and right ones in
    proportion. What the sorted pixels would say differs by at most what is right or wrong in it.
    """
    pixels, hits = sums.counts[:, 0], sums.counts[:, 1]
    total = int(pixels.sum())
    if not total:
        return math.nan, math.nan
    before = np.concatenate([[0], np.cumsum(pixels)])
    gaps = np.concatenate([[0.0], np.cumsum(_gaps(sums.counts, sums.confidence))])
    ends = total * np.arange(ranges + 1) / ranges
    error = abs(np.diff(np.interp(ends, before, gaps))).sum() / total
    inside = np.searchsorted(before, ends[1:-1], side="left") - 1  # the interval of each end
    count, right = pixels[inside], hits[inside]
    first = ends[1:-1] - before[inside]  # pixels of it below the end
    expected = first * right / count
    most = np.minimum(first, right) - expected
    least = expected - np.maximum(0.0, first - (count - right))
    spread = first * (count - first) / count / len(pixels)
    bound = 2 * (np.maximum(most, least) + spread).sum() / total
    return float(error), min(float(bound), 1.0)
