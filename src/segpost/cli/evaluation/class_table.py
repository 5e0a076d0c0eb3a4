"""The table of the classes in the report of `segpost evaluate`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from segpost import Scores
from segpost.evaluation.summaries import class_pixels
from segpost.metrics.report import content
from segpost.render.html.figures import format_bar, format_swatch
from segpost.render.html.tables import Cell, Column, Row, format_rows
from segpost.render.tables import format_score, format_share
from segpost.render.text import escape_html

COLUMNS = (
    Column("class", is_number=False),
    *map(Column, ("IoU", "Dice", "precision", "recall")),
    *map(Column, ("of the target", "target px", "predicted px")),
)


def format_class_table(scores: Scores, colors: npt.NDArray[np.uint8]) -> str:
    """Return a row a class, with a bar for its IoU.

    Parameters
    ----------
    scores : Scores
    colors : uint8 array of shape (C, 3)
        Of the classes.
    """
    reasons = content.left_out(scores)
    rows = [_class_row(scores, colors, label, why) for label, why in enumerate(reasons)]
    return format_rows("Classes", COLUMNS, rows)


def _class_row(
    scores: Scores, colors: npt.NDArray[np.uint8], label: int, reason: str | None
) -> Row:
    """Return the row of a class; `reason` says why it is not in the mean."""
    red, green, blue = colors[label].tolist()
    note = ""
    if reason:
        title = f"not in the mean: {content.LEFT_OUT[reason]}"
        note = f' <span class="tag" title="{title}">{reason}</span>'
    name = f"{format_swatch((red, green, blue))}{escape_html(scores.class_names[label])}{note}"
    iou = float(scores.iou[label])
    cells = [Cell(name), Cell(f"{format_bar(iou)}{format_score(iou)}", iou)]
    for column in (scores.dice, scores.precision, scores.recall):
        value = float(column[label])
        cells.append(Cell(format_score(value), value))
    target, predicted = (int(pixels[label]) for pixels in class_pixels(scores))
    cells.append(Cell(format_share(target / max(scores.pixels, 1)), target))
    cells += [Cell(f"{pixels:,}", pixels) for pixels in (target, predicted)]
    return Row(cells, "out" if reason else "")
