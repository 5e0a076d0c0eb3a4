"""Comparisons of runs as text, Markdown, LaTeX, CSV, JSON and HTML for a notebook."""

from __future__ import annotations

import json as json_module
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from segpost._core.text import format_names
from segpost.metrics.report.content import PERCENT, SUMMARY
from segpost.metrics.report.formats import csv_pieces, plain
from segpost.metrics.run_values import RunValues, ScoreDelta
from segpost.render import tables
from segpost.render.jsonable import as_jsonable
from segpost.render.notebook import format_compact_table, format_paragraph, format_result
from segpost.render.tables import Part, ScoreText, Table, format_score, format_share, in_percent
from segpost.render.text import as_printable, escape_csv

VERSION = 1
MAX_LISTED = 5  # images and confusions of a report
MAX_SAVED = 20  # of the JSON
CSV_HEAD = ("run_a", "run_b", "kind", "name", "a", "b", "delta", "low", "high", "p_value")


def parts(comparison: RunValues, *, percent: bool = False) -> list[Part]:
    """Return the paragraphs and tables of the report in their order."""
    content: list[Part] = [
        *sentences(comparison),
        mean_table(comparison),
        class_table(comparison),
        *image_tables(comparison),
        *confusion_tables(comparison),
    ]
    return [PERCENT, *map(in_percent, content)] if percent else content


def sentences(comparison: RunValues) -> Iterator[str]:
    """Yield what is compared, what is not, and what the numbers mean."""
    a, b = map(as_printable, comparison.names)
    yield f"{b} against {a}: deltas are {b} minus {a}, over {_quantity(comparison)}."
    for name, ids in ((a, comparison.only_a), (b, comparison.only_b)):
        if ids:
            yield f"Only {name} has {len(ids):,} more: {format_names(list(map(str, ids)))}."
    yield (
        f"Intervals hold {100 * comparison.level:g}% of {comparison.samples:,} data sets drawn "
        f"from these images (paired bootstrap); p is the share of {comparison.samples:,} random "
        "exchanges of the two runs, image by image, with a delta as large (seed "
        f"{comparison.seed}). It is not corrected for the number of classes."
    )


def _quantity(comparison: RunValues) -> str:
    images = len(comparison.ids)
    return f"{images:,} shared image{'' if images == 1 else 's'}"


def named_means(comparison: RunValues) -> list[ScoreDelta]:
    """Return the deltas of the scores over all classes, under the names of a report."""
    return [delta._replace(name=SUMMARY[delta.name]) for delta in comparison.means]


def sorted_classes(comparison: RunValues) -> list[ScoreDelta]:
    """Return the deltas of classes, the largest fall first; unknown ones are last."""
    return sorted(comparison.classes, key=lambda d: (d.delta != d.delta, d.delta))


def mean_table(comparison: RunValues) -> Table:
    """Return a table of the scores over all classes."""
    rows = [_row(delta, delta.name) for delta in named_means(comparison)]
    return Table("Scores", _head(comparison, "score"), rows)


def class_table(comparison: RunValues) -> Table:
    """Return a table of the IoU of each class, the largest fall first; unknown deltas are last."""
    rows = [_row(delta, delta.name) for delta in sorted_classes(comparison)]
    return Table("IoU of classes", _head(comparison, "class"), rows)


def image_tables(comparison: RunValues) -> Iterator[Table]:
    """Yield the images that fell and rose most."""
    a, b = map(as_printable, comparison.names)
    for title, images in (
        ("Images that fell most", comparison.fallen(MAX_LISTED)),
        ("Images that rose most", comparison.risen(MAX_LISTED)),
    ):
        rows: list[tuple[str, ...]] = [
            (as_printable(i.id), format_score(i.a), format_score(i.b), format_delta(i.delta))
            for i in images
        ]
        if rows:
            yield Table(title, ("image", f"mIoU {a}", f"mIoU {b}", "delta"), rows)


