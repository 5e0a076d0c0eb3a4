"""How a report is drawn: for a terminal, with rich or without, and in Markdown."""

from __future__ import annotations

import io
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

WIDTH = 100  # where no terminal says another
NARROWEST = 24  # that a wrapped column becomes
GAP = "  "


class Table(NamedTuple):
    """Cells as strings; the first `words` columns and a wrapped last one are left-aligned."""

    title: str
    head: tuple[str, ...]  # empty strings only: no head is drawn
    rows: list[tuple[str, ...]]
    words: int = 1
    wrapped: bool = False  # whether the last column holds sentences
    summed: bool = False  # whether the last row is of all the others


Part = str | Table  # a report is paragraphs and tables


def number(value: float, digits: int = 4) -> str:
    """A score; a dash where there is none."""
    return "-" if value != value else f"{value:.{digits}f}"


def share(value: float) -> str:
    """A share in percent; something never looks like nothing, and not all never like all."""
    if value != value:
        return "-"
    if 0 < value < 0.0005:
        return "<0.1%"
    if 0.9995 <= value < 1:
        return ">99.9%"
    return f"{value:.1%}"


def shown(text: object) -> str:
    """Text without control characters, which could be a terminal's commands."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(text))


def text(parts: Sequence[Part]) -> str:
    """A report for a terminal, without color codes; rich draws it where it can be imported."""
    width = _width()
    try:
        from rich.console import Console
    except ImportError:
        return "\n\n".join(_plain(part, width) for part in parts)
    drawn = []
    for part in parts:
        page = io.StringIO()
        Console(file=page, width=width, color_system=None, force_terminal=False).print(_rich(part))
        lines = [line.rstrip() for line in page.getvalue().splitlines()]
        drawn.append("\n".join(lines).strip("\n"))
    return "\n\n".join(drawn)


def markdown(parts: Sequence[Part]) -> str:
    """A report in Markdown as GitHub reads it."""
    return "\n\n".join(_markdown(part) for part in parts) + "\n"


def _width() -> int:
    try:
        watched = sys.stdout.isatty()
    except (AttributeError, ValueError):  # None under pythonw, or closed
        watched = False
    return max(40, shutil.get_terminal_size((WIDTH, 24)).columns) if watched else WIDTH


def _rich(part: Part) -> Any:
    from rich import box
    from rich.table import Table as Drawn
    from rich.text import Text

    if isinstance(part, str):
        return Text(part)
    headed = any(part.head)
    drawn = Drawn(
        title=Text(part.title, no_wrap=True, overflow="ignore") if part.title else None,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE if headed else None,
        show_header=headed,
        show_footer=part.summed,
        pad_edge=False,
        show_edge=False,
    )
    rows, foot = part.rows, ("",) * len(part.head)
    if part.summed:
        *rows, foot = rows
    for column, (name, total) in enumerate(zip(part.head, foot, strict=True)):
        words = _is_words(part, column)
        drawn.add_column(
            Text(name),
            Text(total),
            justify="left" if words else "right",
            no_wrap=not words,
            overflow="fold",
        )
    for row in rows:
        drawn.add_row(*map(Text, row))
    return drawn


def _plain(part: Part, width: int) -> str:
    if isinstance(part, str):
        return textwrap.fill(part, width, break_on_hyphens=False)
    headed = any(part.head)
    body = [part.head, *part.rows] if headed else part.rows
    if not body:
        return part.title
    widths = [max(map(_columns, column)) for column in zip(*body, strict=True)]
    if part.wrapped:
        before = sum(widths[:-1]) + len(GAP) * (len(widths) - 1)
        widths[-1] = min(widths[-1], max(width - before, NARROWEST))
    lines = [part.title] if part.title else []
    for place, row in enumerate(body):
        cells = [[cell] for cell in row]
        if part.wrapped:
            cells[-1] = textwrap.wrap(row[-1], widths[-1], break_on_hyphens=False) or [""]
        for k in range(len(cells[-1])):
            filled = (
                _aligned(cell[k] if k < len(cell) else "", widths[i], _is_words(part, i))
                for i, cell in enumerate(cells)
            )
            lines.append(GAP.join(filled).rstrip())
        if (headed and not place) or (part.summed and place == len(body) - 2):
            lines.append(GAP.join("-" * wide for wide in widths))
    return "\n".join(lines)


def _is_words(table: Table, column: int) -> bool:
    return column < table.words or (table.wrapped and column == len(table.head) - 1)


def _aligned(cell: str, width: int, left: bool) -> str:
    space = " " * (width - _columns(cell))
    return cell + space if left else space + cell


def _columns(text: str) -> int:
    """How wide a terminal shows it."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))


def _markdown(part: Part) -> str:
    if isinstance(part, str):
        return _escaped(part)
    head = part.head if any(part.head) else ("",) * len(part.head)
    marks = (":--" if _is_words(part, i) else "--:" for i in range(len(head)))
    rows = [head, tuple(marks), *(tuple(map(_escaped, row)) for row in part.rows)]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([f"### {part.title}", "", *lines] if part.title else lines)


def _escaped(cell: str) -> str:
    for mark in "\\|<`*":
        cell = cell.replace(mark, f"\\{mark}")
    return cell
