"""Scores as text, Markdown, LaTeX, CSV and a DataFrame."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from segpost.metrics.base import Accumulator
from segpost.metrics.report.content import left_out, parts
from segpost.metrics.values import PER_CLASS, ScoreValues
from segpost.render import tables
from segpost.render.text import escape_csv

ROWS_PER_PIECE = 100


def text(
    scores: ScoreValues,
    notes: Sequence[str] = (),
    measures: Sequence[Accumulator] = (),
    *,
    percent: bool = False,
) -> str:
    """Return the report for a terminal.

    Parameters
    ----------
    scores : Scores
    notes : sequence of str
        Sentences that stand first, such as what is missing from the data set.
    measures : sequence of BoundaryIoU, TrimapIoU, BoundaryF, InstanceIoU or Calibration
        Of the same data set; their tables are part of the report.
    percent : bool
        Give scores in percent.
    """
    return tables.format_text([*notes, *parts(scores, measures, percent=percent)])


def markdown(
    scores: ScoreValues,
    notes: Sequence[str] = (),
    measures: Sequence[Accumulator] = (),
    *,
    percent: bool = False,
) -> str:
    """Return the report in Markdown; the parameters are those of `text`."""
    return tables.format_markdown([*notes, *parts(scores, measures, percent=percent)])


def latex(
    scores: ScoreValues,
    notes: Sequence[str] = (),
    measures: Sequence[Accumulator] = (),
    *,
    percent: bool = False,
) -> str:
    """Return the report in LaTeX; the parameters are those of `text`."""
    return tables.format_latex([*notes, *parts(scores, measures, percent=percent)])


def csv(scores: ScoreValues) -> str:
    """Return a line for each class (RFC 4180), with scores in full precision.

    A field is empty where there is no score.
    """
    true_positives, support, predicted = scores.class_counts
    head = ["class", "name", *PER_CLASS, "target_pixels", "predicted_pixels", "hits", "left_out"]
    rows = [
        [
            label,
            escape_csv(scores.class_names[label]),
            *(plain(float(getattr(scores, name)[label])) for name in PER_CLASS),
            int(support[label]),
            int(predicted[label]),
            int(true_positives[label]),
            escape_csv(reason or ""),
        ]
        for label, reason in enumerate(left_out(scores))
    ]
    return "".join(csv_pieces([head, *rows]))


def csv_pieces(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield rows as CSV with the line ends of RFC 4180, many in a piece."""
    import csv as csv_module

    remaining = iter(rows)
    while some := list(itertools.islice(remaining, ROWS_PER_PIECE)):
        page = io.StringIO(newline="")
        csv_module.writer(page, lineterminator="\r\n").writerows(some)
        yield page.getvalue()


def plain(value: float) -> str:
    """Return a score with all its digits; empty where there is none."""
    return "" if math.isnan(value) else repr(value)


def pandas(scores: ScoreValues) -> Any:
    """Return a DataFrame with a row for each class."""
    try:
        import pandas  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImportError(
            f"to_pandas needs pandas ({error}): pip install pandas", name="pandas"
        ) from None

    true_positives, support, predicted = scores.class_counts
    return pandas.DataFrame(
        {
            **{name: getattr(scores, name) for name in PER_CLASS},
            "target_pixels": support,
            "predicted_pixels": predicted,
            "hits": true_positives,
            "in_mean": scores.in_mean,
        },
        index=pandas.Index(scores.class_names, name="class"),
    )
