"""The HTML report of `segpost compare`: one file that loads nothing from anywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from segpost import RunComparison
from segpost._core.text import FILE_ERRORS
from segpost.cli.messages import describe_cli_error
from segpost.cli.pictures import embed_image_file, embed_labels
from segpost.evaluation.pairing import find_images
from segpost.files.images import read_labels
from segpost.metrics.report import runs
from segpost.metrics.run_values import ImageDelta, ScoreDelta
from segpost.render.html.figures import (
    Color,
    Entry,
    Picture,
    format_figure,
    format_legend,
    format_missing_figure,
    format_panels,
    format_swatch,
)
from segpost.render.html.frame import Origin, Section, format_notes, format_page
from segpost.render.html.tables import Cell, Column, Row, format_facts, format_rows, format_table
from segpost.render.tables import Table, format_percent, format_score, in_percent
from segpost.render.text import as_printable, escape_html

VOID_COLOR = (224, 224, 192)
READ_CURE = "pictures of the page need label maps: one number a pixel"
INTERVAL = (200, 14)  # width and height of a drawn interval


class PictureFolders(NamedTuple):
    """Where the pictures of the page come from."""

    preds: Sequence[Path]  # of a and b; empty for no pictures
    targets: Path | None
    images: Path | None
    colors: npt.NDArray[np.uint8]  # (C, 3)
    shown: int  # images of each kind


def format_comparisons(
    comparisons: Sequence[RunComparison],
    folders: Sequence[PictureFolders],
    facts: Mapping[str, str],
    origin: Origin,
    *,
    percent: bool,
) -> str:
    """Return the report of comparisons with one baseline as an HTML page.

    Parameters
    ----------
    comparisons : sequence of RunComparison
    folders : sequence of PictureFolders
        Of each comparison.
    facts : mapping of str to str
        What the numbers depend on.
    origin : Origin
        What makes the page.
    percent : bool
        Give scores in percent.
    """
    sections = [
        section
        for comparison, where in zip(comparisons, folders, strict=True)
        for section in _sections(comparison, where, percent)
    ]
    sections.append(Section("How it was compared", format_facts(facts.items())))
    names = [name for comparison in comparisons for name in comparison.names[1:]]
    lead = f"What {', '.join(names)} gained and lost against {comparisons[0].names[0]}."
    return format_page("segpost comparison", sections, lead=lead, origin=origin)


def _sections(
    comparison: RunComparison, folders: PictureFolders, percent: bool
) -> Iterator[Section]:
    """Yield everything about one comparison."""
    colors = _class_colors(comparison, folders)

    def format_deltas(title: str, kind: str, deltas: Sequence[ScoreDelta]) -> str:
        bounds = [abs(x) for d in deltas for x in (d.low, d.high, d.delta) if not math.isnan(x)]
        scale = max(bounds, default=0.0) or 1.0
        rows = [_delta_row(delta, scale, percent, colors) for delta in deltas]
        columns = _delta_columns(comparison, kind)
        return f"<h3>{title}</h3>{format_rows(title, columns, rows)}"

    yield Section(
        f"{comparison.names[1]} against {comparison.names[0]}",
        format_notes(runs.sentences(comparison))
        + format_deltas("Scores", "score", runs.named_means(comparison))
        + format_deltas("IoU of classes", "class", runs.sorted_classes(comparison)),
    )
    images = [_format_tables(runs.image_tables(comparison), percent, {})]
    images.append(_pictures(comparison, folders, colors))
    yield Section("Images", "".join(images))
    confusions = _format_tables(runs.confusion_tables(comparison), percent, colors, "rows")
    yield Section("Confusions", confusions)


def _format_tables(
    tables: Iterable[Table], percent: bool, colors: Mapping[str, Color], css_class: str = "side"
) -> str:
    """Return tables, by default side by side; nothing where none has a row."""
    shown = [in_percent(table) if percent else table for table in tables if table.rows]
    content = "".join(format_table(table, colors) for table in shown if isinstance(table, Table))
    return f'<div class="{css_class}">{content}</div>' if content else ""


def _class_colors(comparison: RunComparison, folders: PictureFolders) -> dict[str, Color]:
    """Return the colors of the classes by their names."""
    names = map(as_printable, comparison.a.class_names)
    return dict(zip(names, map(tuple, folders.colors.tolist()), strict=False))


def _delta_columns(comparison: RunComparison, kind: str) -> list[Column]:
    a, b = comparison.names
    numbers = map(Column, (a, b, "delta"))
    interval = Column(f"{comparison.level:.0%} interval", is_sortable=False)
    return [Column(kind, is_number=False), *numbers, interval, Column("p")]


def _delta_row(delta: ScoreDelta, scale: float, percent: bool, colors: Mapping[str, Color]) -> Row:
    """Return a delta with its interval, which is drawn to one scale around 0."""

    def format_value(value: float, sign: bool = False) -> str:
        if percent:
            return format_percent(value, sign="+" if sign else "")
        return format_score(value, sign=sign)

    interval = "-"
    if not math.isnan(delta.low):
        drawn = _draw_interval(delta, scale)
        interval = f"{drawn}{format_value(delta.low, True)} to {format_value(delta.high, True)}"
    p_value = "-" if math.isnan(delta.p_value) else f"{delta.p_value:.2g}"
    name = as_printable(delta.name)
    swatch = format_swatch(colors[name]) if name in colors else ""
    return Row(
        [
            Cell(swatch + escape_html(name)),
            Cell(format_value(delta.a), delta.a),
            Cell(format_value(delta.b), delta.b),
            Cell(format_value(delta.delta, True), delta.delta),
            Cell(interval),
            Cell(p_value, delta.p_value),
        ]
    )


def _draw_interval(delta: ScoreDelta, scale: float) -> str:
    width, height = INTERVAL
    low, middle, high = (
        width / 2 + 0.48 * width * x / scale for x in (delta.low, delta.delta, delta.high)
    )
    fall = ' class="fall"' if delta.delta < 0 else ""
    y = height / 2
    return (
        f'<svg class="interval" viewBox="0 0 {width} {height}" aria-hidden="true">'
        f'<line class="zero" x1="{width / 2}" x2="{width / 2}" y1="0" y2="{height}"></line>'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"></line>'
        f'<circle{fall} cx="{middle:.1f}" cy="{y}" r="4.5"></circle></svg>'
    )


def _pictures(
    comparison: RunComparison, folders: PictureFolders, colors: Mapping[str, Color]
) -> str:
    """Return the images that fell and rose most, side by side."""
    if not folders.preds:
        return ""
    groups = (
        ("Images that fell most", comparison.fallen(folders.shown)),
        ("Images that rose most", comparison.risen(folders.shown)),
    )
    ids = [str(image.id) for _, images in groups for image in images]
    sources = [("image", folders.images), ("target", folders.targets)]
    sources += list(zip(comparison.names, folders.preds, strict=True))
    pictures = {
        title: {} if folder is None else find_images(folder, ids) for title, folder in sources
    }
    cards = "".join(
        f"<h3>{title}</h3>"
        + "".join(_card(image, comparison, pictures, folders) for image in images)
        for title, images in groups
        if images
    )
    entries = [Entry("no class", VOID_COLOR), *(Entry(*item) for item in colors.items())]
    return format_legend(entries) + cards if cards else ""


def _card(
    image: ImageDelta,
    comparison: RunComparison,
    pictures: Mapping[str, Mapping[str, Path]],
    folders: PictureFolders,
) -> str:
    """Return the panels of one image."""
    name = str(image.id)
    a, b = comparison.names
    figures = [*_panels(name, pictures, folders)]
    titles = [title for title, _ in figures]
    pair = (titles.index(a), titles.index(b)) if {a, b} <= {*titles} else None
    panels = format_panels([figure for _, figure in figures], pair, f"Compare {a} and {b}")
    facts = (
        f"mIoU {a} {format_score(image.a)}",
        f"{b} {format_score(image.b)}",
        f"delta {format_score(image.delta, sign=True)}",
    )
    details = "".join(f'<span class="soft">{escape_html(fact)}</span>' for fact in facts)
    return (
        f'<div class="card shot"><header><strong>{escape_html(name)}</strong>{details}</header>'
        f"{panels}</div>"
    )


def _panels(
    name: str, pictures: Mapping[str, Mapping[str, Path]], folders: PictureFolders
) -> Iterator[tuple[str, str]]:
    """Yield the titles and figures of the photograph, the target and the predictions."""
    for title, paths in pictures.items():
        path = paths.get(name)
        if path is None:
            continue
        try:
            if title == "image" and folders.images is not None:
                source, is_photograph = embed_image_file(path, None), True
            else:
                labels = read_labels(path, None, lambda size: None, READ_CURE)
                void = len(folders.colors)
                rows = np.where((labels >= 0) & (labels < void), labels, void).astype(np.intp)
                table = np.concatenate([folders.colors, [VOID_COLOR]]).astype(np.uint8)
                source, is_photograph = embed_labels(rows, table), False
        except FILE_ERRORS as error:
            yield "", format_missing_figure(describe_cli_error(error, path.name))
            continue
        yield title, format_figure(Picture(source, f"{title} of {name}", is_photograph), title)
