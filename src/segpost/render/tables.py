"""Reports of paragraphs and tables, for a terminal, in Markdown and in LaTeX."""

from __future__ import annotations

import sys
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from segpost.render.text import escape_latex, escape_markdown

DEFAULT_WIDTH = 100  # columns of a file or a pipe
MIN_TERMINAL_WIDTH = 40
MIN_WRAPPED_WIDTH = 24  # columns left to sentences in the last column
GAP = "  "


class Table(NamedTuple):
    """A table of strings.

    Parameters
    ----------
    title : str
        Empty for none.
    head : tuple of str
        A name a column. Where all are empty, no head is drawn.
    rows : list of tuple of str
    words : int
        The number of columns, from the left, that hold words: they are left-aligned.
    wrapped : bool
        Whether the last column holds sentences: it is left-aligned and wrapped.
    summed : bool
        Whether the last row is the total of the others.
    """

    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    words: int = 1
    wrapped: bool = False
    summed: bool = False


class ScoreText(str):
    """A score as a cell of a table, which keeps its value, so that percent can be made of it."""

    value: float
    sign: str


Part = str | Table  # a report is a sequence of paragraphs and tables


def format_score(value: float, digits: int = 4, *, sign: bool = False) -> ScoreText:
    """Return a score with a fixed number of decimals, or a dash for NaN.

    With `sign` it is a difference, which always has its sign.
    """
    plus = "+" if sign else ""
    text = ScoreText("-" if value != value else f"{value:{plus}.{digits}f}")
    text.value, text.sign = value, plus
    return text


def format_number(value: float, digits: int = 4) -> str:
    """Return a number that is no share, such as a distance: percent is never made of it."""
    return str(format_score(value, digits))


def format_percent(value: float, digits: int = 2, sign: str = "") -> str:
    """Return a score in percent without the percent sign, or a dash for NaN."""
    return "-" if value != value else f"{100 * value:{sign}.{digits}f}"


def in_percent(part: Part) -> Part:
    """Return a part of a report with the scores of a table in percent."""
    if isinstance(part, str):
        return part
    rows = [
        tuple(
            format_percent(cell.value, sign=cell.sign) if isinstance(cell, ScoreText) else cell
            for cell in row
        )
        for row in part.rows
    ]
    return part._replace(rows=rows)


def format_share(value: float) -> str:
    """Return a share in percent, or a dash for NaN.

    A share that is not 0 never reads 0.0%, and one that is not 1 never reads 100.0%.
    """
    if value != value:
        return "-"
    if 0 < value < 0.0005:
        return "<0.1%"
    if 0.9995 <= value < 1:
        return ">99.9%"
    return f"{value:.1%}"


def format_text(parts: Sequence[Part]) -> str:
    """Return a report for a terminal, without color codes."""
    width = _terminal_width()
    return "\n\n".join(_part_as_text(part, width) for part in parts)


def format_markdown(parts: Sequence[Part]) -> str:
    """Return a report in GitHub's Markdown."""
    return "\n\n".join(_part_as_markdown(part) for part in parts) + "\n"


def is_text_column(table: Table, column: int) -> bool:
    """Whether a column holds words, and not numbers."""
    return column < table.words or (table.wrapped and column == len(table.head) - 1)


def _terminal_width() -> int:
    try:
        is_terminal = sys.stdout.isatty()
    except (AttributeError, ValueError):  # None under pythonw, or closed
        is_terminal = False
    if not is_terminal:
        return DEFAULT_WIDTH
    import shutil  # which loads every compression

    return max(MIN_TERMINAL_WIDTH, shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns)


def _part_as_text(part: Part, width: int) -> str:
    if isinstance(part, str):
        return textwrap.fill(part, width, break_on_hyphens=False)
    has_head = any(part.head)
    body = [part.head, *part.rows] if has_head else part.rows
    if not body:
        return part.title
    widths = _column_widths(part, body, width)
    rule = GAP.join("-" * column for column in widths)
    lines = [part.title] if part.title else []
    for index, row in enumerate(body):
        lines += _row_as_lines(part, row, widths)
        if (has_head and not index) or (part.summed and index == len(body) - 2):
            lines.append(rule)
    return "\n".join(lines)


def _column_widths(table: Table, body: Sequence[tuple[str, ...]], width: int) -> list[int]:
    widths = [max(map(_display_width, column)) for column in zip(*body, strict=True)]
    if table.wrapped:
        others = sum(widths[:-1]) + len(GAP) * (len(widths) - 1)
        widths[-1] = min(widths[-1], max(width - others, MIN_WRAPPED_WIDTH))
    return widths


def _row_as_lines(table: Table, row: tuple[str, ...], widths: list[int]) -> list[str]:
    """Return the lines of one row: several where the last cell is wrapped."""
    last_cell = [row[-1]]
    if table.wrapped:
        last_cell = textwrap.wrap(row[-1], widths[-1], break_on_hyphens=False) or [""]
    first = (*row[:-1], last_cell[0])
    rows = [first, *((*[""] * (len(row) - 1), more) for more in last_cell[1:])]
    return [
        GAP.join(
            _align(cell, widths[column], is_text_column(table, column))
            for column, cell in enumerate(cells)
        ).rstrip()
        for cells in rows
    ]


def _align(cell: str, width: int, to_the_left: bool) -> str:
    space = " " * (width - _display_width(cell))
    return cell + space if to_the_left else space + cell


def _display_width(text: str) -> int:
    """Return the number of columns that a terminal needs for the text."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))


def _part_as_markdown(part: Part) -> str:
    if isinstance(part, str):
        return escape_markdown(part)
    head = part.head if any(part.head) else ("",) * len(part.head)
    marks = (":--" if is_text_column(part, column) else "--:" for column in range(len(head)))
    rows = [head, tuple(marks), *(tuple(map(escape_markdown, row)) for row in part.rows)]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([f"### {part.title}", "", *lines] if part.title else lines)


def format_latex(parts: Sequence[Part]) -> str:
    """Return a report in LaTeX; its tables need the package booktabs."""
    return "\n\n".join(_part_as_latex(part) for part in parts) + "\n"


def _part_as_latex(part: Part) -> str:
    if isinstance(part, str):
        return escape_latex(part)
    columns = "".join("l" if is_text_column(part, n) else "r" for n in range(len(part.head)))
    rows = [" & ".join(map(escape_latex, row)) + r" \\" for row in (part.head, *part.rows)]
    head = [rows[0], r"\midrule"] if any(part.head) else []
    if part.summed:
        rows.insert(-1, r"\midrule")
    title = [f"% {part.title}"] if part.title else []
    lines = [r"\toprule", *head, *rows[1:], r"\bottomrule"]
    return "\n".join([*title, rf"\begin{{tabular}}{{{columns}}}", *lines, r"\end{tabular}"])
