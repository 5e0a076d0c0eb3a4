"""Scores as text, Markdown, CSV, JSON and a DataFrame; and comparisons of dialects."""

from __future__ import annotations

import csv as csv_module
import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from segpost.metrics.base import Accumulator
from segpost.metrics.report.content import comparison_table, left_out, parts
from segpost.metrics.report.documents import cityscapes_json, json
from segpost.metrics.scores import PER_CLASS, Scores
from segpost.render import tables

if TYPE_CHECKING:
    from segpost.metrics.comparison import Comparison

__all__ = [
    "cityscapes_json",
    "comparison_markdown",
    "comparison_text",
    "csv",
    "json",
    "markdown",
    "pandas",
    "text",
]


def text(scores: Scores, notes: Sequence[str] = (), measures: Sequence[Accumulator] = ()) -> str:
    """The report for a terminal.

    Parameters
    ----------
    scores : Scores
    notes : sequence of str
        Sentences that stand first, such as what is missing from the data set.
    measures : sequence of BoundaryIoU, TrimapIoU, BoundaryF or InstanceIoU
        Of the same data set; a table each.
    """
    return tables.text([*notes, *parts(scores, measures)])


def markdown(
    scores: Scores, notes: Sequence[str] = (), measures: Sequence[Accumulator] = ()
) -> str:
    """The report in Markdown; `notes` and `measures` as in `text`."""
    return tables.markdown([*notes, *parts(scores, measures)])


def csv(scores: Scores) -> str:
    """A line a class, as RFC 4180 has it; scores in full, empty where there is none."""
    hits, target, preds = scores.tally
    head = ["class", "name", *PER_CLASS, "target_pixels", "predicted_pixels", "hits", "left_out"]
    rows = [
        [
            label,
            scores.class_names[label],
            *(plain(float(getattr(scores, name)[label])) for name in PER_CLASS),
            int(target[label]),
            int(preds[label]),
            int(hits[label]),
            why or "",
        ]
        for label, why in enumerate(left_out(scores))
    ]
    return csv_lines([head, *rows])


def csv_lines(rows: Sequence[Sequence[object]]) -> str:
    """Rows as CSV with the line ends of RFC 4180."""
    page = io.StringIO(newline="")
    csv_module.writer(page, lineterminator="\r\n").writerows(rows)
    return page.getvalue()


def plain(value: float) -> str:
    """A score with every digit it has; empty where there is none."""
    return "" if math.isnan(value) else repr(value)


def pandas(scores: Scores) -> Any:
    """A DataFrame with a row a class."""
    import pandas  # type: ignore[import-untyped]

    hits, target, preds = scores.tally
    return pandas.DataFrame(
        {
            **{name: getattr(scores, name) for name in PER_CLASS},
            "target_pixels": target,
            "predicted_pixels": preds,
            "hits": hits,
            "in_mean": scores.in_mean,
        },
        index=pandas.Index(scores.class_names, name="class"),
    )


def comparison_text(comparison: Comparison) -> str:
    """What each library says, for a terminal."""
    return tables.text([comparison_table(comparison)])


def comparison_markdown(comparison: Comparison) -> str:
    """What each library says, in Markdown."""
    return tables.markdown([comparison_table(comparison)])
