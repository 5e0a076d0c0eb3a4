"""The report of `segpost demo`: one HTML file that loads nothing from anywhere."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import segpost
from segpost.cli.demo import timing
from segpost.render.html import embed_file, format_facts, format_page
from segpost.render.text import escape_html

STYLE = """
.top { display: grid; grid-template-columns: 1fr 290px; gap: 20px; margin-top: 26px; }
.pair { --cut: 42%; position: relative; line-height: 0; }
.pair img, .pair svg { display: block; width: 100%; }
.pair > :nth-child(2) { position: absolute; inset: 0; clip-path: inset(0 0 0 var(--cut)); }
.pair::after { content: ""; position: absolute; top: 0; bottom: 0; left: var(--cut); width: 2px;
  background: #fff; box-shadow: 0 0 4px #0008; }
.pair input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0;
  cursor: ew-resize; z-index: 1; }
.pair:focus-within { outline: 3px solid var(--accent); }
.legend { padding: 16px 20px; align-self: start; }
.legend li { display: grid; grid-template-columns: 16px 1fr auto; gap: 4px 10px;
  align-items: center; margin: 11px 0; }
.legend ul { list-style: none; margin: 0; padding: 0; }
.legend i { width: 16px; height: 16px; border-radius: 4px; }
.legend b { grid-column: 2 / 4; height: 5px; border-radius: 3px; background: var(--line);
  overflow: hidden; } .legend b span { display: block; height: 100%; }
.gallery { display: grid; gap: 20px;
  grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); }
.thirds { display: grid; grid-template-columns: repeat(3, 1fr); text-align: center; }
@media (max-width: 820px) { .top { grid-template-columns: 1fr; } }
@media print { .pair input { display: none; } .pair { --cut: 50%; break-inside: avoid; }
  h2 + .pair { width: 50%; }
  .top { grid-template-columns: 1fr 200px; gap: 12px; } .legend { padding: 8px 12px; }
  .gallery { grid-template-columns: 1fr 1fr; gap: 12px; } figcaption { padding: 5px 10px; } }
"""

# Title, words below the image, and a description for a reader who cannot see it.
GALLERY = {
    "rectangles.png": (
        "What the classifier learned from",
        "rectangles drawn by hand",
        "the photograph with rectangles in the colors of the classes on parts of each",
    ),
    "color.png": (
        "Colors",
        "the label map through the palette",
        "every pixel in the color of its class: {shares}",
    ),
    "contours.png": (
        "Contours",
        "a light overlay with opaque lines between labels",
        "the photograph, lightly tinted, with lines where classes meet",
    ),
    "confidence.png": (
        "Confidence",
        "probability of the label: white is 1, black is 0",
        "a gray image, light inside of the classes and dark where they meet",
    ),
}
PHOTOGRAPH = "photograph of a pagoda among trees, in front of a lake"
OVERLAY = "the photograph with the colors of the classes over it: {shares}"
REFINED = "the same after the CRF, whose labels follow the edges of the photograph"


def format_demo(
    folder: Path,
    seg: segpost.Segmentation,
    tables: Sequence[timing.Table],
    code: str,
    changed: float | None,
    facts: Sequence[tuple[str, str]],
) -> str:
    """Return the report as an HTML page, with the images of a folder inside.

    Parameters
    ----------
    folder : Path
        Where the images of the demo are.
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
    """
    height, width = seg.labels.shape
    shares = _describe_shares(seg)
    gallery = "".join(
        _card(folder, name, title, words, description.format(shares=shares))
        for name, (title, words, description) in GALLERY.items()
    )
    timings = f"<h2>Time</h2>{''.join(map(_timings, tables))}" if tables else ""
    pair = _format_slider(
        _format_image(folder / "photograph.png", PHOTOGRAPH),
        _define_image(folder / "overlay.png", "overlay", (width, height), shares),
        "photograph or overlay",
    )
    figure = _card(
        folder,
        "figure.png",
        "Figure",
        "seg.figure(), drawn by matplotlib",
        f"image, labels and overlay side by side, with a legend: {shares}",
    )
    body = f"""<p class="soft">What comes after a segmentation network: from logits at 1/8 of the
