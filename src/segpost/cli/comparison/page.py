"""The HTML report of `segpost compare`: one file that loads nothing from anywhere."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import segpost
from segpost import RunComparison
from segpost._core.text import FILE_ERRORS
from segpost.cli.evaluation.style import SCRIPT, STYLE
from segpost.cli.messages import describe_cli_error
from segpost.cli.pictures import caption, embed_image_file, embed_labels
from segpost.evaluation.pairing import find_images
from segpost.files.images import read_labels
from segpost.metrics.report import runs
from segpost.metrics.run_values import ImageDelta, ScoreDelta
from segpost.render.html import format_facts, format_figure, format_page, format_table
from segpost.render.tables import format_percent, format_score, in_percent
from segpost.render.text import escape_html

VOID_COLOR = (224, 224, 192)
READ_CURE = "pictures of the page need label maps: one number a pixel"
UNSORTED = ("interval", "")  # columns that the button of no head sorts
INTERVAL_STYLE = """
.packed { margin-top: 20px; }
.interval { position: relative; height: 18px; min-width: 180px; }
.interval i { position: absolute; top: 8px; height: 3px; background: var(--soft); }
.interval b { position: absolute; top: 5px; width: 9px; height: 9px; margin-left: -4px;
  border-radius: 50%; background: var(--accent); }
.interval b.fall { background: var(--wrong); }
.interval u { position: absolute; top: 0; bottom: 0; width: 1px; background: var(--line); }
"""


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
    percent : bool
        Give scores in percent.
    """
    body = "".join(
        _section(comparison, where, percent)
        for comparison, where in zip(comparisons, folders, strict=True)
    )
    values = {**facts, "segpost": segpost.__version__}
    body += f"<h2>How it was compared</h2>{format_facts(values.items())}"
    return format_page("segpost comparison", body, style=STYLE + INTERVAL_STYLE, script=SCRIPT)


def _section(comparison: RunComparison, folders: PictureFolders, percent: bool) -> str:
    """Return everything about one comparison."""
    show = in_percent if percent else (lambda part: part)
    notes = "".join(f"<li>{escape_html(line)}</li>" for line in runs.sentences(comparison))
    tables = [*runs.image_tables(comparison), *runs.confusion_tables(comparison)]
    rest = "".join(format_table(show(table)) for table in tables)  # type: ignore[arg-type]
    return (
        f"<h2>{escape_html(comparison.names[1])} against {escape_html(comparison.names[0])}</h2>"
        f'<ul class="notes">{notes}</ul>'
        f"{_delta_table('Scores', comparison, runs.named_means(comparison), percent)}"
        f"{_delta_table('IoU of classes', comparison, runs.sorted_classes(comparison), percent)}"
        f'<div class="packed">{rest}</div>{_pictures(comparison, folders)}'
    )


def _delta_table(
    title: str, comparison: RunComparison, deltas: Sequence[ScoreDelta], percent: bool
) -> str:
    """Return deltas with their intervals, drawn to one scale around 0."""
    bounds = [abs(x) for d in deltas for x in (d.low, d.high, d.delta) if not math.isnan(x)]
    scale = max(bounds, default=0.0) or 1.0
    names = ("score", *comparison.names, "delta", "interval", "", "p")
    head = "".join(
        f'<th aria-sort="none"><button type="button">{escape_html(name)}</button></th>'
        if name not in UNSORTED
        else f"<th>{name}</th>"
        for name in names
    )
    rows = "".join(_delta_row(delta, scale, percent) for delta in deltas)
    return (
        f'<h3>{title}</h3><div class="card scroll"><table class="plain sortable">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _delta_row(delta: ScoreDelta, scale: float, percent: bool) -> str:
    def shown(value: float, sign: bool = False) -> str:
        if percent:
            return format_percent(value, sign="+" if sign else "")
        return format_score(value, sign=sign)

    bar, interval = "", "-"
    if not math.isnan(delta.low):
        low, middle, high = (50 + 50 * x / scale for x in (delta.low, delta.delta, delta.high))
        fall = " class=fall" if delta.delta < 0 else ""
        bar = (
            f'<div class="interval"><u style="left:50%"></u><i style="left:{low:.1f}%;'
            f'width:{high - low:.1f}%"></i><b{fall} style="left:{middle:.1f}%"></b></div>'
        )
        interval = f"{shown(delta.low, True)} to {shown(delta.high, True)}"
    p_value = "-" if math.isnan(delta.p_value) else f"{delta.p_value:.2g}"
    cells = (
        (delta.a, shown(delta.a)),
        (delta.b, shown(delta.b)),
        (delta.delta, shown(delta.delta, True)),
    )
    columns = "".join(f'<td data-value="{_sort_key(value)}">{cell}</td>' for value, cell in cells)
    return (
        f"<tr><td>{escape_html(delta.name)}</td>{columns}<td>{interval}</td><td>{bar}</td>"
        f'<td data-value="{_sort_key(delta.p_value)}">{p_value}</td></tr>'
    )


def _sort_key(value: float) -> str:
    """Return what a column is sorted by; rows without a value come last."""
    return "-9" if math.isnan(value) else repr(value)


def _pictures(comparison: RunComparison, folders: PictureFolders) -> str:
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
    found = {title: {} if folder is None else find_images(folder, ids) for title, folder in sources}
    return "".join(
        f"<h3>{title}</h3>{''.join(_card(image, comparison, found, folders) for image in images)}"
        for title, images in groups
        if images
    )


def _card(
    image: ImageDelta,
    comparison: RunComparison,
    found: Mapping[str, Mapping[str, Path]],
    folders: PictureFolders,
) -> str:
    """Return the panels of one image."""
    name = str(image.id)
    panels = "".join(_panels(name, found, folders))
    a, b = comparison.names
    facts = (
        f"mIoU {a} {format_score(image.a)}",
        f"{b} {format_score(image.b)}",
        f"delta {format_score(image.delta, sign=True)}",
    )
    details = "".join(f'<span class="soft">{escape_html(fact)}</span>' for fact in facts)
    return (
        f'<div class="card shot"><header><strong>{escape_html(name)}</strong>{details}</header>'
        f'<div class="panels">{panels}</div></div>'
    )


def _panels(
    name: str, found: Mapping[str, Mapping[str, Path]], folders: PictureFolders
) -> Iterator[str]:
    """Yield the photograph, the target and the predictions of an image."""
    for title, paths in found.items():
        path = paths.get(name)
        if path is None:
            continue
        try:
            if title == "image" and folders.images is not None:
                source, css_class = embed_image_file(path, None), "photo"
            else:
                labels = read_labels(path, None, lambda size: None, READ_CURE)
                void = len(folders.colors)
                rows = np.where((labels >= 0) & (labels < void), labels, void).astype(np.intp)
                table = np.concatenate([folders.colors, [VOID_COLOR]]).astype(np.uint8)
                source, css_class = embed_labels(rows, table), ""
        except FILE_ERRORS as error:
            yield caption(describe_cli_error(error, path.name))
            continue
        yield format_figure(source, title, css_class, description=f"{title} of {name}")
