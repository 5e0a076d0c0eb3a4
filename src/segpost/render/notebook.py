"""Results as short pieces of HTML for the output of a notebook's cell.

A piece takes its text color from the notebook, so that it can be read on a light and on a dark
page. It has its own style and loads nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from segpost.render.tables import Table, is_text_column
from segpost.render.text import escape_html

STYLE = """<style>
.segpost-result { color: inherit; font-size: 13px; line-height: 1.5; max-width: 960px; }
.segpost-result p { margin: 2px 0 6px; } .segpost-result .soft { opacity: .7; }
.segpost-result .scroll { max-height: 340px; overflow: auto; margin: 4px 0 10px; }
.segpost-result table { border-collapse: collapse; margin: 0; color: inherit;
  font-variant-numeric: tabular-nums; font-size: 13px; }
.segpost-result caption { text-align: left; font-weight: 600; padding: 2px 0; color: inherit; }
.segpost-result th, .segpost-result td { padding: 2px 10px 2px 0; text-align: right;
  border: 0; border-bottom: 1px solid #8884; background: none; color: inherit; }
.segpost-result th { font-weight: 600; } .segpost-result .words { text-align: left !important; }
.segpost-result .shares td, .segpost-result .shares th { padding: 2px 6px; }
.segpost-result .keys { display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 4px 0; }
.segpost-result .swatch { display: inline-block; width: 12px; height: 12px; margin-right: 6px;
  border-radius: 3px; vertical-align: -1px; box-shadow: inset 0 0 0 1px #8888; }
.segpost-result img { display: block; max-width: 100%; margin: 4px 0; }
</style>"""

Color = tuple[int, int, int]


def format_result(title: str, *parts: str) -> str:
    """Return a result: a bold first line, and pieces of HTML below it.

    Parameters
    ----------
    title : str
        Text.
    *parts : str
        HTML; empty ones are left out.

    Examples
    --------
    >>> from segpost.render.notebook import format_result
    >>> format_result("a < b").endswith("<p><strong>a &lt; b</strong></p></div>")
    True
    """
    body = "\n".join([f"<p><strong>{escape_html(title)}</strong></p>", *filter(None, parts)])
    return f'<div class="segpost-result">{STYLE}\n{body}</div>'


def format_paragraph(text: str) -> str:
    """Return a sentence; nothing where the text is empty."""
    return f'<p class="soft">{escape_html(text)}</p>' if text else ""


def format_compact_table(table: Table) -> str:
    """Return a table that scrolls where it has many rows; nothing where it has none."""
    if not table.rows:
        return ""

    caption = f"<caption>{escape_html(table.title)}</caption>" if table.title else ""
    head = f"<thead>{_format_row(table, 'th', table.head)}</thead>" if any(table.head) else ""
    rows = "".join(_format_row(table, "td", cells) for cells in table.rows)
    return f'<div class="scroll"><table>{caption}{head}<tbody>{rows}</tbody></table></div>'


def format_shares(title: str, names: Sequence[str], shares: Sequence[Sequence[float]]) -> str:
    """Return a square table of shares in percent, the larger the darker; NaN is an empty cell.

    Parameters
    ----------
    title : str
    names : sequence of str
        Of the rows, and of the columns.
    shares : sequence of sequences of float
        Rows, in 0..1 or NaN.
    """
    head = "".join(f"<th>{escape_html(name)}</th>" for name in names)
    rows = "".join(
        f"<tr><th class=words>{escape_html(name)}</th>{cells}</tr>"
        for name, cells in zip(
            names, ("".join(map(_share_cell, row)) for row in shares), strict=True
        )
    )
    return (
        f'<div class="scroll"><table class="shares"><caption>{escape_html(title)}</caption>'
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def format_colors(entries: Iterable[tuple[str, Color | None]]) -> str:
    """Return a legend: texts, each after its color where it has one."""
    items = "".join(
        f"<span>{'' if color is None else _swatch(color)}{escape_html(text)}</span>"
        for text, color in entries
    )
    return f'<div class="scroll"><div class="keys">{items}</div></div>' if items else ""


def format_image(source: str, description: str) -> str:
    """Return an image, given the URL of `embed_image` and what it shows."""
    return f'<img src="{source}" alt="{escape_html(description)}">'


def _format_row(table: Table, tag: str, cells: Sequence[str]) -> str:
    """Return a row of a table; `tag` is "th" or "td"."""
    content = "".join(
        f"<{tag}{' class=words' if is_text_column(table, column) else ''}>"
        f"{escape_html(cell)}</{tag}>"
        for column, cell in enumerate(cells)
    )
    return f"<tr>{content}</tr>"


def _swatch(color: Color) -> str:
    return '<span class="swatch" style="background:rgb({},{},{})"></span>'.format(*color)


def _share_cell(share: float) -> str:
    if share != share:
        return "<td></td>"
    text = f"{100 * share:.0f}" if share >= 0.005 else ""
    return f'<td style="background:rgba(47,111,222,{0.75 * share:.2f})">{text}</td>'
