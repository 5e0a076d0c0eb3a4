"""Figures of scores: the normalized confusion matrix, and a bar for each class."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from segpost._core import arguments
from segpost.metrics.ratios import Float64
from segpost.metrics.report.content import mean_description
from segpost.metrics.values import PER_CLASS, ClassScore, ScoreValues, ShareOf
from segpost.render.tables import format_score
from segpost.render.text import as_printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WORDS = {
    "target": "share of the target class",
    "preds": "share of the predicted class",
    "all": "share of all pixels",
}
MAX_NUMBERED = 32  # classes, up to which the cells have numbers in them
MAX_SIDE = 30.0  # inches
MAX_BARS = 50  # in one column
MAX_NAME = 24  # characters of a class name that are shown
MIN_NUMBERED_SHARE = 0.005  # smaller cells have no number


class Look(NamedTuple):
    """Colors of a figure."""

    page: str
    ink: str
    soft: str
    line: str
    bar: str
    mean: str
    scale: tuple[str, ...]  # of the matrix, from none to all


LIGHT = Look(
    *("#ffffff", "#1b2330", "#5d6878", "#dfe3ea", "#2f6fde", "#c2410c"),
    ("#ffffff", "#dbe7fb", "#a9c6f5", "#5f95ea", "#2459bd", "#0f2f70"),
)
DARK = Look(
    *("#1a2029", "#e6eaf1", "#98a3b4", "#2c3542", "#5b93f0", "#fb923c"),
    ("#1a2029", "#1f3354", "#2a5291", "#4380dc", "#86b4ff", "#e3eeff"),
)


def matrix(scores: ScoreValues, over: ShareOf = "target", *, dark: bool = False) -> Figure:
    """Draw the confusion matrix as shares; a class without pixels is hatched.

    Parameters
    ----------
    scores : Scores
    over : {"target", "preds", "all"}
        What the shares are of: a row, a column, or all pixels.
    dark : bool
        For a dark page.

    Returns
    -------
    figure : matplotlib.figure.Figure
    """
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm

    look = DARK if dark else LIGHT
    shares = scores.normalized(over)
    across = _names(scores)
    if scores.invalid_preds and over != "preds":  # the rest of a row
        totals = scores.class_counts.support if over == "target" else scores.pixels
        invalid = scores.table.invalid_preds / np.maximum(totals, 1)
        shares = np.column_stack([shares, np.where(np.isnan(shares[:, 0]), np.nan, invalid)])
        across = [*across, "(none)"]
    rows, columns = shares.shape
    numbered = rows <= MAX_NUMBERED
    cell = 0.42 if numbered else max(0.115, 0.42 * MAX_NUMBERED / rows)  # inches
    cell = min(max(cell, 3.4 / rows), MAX_SIDE / rows)
    every = math.ceil(rows * 0.1 / MAX_SIDE)  # one of so many classes has a name
    text = min(max(72 * cell * (0.32 if numbered else 0.66), 5.5), 10.0)  # points
    figure = _figure(cell * columns + 2.8, cell * rows + 2.2, look)
    large = max(1.0, cell * rows / 12)  # titles grow with the figure
    panel = figure.add_subplot()
    scale = LinearSegmentedColormap.from_list("segpost", list(look.scale))
    panel.patch.set(facecolor=look.page, edgecolor=look.line, hatch="//////")
    top = float(np.nanmax(shares, initial=0.0)) if over == "all" else 1.0
    image = panel.imshow(
        np.ma.masked_invalid(shares), cmap=scale, norm=PowerNorm(0.5, 0.0, top or 1.0)
    )
    panel.set_xticks(range(0, columns, every), across[::every], rotation=90, fontsize=text)
    panel.set_yticks(range(0, rows, every), _names(scores)[::every], fontsize=text)
    panel.set_xlabel("predicted", fontsize=10 * large, color=look.soft)
    panel.set_ylabel("target", fontsize=10 * large, color=look.soft)
    title = f"Confusion matrix, {WORDS[over]}"
    panel.set_title(title, loc="left", color=look.ink, fontsize=12 * large)
    panel.tick_params(length=0, colors=look.ink)
    if every == 1:
        panel.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
        panel.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
        panel.grid(which="minor", color=look.line, linewidth=0.6 if numbered else 0.25)
        panel.tick_params(which="minor", length=0)
    if numbered:
        _number_cells(panel, shares, top or 1.0, min(text, 9.0), look)
    for side in panel.spines.values():
        side.set_color(look.line)
    bar = figure.colorbar(image, ax=panel, fraction=0.04, pad=0.02, aspect=30, shrink=0.8)
    if over != "all":
        bar.set_ticks([0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0])
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}" if value else "0")
    bar.ax.tick_params(length=0, labelsize=8 * large, colors=look.ink)
    bar.outline.set(edgecolor=look.line)
    if np.isnan(shares).any():
        _footnote(figure, "hatched: no such pixels", look, 9 * large)
    return figure


def classes(scores: ScoreValues, score: ClassScore = "iou", *, dark: bool = False) -> Figure:
    """Draw a bar for each class, best first, and a line at the mean.

    Parameters
    ----------
    scores : Scores
    score : {"iou", "dice", "precision", "recall", "specificity"}
    dark : bool
        For a dark page.

    Returns
    -------
    figure : matplotlib.figure.Figure
    """
    arguments.check_choice(score, "score", PER_CLASS)
    look = DARK if dark else LIGHT
    values: Float64 = getattr(scores, score)
    mean = scores.miou if score == "iou" else scores.mean(score)
    order = np.argsort(-np.where(np.isnan(values), -1.0, values), kind="stable")
    panels = min(math.ceil(len(values) / MAX_BARS), 6)
    length = math.ceil(len(values) / panels)
    height = max(0.26 if panels == 1 else 0.2, 1.2 / length)  # inches a bar
    figure = _figure(7.2 if panels == 1 else 4.6 * panels, height * length + 1.5, look, 0.04)
    for index in range(panels):
        panel = figure.add_subplot(1, panels, index + 1)
        _bars(panel, scores, values, order[index * length : (index + 1) * length], length, look)
        if not math.isnan(mean):
            panel.axvline(mean, color=look.page, linewidth=3.0, alpha=0.7)
            panel.axvline(mean, color=look.mean, linewidth=1.4, linestyle=(0, (4, 3)))
    name = "IoU" if score == "iou" else score.capitalize()
    description = mean_description(scores) if score == "iou" else "mean of the same classes as mIoU"
    figure.suptitle(f"{name} of every class", color=look.ink, fontsize=12, x=0.02, ha="left")
    _footnote(figure, f"dashed: {format_score(mean)}, {description}", look)
    return figure


def _bars(
    panel: Axes, scores: ScoreValues, values: Float64, order: Any, length: int, look: Look
) -> None:
    """Draw the bars of some classes; a class that is not in the mean is pale."""
    rows = range(len(order))
    lengths = np.nan_to_num(values[order])
    colors = [look.bar if scores.in_mean[label] else look.line for label in order]
    panel.barh(rows, np.ones(len(order)), height=0.72, color=look.line, alpha=0.35)
    panel.barh(rows, lengths, height=0.72, color=colors)
    for row, label in enumerate(order):
        value = float(values[label])
        missing = math.isnan(value)
        panel.text(
            0.012 if missing else 1.015,
            row,
            "not there" if missing else f"{value:.3f}",
            va="center",
            fontsize=7.5,
            style="italic" if missing else "normal",
            color=look.soft if missing or not scores.in_mean[label] else look.ink,
        )
    names = _names(scores)
    panel.set_yticks(rows, [names[label] for label in order], fontsize=8)
    panel.set_xlim(0, 1.0)
    panel.set_ylim(length - 0.4, -0.6)
    panel.set_xticks([0, 0.25, 0.5, 0.75, 1.0], ["0", "", "0.5", "", "1"], fontsize=8)
    panel.tick_params(length=0, colors=look.ink)
    panel.patch.set_alpha(0.0)
    for side in panel.spines.values():
        side.set_visible(False)


def _number_cells(panel: Axes, shares: Float64, top: float, size: float, look: Look) -> None:
    """Write percentages into the cells that are not next to 0."""
    for row, column in np.argwhere(shares >= MIN_NUMBERED_SHARE):
        value = float(shares[row, column])
        panel.text(
            column,
            row,
            f"{100 * value:.0f}",
            ha="center",
            va="center",
            fontsize=size,
            color=look.page if math.sqrt(value / top) > 0.55 else look.ink,
        )


def _figure(width: float, height: float, look: Look, gap: float = 0.02) -> Figure:
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    from segpost.render.figure import Figure

    layout = ConstrainedLayoutEngine(wspace=gap, w_pad=0.1, h_pad=0.1)
    figure = Figure(figsize=(width, height), layout=layout)
    figure.patch.set_facecolor(look.page)
    return figure


def _footnote(figure: Figure, words: str, look: Look, size: float = 9.0) -> None:
    figure.supxlabel(words, color=look.soft, fontsize=size, x=0.02, ha="left")


def _names(scores: ScoreValues) -> list[str]:
    names = [
        as_printable(name).replace("$", r"\$") for name in scores.class_names
    ]  # $ starts a formula
    return [name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 3]}..." for name in names]
