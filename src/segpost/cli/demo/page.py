"""The report of `segpost demo`: one HTML file that loads nothing from anywhere."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import segpost
from segpost.cli.demo import timing
from segpost.render.html.figures import (
    Entry,
    Picture,
    format_comparison,
    format_figure,
    format_legend,
    format_picture,
)
from segpost.render.html.frame import Origin, Section, format_note, format_page
from segpost.render.html.pictures import embed_file
from segpost.render.html.tables import format_facts, format_table
from segpost.render.tables import Table
from segpost.render.text import escape_html

# Title, words below the image, and a description for a reader who cannot see it.
GALLERY = {
    "rectangles": (
        "What the classifier learned from",
        "rectangles drawn by hand",
        "the photograph with rectangles in the colors of the classes on parts of each",
    ),
    "color": (
        "Colors",
        "the label map through the palette",
        "every pixel in the color of its class: {shares}",
    ),
    "contours": (
        "Contours",
        "a light overlay with opaque lines between labels",
        "the photograph, lightly tinted, with lines where classes meet",
    ),
    "confidence": (
        "Confidence",
        "probability of the label: white is 1, black is 0",
        "a gray image, light inside of the classes and dark where they meet",
    ),
}
PHOTOGRAPH = "photograph of a pagoda among trees, in front of a lake"
OVERLAY = "the photograph with the colors of the classes over it: {shares}"
DETAIL = (
    "a detail of the photograph, and its labels before and after the CRF: afterwards the lines "
    "between them follow eaves and leaves"
)
ABOUT_CRF = (
    "Logits at 1/8 of the size do not show where edges are; the photograph does. It is no second "
    "opinion: where colors are alike, as on the eaves in the shade, a label may also lose to the "
    "one beside it."
)
SOURCES = (
    "Photograph: china.jpg as bundled with scikit-learn. The logits are those of a kernel "
    "classifier fitted on the rectangles above; it stands in for a network."
)
REFINED = "the same after the CRF, whose labels follow the edges of the photograph"


def format_demo(
    files: Mapping[str, Path],
    seg: segpost.Segmentation,
    tables: Sequence[timing.Table],
    code: str,
    changed: float | None,
    facts: Sequence[tuple[str, str]],
    origin: Origin,
) -> str:
    """Return the report as an HTML page, with the images of the demo inside.

    Parameters
    ----------
    files : mapping of str to Path
        The images of the demo by name.
    seg : Segmentation
        What they were made from.
    tables : sequence of timing.Table
        The timings; without any the report has no part about them.
    code : str
        The source of the functions that made the images.
    changed : float or None
        The share of the labels that the CRF changed; None where there was none.
    facts : sequence of (name, value)
        What the installation consists of.
    origin : Origin
        What makes the page.
    """
    height, width = seg.labels.shape
    shares = _describe_shares(seg)
    overlay = _picture(files, "overlay", OVERLAY.format(shares=shares))
    lead = (
        "What comes after a segmentation network: from logits at 1/8 of the size to labels, "
        f"colors, confidence and overlays of {height} \N{MULTIPLICATION SIGN} {width} pixels."
    )
    sections = [
        Section("", _top(files, seg, overlay)),
        Section("Images", _gallery(files, shares)),
        Section("Dense CRF", "" if changed is None else _crf(files, overlay, changed)),
        Section(
            "The code that made them",
            f'<div class="card"><pre tabindex="0">{_escape_lines(textwrap.dedent(code).strip())}'
            "</pre></div>",
        ),
        Section("Time", "".join(map(_timings, tables))),
        Section("This installation", format_facts(facts) + format_note(SOURCES)),
    ]
    return format_page("segpost demo", sections, lead=lead, origin=origin)


def _top(files: Mapping[str, Path], seg: segpost.Segmentation, overlay: Picture) -> str:
    """Return the photograph beside its overlay, and the classes."""
    pair = format_comparison(
        _picture(files, "photograph", PHOTOGRAPH, is_photograph=True),
        overlay,
        "photograph or overlay",
        "Drag, or use the arrow keys: the photograph on the left, the overlay on the right.",
    )
    legend = format_legend(_legend(seg), "Classes and their area")
    return (
        f'<div class="top">{pair}<div class="card areas"><strong>Classes and their area</strong>'
        f"{legend}</div></div>"
    )


def _gallery(files: Mapping[str, Path], shares: str) -> str:
    cards = "".join(
        _card(_picture(files, name, description.format(shares=shares)), title, words)
        for name, (title, words, description) in GALLERY.items()
    )
    description = f"image, labels and overlay side by side, with a legend: {shares}"
    figure = _picture(files, "figure", description, is_photograph=True)
    wide = _card(figure, "Figure", "seg.figure(), drawn by matplotlib")
    return f'<div class="gallery">{cards}</div><div class="wide">{wide}</div>'


def _card(picture: Picture, title: str, words: str) -> str:
    return f'<div class="card">{format_figure(picture, title, words)}</div>'


def _crf(files: Mapping[str, Path], overlay: Picture, changed: float) -> str:
    """Return the labels before and after the CRF."""
    pair = format_comparison(
        overlay._replace(description="overlay before the CRF, as above"),
        _picture(files, "refined", REFINED),
        "before or after the CRF",
        f"Before the CRF on the left, after it on the right. It changed {changed:.1%} of the "
        "labels.",
    )
    columns = "".join(f"<span>{name}</span>" for name in ("Photograph", "Before", "After"))
    detail = format_picture(_picture(files, "crf", DETAIL))
    return (
        f"{pair}{format_note(ABOUT_CRF)}"
        f'<figure class="card wide"><button type="button" class="open" title="Open large">{detail}'
        f'</button><figcaption class="thirds">{columns}</figcaption></figure>'
    )


def _picture(
    files: Mapping[str, Path], name: str, description: str, *, is_photograph: bool = False
) -> Picture:
    return Picture(embed_file(files[name]), description, is_photograph)


def _escape_lines(text: str) -> str:
    """Return text of several lines for the content of HTML; `escape_html` is for one line."""
    return "\n".join(map(escape_html, text.split("\n")))


def _describe_shares(seg: segpost.Segmentation) -> str:
    """Return the share of every class in words."""
    return ", ".join(f"{entry.name} {entry.detail}" for entry in _legend(seg))


def _legend(seg: segpost.Segmentation) -> list[Entry]:
    """Return all classes of the palette with their colors and shares, the largest first."""
    palette, shares = seg.palette, seg.shares()
    if palette is None:
        return []
    labels = sorted(range(len(palette)), key=lambda label: -shares.get(label, 0.0))
    return [
        Entry(palette.name(label), palette.color(label), f"{shares.get(label, 0.0):.1%}")
        for label in labels
    ]


def _timings(table: timing.Table) -> str:
    """Return a table of timings with its notes."""
    head, *rows = timing.table_lines(table)
    content = format_table(Table("", head, rows), name="Times of the demo")
    return f'<div class="wide">{content}</div>{"".join(map(format_note, table.notes))}'