size to labels, colors, confidence and overlays of {height} &times; {width} pixels.</p>
<div class="top">
<div>
{pair}
<p class="soft small">Drag to compare the photograph with the overlay.</p>
</div>
<div class="card legend"><strong>Classes and their area</strong>{_legend(seg)}</div>
</div>
<h2>Images</h2>
<div class="gallery">{gallery}</div>
<div class="wide">{figure}</div>
{"" if changed is None else _crf(folder, changed, (width, height))}
<h2>The code that made them</h2>
<div class="card"><pre>{_escape_lines(textwrap.dedent(code).strip())}</pre></div>
{timings}
<h2>This installation</h2>
{format_facts(facts)}
<p class="soft small">Photograph: china.jpg as bundled with scikit-learn. The logits are those of a
kernel classifier fitted on the rectangles above; it stands in for a network.</p>"""
    return format_page("segpost demo", body, style=STYLE)


def _escape_lines(text: str) -> str:
    """Return text of several lines for the content of HTML; `escape_html` is for one line."""
    return "\n".join(map(escape_html, text.split("\n")))


def _crf(folder: Path, changed: float, size: tuple[int, int]) -> str:
    """Return the labels before and after the CRF."""
    pair = _format_slider(
        _repeat_image("overlay", size, "overlay before the CRF, as above"),
        _format_image(folder / "refined.png", REFINED),
        "before or after the CRF",
    )
    columns = "".join(f"<span>{name}</span>" for name in ("Photograph", "Before", "After"))
    detail = _format_image(
        folder / "crf.png",
        "a detail of the photograph, and its labels before and after the CRF: afterwards the lines "
        "between them follow eaves and leaves",
    )
    return f"""<h2>Dense CRF</h2>
{pair}
<p class="soft small">Drag: before the CRF on the left, after it on the right. It changed
{changed:.1%} of the labels. Logits at 1/8 of the size do not show where edges are; the photograph
does. It is no second opinion: where colors are alike, as on the eaves in the shade, a label may
also lose to the one beside it.</p>
<figure class="card wide">{detail}
<figcaption class="thirds">{columns}</figcaption></figure>"""


def _format_slider(first: str, second: str, name: str) -> str:
    """Return two images, one over the other, and a line between them that can be dragged."""
    return f"""<div class="card pair">
{first}
{second}
<input type="range" min="0" max="100" value="42" step="any" aria-label="{escape_html(name)}"
oninput="this.parentNode.style.setProperty('--cut', this.value + '%')">
</div>"""


def _format_image(path: Path, description: str) -> str:
    return f'<img src="{embed_file(path)}" alt="{escape_html(description)}">'


def _define_image(path: Path, name: str, size: tuple[int, int], shares: str) -> str:
    """Return an image that `_repeat_image` can show again without another copy in the page."""
    width, height = size
    words = escape_html(OVERLAY.format(shares=shares))
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{words}"><image id="{name}" '
        f'width="{width}" height="{height}" href="{embed_file(path)}"></image></svg>'
    )


def _repeat_image(name: str, size: tuple[int, int], description: str) -> str:
    width, height = size
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape_html(description)}"><use href="#{name}"></use></svg>'
    )


def _card(folder: Path, name: str, title: str, words: str, description: str) -> str:
    """Return an image with its title and what it shows."""
    title, words = escape_html(title), escape_html(words)
    return (
        f'<figure class="card">{_format_image(folder / name, description)}'
        f"<figcaption><strong>{title}</strong> &ndash; {words}</figcaption></figure>"
    )


def _describe_shares(seg: segpost.Segmentation) -> str:
    """Return the share of every class in words."""
    names = (lambda label: str(label)) if seg.palette is None else seg.palette.name
    return ", ".join(f"{names(label)} {share:.1%}" for label, share in seg.shares().items())


def _legend(seg: segpost.Segmentation) -> str:
    """Return the classes with their colors and shares of the pixels."""
    if seg.palette is None:
        return ""
    rows = []
    for label, share in seg.shares().items():
        color = "#{:02x}{:02x}{:02x}".format(*seg.palette.color(label))
        name = escape_html(seg.palette.name(label))
        rows.append(
            f'<li><i style="background:{color}"></i><span>{name}</span><span>{share:.1%}</span>'
            f'<b><span style="background:{color};width:{share:.1%}"></span></b></li>'
        )
    return f"<ul>{''.join(rows)}</ul>"


def _timings(table: timing.Table) -> str:
    """Return a table of timings with its notes."""
    head, *rows = timing.table_lines(table)
    names = "".join(f"<th>{escape_html(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape_html(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    notes = "".join(f'<p class="soft small">{escape_html(note)}</p>' for note in table.notes)
    return (
        f'<div class="card scroll wide"><table><thead><tr>{names}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{notes}"
    )
