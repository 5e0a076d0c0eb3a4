"""Tables and paragraphs, for a terminal and in Markdown."""

from __future__ import annotations

import os
import shutil
import sys

import numpy as np
import pytest

from segpost.render.tables import (
    Table,
    format_latex,
    format_markdown,
    format_score,
    format_share,
    format_text,
)

TABLE = Table("Classes", ("class", "IoU"), [("road", "0.9"), ("道路", "0.25"), ("all", "0.575")])


def test_text_is_aligned() -> None:
    """Words to the left, numbers to the right, wide letters count as two columns."""
    assert format_text([TABLE._replace(summed=True)]).split("\n") == [
        "Classes",
        "class    IoU",
        "-----  -----",
        "road     0.9",
        "道路    0.25",
        "-----  -----",
        "all    0.575",
    ]
    assert format_text([Table("", ("", ""), [("a", "1")])]) == "a  1"
    assert format_text([Table("Nothing", ("", ""), [])]) == "Nothing"


def test_sentences_are_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paragraphs and a last column of sentences fit 100 columns, or the terminal's width."""
    words = "word-by-word " * 30
    table = Table("", ("name", "n", "why"), [("a", "1", words), ("b", "2", "")], wrapped=True)
    text = format_text([words, table])
    assert max(map(len, text.split("\n"))) <= 100
    assert text.split().count("word-by-word") == 60
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda _: os.terminal_size((60, 20)))
    assert 50 < max(map(len, format_text([words, table]).split("\n"))) <= 60


def test_markdown_escapes_cells() -> None:
    """A row of marks, and no cell that ends its column."""
    table = Table("", ("class", "n"), [("a|b_c", "1")])
    assert format_markdown(["One *sentence*.", table]) == (
        "One \\*sentence\\*.\n\n| class | n |\n| :-- | --: |\n| a\\|b_c | 1 |\n"
    )
    assert format_markdown([TABLE]).startswith("### Classes\n\n| class | IoU |\n")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0.0%"), (1e-9, "<0.1%"), (0.5, "50.0%"), (1 - 1e-9, ">99.9%"), (1, "100.0%")],
)
def test_a_share_is_never_rounded_to_none_or_all(value: float, expected: str) -> None:
    """0.0% and 100.0% are exact."""
    assert format_share(value) == expected


def test_a_missing_score_is_a_dash() -> None:
    """NaN is no number to be read."""
    assert (format_score(np.nan), format_share(np.nan), format_score(2 / 3)) == ("-", "-", "0.6667")


def test_latex() -> None:
    """Columns are aligned, and what is markup in LaTeX is text."""
    rows: list[tuple[str, ...]] = [("a_b & 50%", "0.5"), (r"x^2\{<~$", "0.25"), ("all", "0.375")]
    table = Table("Classes", ("class", "IoU"), rows, summed=True)
    assert format_latex(["# is 1", table]).split("\n") == [
        r"\# is 1",
        "",
        "% Classes",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"class & IoU \\",
        r"\midrule",
        r"a\_b \& 50\% & 0.5 \\",
        r"x\textasciicircum{}2\textbackslash{}\{\textless{}\textasciitilde{}\$ & 0.25 \\",
        r"\midrule",
        r"all & 0.375 \\",
        r"\bottomrule",
        r"\end{tabular}",
        "",
    ]
    markup = Table("", ("class", "IoU"), [("[x] | y", "1"), ("*z", "1")])
    assert r"{[}x] \textbar{} y & 1" in format_latex([markup])  # no argument of the row before
    assert r"{*}z & 1" in format_latex([markup])
    assert r"\midrule" not in format_latex([Table("", ("", ""), [("a", "1")])])