def confusion_tables(comparison: RunValues) -> Iterator[Table]:
    """Yield the confusions that grew and shrank most."""
    a, b = map(as_printable, comparison.names)
    head = ("class", "predicted as", f"pixels {a}", f"pixels {b}", "delta", "of the class")
    for title, confusions in (
        ("Confusions that grew", comparison.grown(MAX_LISTED)),
        ("Confusions that shrank", comparison.shrunk(MAX_LISTED)),
    ):
        rows: list[tuple[str, ...]] = [
            (
                as_printable(c.target),
                as_printable(c.predicted),
                f"{c.a:,}",
                f"{c.b:,}",
                f"{c.delta:+,}",
                format_share(abs(c.share)),
            )
            for c in confusions
        ]
        if rows:
            yield Table(title, head, rows, words=2)


def format_delta(value: float) -> ScoreText:
    """Return a difference of scores with its sign."""
    return format_score(value, sign=True)


def text(comparison: RunValues, *, percent: bool = False) -> str:
    """Return the report for a terminal."""
    return tables.format_text(parts(comparison, percent=percent))


def markdown(comparison: RunValues, *, percent: bool = False) -> str:
    """Return the report in Markdown."""
    return tables.format_markdown(parts(comparison, percent=percent))


def latex(comparison: RunValues, *, percent: bool = False) -> str:
    """Return the report in LaTeX."""
    return tables.format_latex(parts(comparison, percent=percent))


def csv(comparisons: Sequence[RunValues]) -> str:
    """Return a line for each score and each class of comparisons (RFC 4180)."""
    rows: list[Sequence[object]] = [CSV_HEAD]
    for comparison in comparisons:
        runs = [escape_csv(name) for name in comparison.names]
        for kind, deltas in (("score", comparison.means), ("class", comparison.classes)):
            rows += [[*runs, kind, escape_csv(d.name), *map(plain, d[1:])] for d in deltas]
    return "".join(csv_pieces(rows))


def json(comparison: RunValues) -> str:
    """Return everything as JSON."""
    return json_module.dumps(document(comparison), indent=1, allow_nan=False) + "\n"


def document(comparison: RunValues) -> dict[str, Any]:
    """Return the content of the JSON; NaN is None."""
    content = {
        "segpost": "RunComparison",
        "version": VERSION,
        "a": comparison.names[0],
        "b": comparison.names[1],
        "dialect": comparison.a.dialect or None,
        "policy": asdict(comparison.a.policy),
        "samples": comparison.samples,
        "level": comparison.level,
        "seed": comparison.seed,
        "shared_images": len(comparison.ids),
        "only_a": list(comparison.only_a),
        "only_b": list(comparison.only_b),
        "scores": [delta._asdict() for delta in comparison.means],
        "classes": [delta._asdict() for delta in comparison.classes],
        "fallen": [image._asdict() for image in comparison.fallen(MAX_SAVED)],
        "risen": [image._asdict() for image in comparison.risen(MAX_SAVED)],
        "grown": [confusion._asdict() for confusion in comparison.grown(MAX_SAVED)],
        "shrunk": [confusion._asdict() for confusion in comparison.shrunk(MAX_SAVED)],
    }
    result: dict[str, Any] = as_jsonable(content, nan="null")
    return result


def notebook(comparison: RunValues) -> str:
    """Return the report as HTML for the output of a notebook's cell."""
    title, *notes = sentences(comparison)
    content = (mean_table(comparison), class_table(comparison), *image_tables(comparison))
    return format_result(title, *map(format_paragraph, notes), *map(format_compact_table, content))


def _head(comparison: RunValues, first: str) -> tuple[str, ...]:
    a, b = map(as_printable, comparison.names)
    return (first, a, b, "delta", "from", "to", "p")


def _row(delta: ScoreDelta, name: str) -> tuple[str, ...]:
    p = "-" if delta.p_value != delta.p_value else f"{delta.p_value:.2g}"
    values = (delta.delta, delta.low, delta.high)
    return (
        as_printable(name),
        format_score(delta.a),
        format_score(delta.b),
        *map(format_delta, values),
        p,
    )
