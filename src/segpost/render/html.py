"""HTML pages that are one file: the frame, the style, tables, and images inside the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segpost.render.tables import Table, is_text_column
from segpost.render.text import escape_html

STYLE = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --ink: #1b2330; --soft: #5d6878;
  --line: #dfe3ea; --accent: #2f6fde; --code: #f0f2f6; --wrong: #d92d3a; }
@media (prefers-color-scheme: dark) { :root { --page: #12161d; --card: #1a2029; --ink: #e6eaf1;
  --soft: #98a3b4; --line: #2c3542; --accent: #7fb0ff; --code: #11151b; --wrong: #ff6b75; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 40px 20px 64px; }
h1 { margin: 0; font-size: 2.1rem; letter-spacing: -.02em; }
h2 { margin: 44px 0 14px; font-size: 1.2rem; }
p { margin: 6px 0; } .soft { color: var(--soft); } .small { font-size: .88rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  overflow: hidden; }
figure { margin: 0; } figure img { display: block; width: 100%; }
figcaption { padding: 10px 16px; font-size: .92rem; color: var(--soft); }
figcaption strong { color: var(--ink); }
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
.build tbody tr:first-child td, .plain tbody tr:first-child td { font-weight: inherit; }
.plain tfoot td { font-weight: 600; border-top: 2px solid var(--line); }
.plain td:last-child.words, .plain .words { text-align: left; }
.swatch { display: inline-block; width: 13px; height: 13px; border-radius: 4px;
  margin-right: 8px; vertical-align: -1px; box-shadow: inset 0 0 0 1px #8888; }
@media print {
  :root { color-scheme: light; --page: #fff; --card: #fff; --ink: #1b2330; --soft: #5d6878;
    --line: #dfe3ea; --code: #fff; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 10.5pt; } main { max-width: none; padding: 0; }
  h2, h3 { break-after: avoid; } h2 { margin-top: 22px; }
  figure, tr, .keep { break-inside: avoid; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 8.5pt; padding: 10px 12px; }
  .card { overflow: visible; } .scroll { overflow: visible; }
  th, td { padding: 4px 8px; }
}
"""


def format_page(title: str, body: str, *, style: str = "", script: str = "") -> str:
    """Return a page that loads nothing from anywhere.

    Parameters
    ----------
    title : str
        Text of the title and of the first heading.
    body : str
        HTML that follows the heading.
    style : str
        CSS of this page alone, after `STYLE`.
    script : str
        JavaScript that runs when the page is there.
    """
    heading = escape_html(title)
    scripts = f"<script>{script}</script>\n" if script else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{heading}</title>
<style>{STYLE}{style}</style>
</head>
<body>
<main>
<h1>{heading}</h1>
{body}
</main>
{scripts}</body>
</html>
"""


def embed_image(content: bytes, kind: str = "png") -> str:
    """Return an image file as the URL of an `img` element.

    Parameters
    ----------
    content : bytes
        The file.
    kind : str
        Its format, as in the media type ``image/kind``.
    """
    return f"data:image/{kind};base64," + base64.b64encode(content).decode("ascii")


def embed_picture(picture: Any, kind: str = "png", **options: Any) -> str:
    """Return a Pillow image as the URL of an `img` element; `options` are those of its `save`."""
    buffer = io.BytesIO()
    picture.save(buffer, format=kind.upper(), **options)
    return embed_image(buffer.getvalue(), kind)


def embed_file(path: Path, quality: int = 88) -> str:
    """Return an image file as the URL of an `img` element, as JPEG where that is smaller.

    Parameters
    ----------
    path : Path
        A PNG file, gray or RGB.
    quality : int
        Of the JPEG, in 1..95.
    """
    from PIL import Image

    content = path.read_bytes()
    with Image.open(path) as picture:
        url = embed_picture(picture.convert("RGB"), "jpeg", quality=quality, optimize=True)
    own = embed_image(content)
    return url if len(url) < len(own) else own


def embed_array(image: npt.NDArray[np.uint8]) -> str:
    """Return an (H, W, 3) array as the URL of an `img` element; needs Pillow."""
    from PIL import Image

    return embed_picture(Image.fromarray(image))


def format_figure(
    source: str, title: str, css_class: str = "", *, description: str | None = None
) -> str:
    """Return an image with its title below it.

    Parameters
    ----------
    source : str
        A URL, as `embed_image` returns it.
    title : str
        Text of the caption.
    css_class : str
        Class of the image.
    description : str, optional
        What the image shows, for a reader who cannot see it; the title by default.
    """
    extra = f' class="{css_class}"' if css_class else ""
    words = escape_html(title)
    alternative = words if description is None else escape_html(description)
    return (
        f'<figure><img src="{source}"{extra} alt="{alternative}">'
        f"<figcaption>{words}</figcaption></figure>"
    )


def format_facts(facts: Iterable[tuple[str, str]]) -> str:
    """Return names and values as a table of two columns in a card."""
    rows = "".join(
        f"<tr><td>{escape_html(name)}</td><td>{escape_html(value)}</td></tr>"
        for name, value in facts
    )
    return f'<div class="card"><table class="build"><tbody>{rows}</tbody></table></div>'


def format_table(table: Table) -> str:
    """Return a table in a card, below its title."""
    title = f"<h3>{escape_html(table.title)}</h3>" if table.title else ""
    rows = [format_row(table, "td", cells) for cells in table.rows]
    foot = f"<tfoot>{rows.pop()}</tfoot>" if table.summed else ""
    return (
        f'<div>{title}<div class="card scroll"><table class="plain">'
        f"<thead>{format_row(table, 'th', table.head)}</thead>"
        f"<tbody>{''.join(rows)}</tbody>{foot}</table></div></div>"
    )


def format_row(table: Table, tag: str, cells: Sequence[str]) -> str:
    """Return a row of a table; `tag` is "th" or "td"."""
    content = "".join(
        f"<{tag}{' class=words' if is_text_column(table, column) else ''}>"
        f"{escape_html(cell)}</{tag}>"
        for column, cell in enumerate(cells)
    )
    return f"<tr>{content}</tr>"
