"""report.html of the demo: one file, nothing loaded from anywhere."""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Sequence
from html import escape
from pathlib import Path

import segpost
from segpost.cli.commands import info
from segpost.cli.demo import timing

STYLE = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --ink: #1b2330; --soft: #5d6878;
  --line: #dfe3ea; --accent: #2f6fde; --code: #f0f2f6; }
@media (prefers-color-scheme: dark) { :root { --page: #12161d; --card: #1a2029; --ink: #e6eaf1;
  --soft: #98a3b4; --line: #2c3542; --accent: #7fb0ff; --code: #11151b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 40px 20px 64px; }
h1 { margin: 0; font-size: 2.1rem; letter-spacing: -.02em; }
h2 { margin: 44px 0 14px; font-size: 1.2rem; }
p { margin: 6px 0; } .soft { color: var(--soft); } .small { font-size: .88rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  overflow: hidden; }
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
figure { margin: 0; } figure img { display: block; width: 100%; }
figcaption { padding: 10px 16px; font-size: .92rem; color: var(--soft); }
figcaption strong { color: var(--ink); }
.thirds { display: grid; grid-template-columns: repeat(3, 1fr); text-align: center; }
.wide { margin-top: 20px; } .wide img { background: #fff; }
pre { margin: 0; padding: 18px 20px; overflow-x: auto; background: var(--code);
  font: 14px/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 10px 16px; border-bottom: 1px solid var(--line); text-align: right; }
th { font-weight: 600; font-size: .85rem; color: var(--soft); }
th:first-child, td:first-child, .build td { text-align: left; }
.build td:first-child { color: var(--soft); width: 130px; }
tr:last-child td { border-bottom: 0; } tbody tr:first-child td { font-weight: 650; }
.build tbody tr:first-child td { font-weight: inherit; }
@media (max-width: 820px) { .top { grid-template-columns: 1fr; } }
"""

GALLERY = {
    "rectangles.png": ("What the classifier learned from", "rectangles drawn by hand"),
    "color.png": ("Colors", "the label map through the palette"),
    "contours.png": ("Contours", "a light overlay with opaque lines between labels"),
    "confidence.png": ("Confidence", "probability of the label; darker is less sure"),
}


def page(
    folder: Path,
    seg: segpost.Segmentation,
    tables: Sequence[timing.Table],
    code: str,
    changed: float | None,
) -> str:
    """The report as HTML, with the pictures of `folder` inside.

    Parameters
    ----------
    folder : path
        Where the demo's pictures are.
    seg : Segmentation
        What they were made from.
    tables : sequence of timing.Table
        Left out of the report where there is none.
    code : str
        The source that made the pictures.
    changed : float or None
        The part of the labels that the CRF changed; None where there was none.
    """
    height, width = seg.labels.shape
    shown = "".join(_card(folder, name, *words) for name, words in GALLERY.items())
    timings = f"<h2>Time</h2>{''.join(map(_timings, tables))}" if tables else ""
    before = _compared(folder, "photograph.png", "overlay.png", "photograph", "overlay")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>segpost demo</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>segpost demo</h1>
<p class="soft">What comes after a segmentation network: from logits at 1/8 of the size to labels,
colors, confidence and overlays of {height} &times; {width} pixels.</p>
<div class="top">
<div>
{before}
<p class="soft small">Drag to compare the photograph with the overlay.</p>
</div>
<div class="card legend"><strong>Classes and their area</strong>{_legend(seg)}</div>
</div>
<h2>Pictures</h2>
<div class="gallery">{shown}</div>
<div class="wide">{_card(folder, "figure.png", "Figure", "seg.figure(), drawn by matplotlib")}</div>
{"" if changed is None else _crf(folder, changed)}
<h2>The code that made them</h2>
<div class="card"><pre>{escape(textwrap.dedent(code).strip())}</pre></div>
{timings}
<h2>This installation</h2>
<div class="card"><table class="build"><tbody>{_build()}</tbody></table></div>
<p class="soft small">Photograph: china.jpg as bundled with scikit-learn. The logits are those of a
kernel classifier fitted on the rectangles above; it stands in for a network.</p>
</main>
</body>
</html>
"""


def _crf(folder: Path, changed: float) -> str:
    """Labels before and after the CRF."""
    pair = _compared(folder, "overlay.png", "refined.png", "before the CRF", "after the CRF")
    columns = "".join(f"<span>{name}</span>" for name in ("Photograph", "Before", "After"))
    return f"""<h2>Dense CRF</h2>
{pair}
<p class="soft small">Drag: before the CRF on the left, after it on the right. It changed
{changed:.1%} of the labels. Logits at 1/8 of the size cannot know where edges are; the photograph
does. It is no second opinion: where colors are alike, as on the eaves in the shade, a label may
also lose to the one beside it.</p>
<figure class="card wide"><img src="{_embedded(folder / "crf.png")}" alt="detail">
<figcaption class="thirds">{columns}</figcaption></figure>"""


def _compared(folder: Path, first: str, second: str, left: str, right: str) -> str:
    """Two pictures, one over the other, and a border that can be dragged."""
    return f"""<div class="card pair">
<img src="{_embedded(folder / first)}" alt="{left}">
<img src="{_embedded(folder / second)}" alt="{right}">
<input type="range" min="0" max="100" value="42" step="any" aria-label="{left} or {right}"
oninput="this.parentNode.style.setProperty('--cut', this.value + '%')">
</div>"""


def _embedded(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _card(folder: Path, name: str, title: str, words: str) -> str:
    return (
        f'<figure class="card"><img src="{_embedded(folder / name)}" alt="{escape(title)}">'
        f"<figcaption><strong>{escape(title)}</strong> &ndash; {escape(words)}</figcaption>"
        "</figure>"
    )


def _legend(seg: segpost.Segmentation) -> str:
    if seg.palette is None:
        return ""
    shares = seg.shares()
    largest = max(shares.values())
    rows = []
    for label, share in shares.items():
        color = "#{:02x}{:02x}{:02x}".format(*seg.palette.color(label))
        name = escape(seg.palette.name(label))
        rows.append(
            f'<li><i style="background:{color}"></i><span>{name}</span><span>{share:.1%}</span>'
            f'<b style="background:{color};width:{share / largest:.1%}"></b></li>'
        )
    return f"<ul>{''.join(rows)}</ul>"


def _timings(table: timing.Table) -> str:
    first, *body = timing.lines(table)
    head = "".join(f"<th>{escape(name)}</th>" for name in first)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in body
    )
    notes = "".join(f'<p class="soft small">{escape(note)}</p>' for note in table.notes)
    return (
        f'<div class="card scroll wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody>'
        f"</table></div>{notes}"
    )


def _build() -> str:
    lines = info.lines(segpost.build_config())
    return "".join(f"<tr><td>{escape(k)}</td><td>{escape(v)}</td></tr>" for k, v in lines)
