"""Tables of a page: heads whose buttons sort the rows, numbers to the right, colors of classes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from segpost.render.html.figures import Color, format_swatch
from segpost.render.tables import ScoreText, Table, is_text_column
from segpost.render.text import escape_html

MAX_SHORT = 30  # rows; a longer table scrolls in its box, below its head
NUMBER = re.compile(r"[<>+]?(-?[\d,]*\.?\d+(?:e[-+]?\d+)?)")


class Column(NamedTuple):
    """The head of a column: its text, whether it has numbers, and whether it sorts the rows."""

    name: str
    is_number: bool = True
    is_sortable: bool = True


class Cell(NamedTuple):
    """A cell: HTML, and the number that its row is sorted by; NaN where there is none."""

    content: str
    key: float = math.nan


class Row(NamedTuple):
    """The cells of a row, and its CSS class."""

    cells: Sequence[Cell]
    css_class: str = ""


def format_rows(
    title: str, columns: Sequence[Column], rows: Sequence[Row], foot: Row | None = None
) -> str:
    """Return a table in a box, in which it scrolls where it is wide or long.

    Parameters
    ----------
    title : str
        What the table shows, for a reader who does not see it.
    columns : sequence of Column
    rows : sequence of Row
        The first cell of each names the row.
    foot : Row, optional
        The total, which is not sorted.
    """
    head = ""
    if any(column.name for column in columns):
        cells = "".join(_format_head(column, len(rows) > 1) for column in columns)
        head = f"<thead><tr>{cells}</tr></thead>"
    body = "".join(_format_row(columns, row) for row in rows)
    total = "" if foot is None else f"<tfoot>{_format_row(columns, foot)}</tfoot>"
    extent = " tall" if len(rows) > MAX_SHORT else ""
    return (
        f'<div class="card scroll{extent}" tabindex="0" role="group" '
        f'aria-label="{escape_html(title)}"><table>{head}<tbody>{body}</tbody>{total}'
        "</table></div>"
    )


def format_table(table: Table, colors: Mapping[str, Color] | None = None, name: str = "") -> str:
    """Return a table below its title.

    Parameters
    ----------
    table : Table
    colors : mapping of str to (red, green, blue), optional
        Of classes, whose names get them wherever they are words of the table.
    name : str
        What a table without a title shows.
    """
    columns = [
        Column(text, not is_text_column(table, column)) for column, text in enumerate(table.head)
    ]
    rows = [Row(_format_cells(columns, cells, colors or {})) for cells in table.rows]
    foot = rows.pop() if table.summed else None
    box = format_rows(table.title or name, columns, rows, foot)
    title = f"<h3>{escape_html(table.title)}</h3>" if table.title else ""
    return f"<div>{title}{box}</div>"


def format_facts(facts: Iterable[tuple[str, str]]) -> str:
    """Return names and values in a card."""
    rows = "".join(
        f"<div><dt>{escape_html(name)}</dt><dd>{escape_html(value)}</dd></div>"
        for name, value in facts
    )
    return f'<dl class="card facts">{rows}</dl>'


def _format_cells(
    columns: Sequence[Column], texts: Sequence[str], colors: Mapping[str, Color]
) -> list[Cell]:
    cells = []
    for column, text in zip(columns, texts, strict=True):
        swatch = "" if column.is_number or text not in colors else format_swatch(colors[text])
        cells.append(Cell(swatch + escape_html(text), _read_number(text)))
    return cells


def _read_number(text: str) -> float:
    """Return the value of a score, or the number that a text begins with; NaN for none."""
    if isinstance(text, ScoreText):
        return float(text.value)
    match = NUMBER.match(text)
    return float(match[1].replace(",", "")) if match else math.nan


def _format_head(column: Column, is_sorted: bool) -> str:
    name = escape_html(column.name)
    kind = ' class="number"' if column.is_number else ""
    if not (is_sorted and column.is_sortable and name):
        return f'<th scope="col"{kind}>{name}</th>'
    return (
        f'<th scope="col"{kind} aria-sort="none"><button type="button">{name}'
        '<span aria-hidden="true"></span></button></th>'
    )


def _format_row(columns: Sequence[Column], row: Row) -> str:
    css_class = f' class="{row.css_class}"' if row.css_class else ""
    cells = (
        _format_cell(column, cell, is_first=k == 0)
        for k, (column, cell) in enumerate(zip(columns, row.cells, strict=True))
    )
    return f"<tr{css_class}>{''.join(cells)}</tr>"


def _format_cell(column: Column, cell: Cell, *, is_first: bool) -> str:
    if is_first:
        kind = ' class="number"' if column.is_number else ""
        return f'<th scope="row"{kind}{_format_key(column, cell)}>{cell.content}</th>'
    if column.is_number:
        return f'<td class="number"{_format_key(column, cell)}>{cell.content}</td>'
    return f"<td>{cell.content}</td>"


def _format_key(column: Column, cell: Cell) -> str:
    """Return what the script sorts by; there is no number in its empty text."""
    if not (column.is_number and column.is_sortable):
        return ""
    key = "" if math.isnan(cell.key) else repr(float(cell.key)).replace("inf", "Infinity")
    return f' data-key="{key}"'
