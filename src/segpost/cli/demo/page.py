"""The report of `segpost demo`: one HTML file that loads nothing from anywhere."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import segpost
from segpost.cli.demo import timing
from segpost.render.html import embed_image, format_facts, format_page
from segpost.render.text import escape_html

STYLE = """
.top { display: grid; grid-template-columns: 1fr 290px; gap: 20px; margin-top: 26px; }
.pair { --cut: 42%; position: relative; line-height: 0; }
.pair img { width: 100%; }
.pair img + img { position: absolute; inset: 0; clip-path: inset(0 0 0 var(--cut)); }
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
.legend b { grid-column: 2 / 4; height: 5px; border-radius: 3px; }
.gallery { display: grid; gap: 20px;
  grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); }
.thirds { display: grid; grid-template-columns: repeat(3, 1fr); text-align: center; }
@media (max-width: 820px) { .top { grid-template-columns: 1fr; } }
"""

GALLERY = {
    "rectangles.png": ("What the classifier learned from", "rectangles drawn by hand"),
    "color.png": ("Colors", "the label map through the palette"),
    "contours.png": ("Contours", "a light overlay with opaque lines between labels"),
    "confidence.png": ("Confidence", "probability of the label; darker is less sure"),
}


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
    gallery = "".join(_card(folder, name, *words) for name, words in GALLERY.items())
    timings = f"<h2>Time</h2>{''.join(map(_timings, tables))}" if tables else ""
    pair = _slider(folder, "photograph.png", "overlay.png", "photograph", "overlay")
    figure = _card(folder, "figure.png", "Figure", "seg.figure(), drawn by matplotlib")
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
{"" if changed is None else _crf(folder, changed)}
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


def _crf(folder: Path, changed: float) -> str:
    """Return the labels before and after the CRF."""
    pair = _slider(folder, "overlay.png", "refined.png", "before the CRF", "after the CRF")
    columns = "".join(f"<span>{name}</span>" for name in ("Photograph", "Before", "After"))
    return f"""<h2>Dense CRF</h2>
{pair}
<p class="soft small">Drag: before the CRF on the left, after it on the right. It changed
{changed:.1%} of the labels. Logits at 1/8 of the size do not show where edges are; the photograph
does. It is no second opinion: where colors are alike, as on the eaves in the shade, a label may
also lose to the one beside it.</p>
<figure class="card wide"><img src="{_embed_png(folder / "crf.png")}" alt="detail">
<figcaption class="thirds">{columns}</figcaption></figure>"""


def _slider(folder: Path, first: str, second: str, left: str, right: str) -> str:
    """Return two images, one over the other, and a line between them that can be dragged."""
    return f"""<div class="card pair">
<img src="{_embed_png(folder / first)}" alt="{left}">
<img src="{_embed_png(folder / second)}" alt="{right}">
<input type="range" min="0" max="100" value="42" step="any" aria-label="{left} or {right}"
oninput="this.parentNode.style.setProperty('--cut', this.value + '%')">
</div>"""


def _embed_png(path: Path) -> str:
    return embed_image(path.read_bytes())


def _card(folder: Path, name: str, title: str, words: str) -> str:
    """Return an image with its title and what it shows."""
    title, words = escape_html(title), escape_html(words)
    return (
        f'<figure class="card"><img src="{_embed_png(folder / name)}" alt="{title}">'
        f"<figcaption><strong>{title}</strong> &ndash; {words}</figcaption></figure>"
    )


def _legend(seg: segpost.Segmentation) -> str:
    """Return the classes with their colors and shares of the pixels."""
    if seg.palette is None:
        return ""
    shares = seg.shares()
    largest = max(shares.values())
    rows = []
    for label, share in shares.items():
        color = "#{:02x}{:02x}{:02x}".format(*seg.palette.color(label))
        name = escape_html(seg.palette.name(label))
        rows.append(
            f'<li><i style="background:{color}"></i><span>{name}</span><span>{share:.1%}</span>'
            f'<b style="background:{color};width:{share / largest:.1%}"></b></li>'
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
