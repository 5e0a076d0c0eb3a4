"""The figure of calibration: a reliability diagram above the share of the pixels of every bin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from segpost.metrics.ratios import Float64, Int64
from segpost.metrics.report.plots import DARK, LIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TICKS = [0.0, 0.25, 0.5, 0.75, 1.0]


def draw_reliability(
    edges: Float64,
    pixels: Int64,
    confidence: Float64,
    accuracy: Float64,
    *,
    title: str,
    dark: bool = False,
) -> Figure:
    """Draw the accuracy of every bin, its distance to the mean confidence, and its pixels.

    Parameters
    ----------
    edges, pixels, confidence, accuracy : arrays
        Of the bins, as in `ReliabilityBins`.
    title : str
    dark : bool
        For a dark page.

    Returns
    -------
    figure : matplotlib.figure.Figure
    """
    from segpost.render.figure import Figure

    look = DARK if dark else LIGHT
    left, width = edges[:-1], np.diff(edges)
    accuracy, confidence = np.nan_to_num(accuracy), np.nan_to_num(confidence)
    figure = Figure(figsize=(4.8, 5.6), layout="constrained")
    figure.patch.set_facecolor(look.page)
    above, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    bar = {"width": width, "align": "edge", "edgecolor": look.page, "linewidth": 0.6}
    above.bar(left, accuracy, color=look.bar, label="accuracy", **bar)
    above.bar(
        left,
        confidence - accuracy,
        bottom=accuracy,
        color=look.mean,
        alpha=0.35,
        hatch="///",
        label="gap to the mean confidence",
        **bar,
    )
    above.plot([0, 1], [0, 1], color=look.soft, linewidth=1.2, linestyle=(0, (4, 3)))
    share = pixels / max(int(pixels.sum()), 1)
    below.bar(left, share, color=look.bar, **bar)
    figure.suptitle(title, color=look.ink, fontsize=12, x=0.02, ha="left")
    above.set_ylabel("accuracy", color=look.soft)
    below.set_ylabel("share of pixels", color=look.soft)
    below.set_xlabel("confidence", color=look.soft)
    above.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=2,
        frameon=False,
        labelcolor=look.ink,
        fontsize=9,
    )
    for panel in (above, below):
        panel.set_xlim(0, 1)
        panel.set_ylim(0, 1)
        panel.set_xticks(TICKS)
        panel.tick_params(length=0, colors=look.ink, labelsize=8)
        panel.patch.set_alpha(0.0)
        for side in panel.spines.values():
            side.set_color(look.line)
    return figure
