"""Figures of README and of the documentation are those of benches/results."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import write_figures

TABLE = """### labels (x)

| contender | ms | quietest | after others | / segpost | / floor | labels |
|---|--:|--:|--:|--:|--:|--:|
| *floor: read 1 MB (2 GB/s)* | 0.5 | | | | 1 | |
| **segpost** | 2 | 2 | 2 | 1 | 4 | 0 |
| another: (a, b) | 246.8 | 240 | 250 | 123.4 | 500 | 0 |
"""


@pytest.mark.parametrize("page", write_figures.pages(), ids=lambda page: page.name)
def test_figures_of_a_page_are_those_of_the_tables(page: Path) -> None:
    """`python -m tools.write_figures` would change nothing."""
    text = page.read_text(encoding="utf-8")
    tables = write_figures.TABLES.read_text(encoding="utf-8")
    assert write_figures.rewrite(text, tables) == text


def test_readme_has_figures() -> None:
    """So that the test above has something to say."""
    assert write_figures.ROOT / "README.md" in write_figures.pages()


def test_a_figure_is_written_from_its_table() -> None:
    """Ratios of methods and of the floor; a table that lacks one is an error."""
    page = "<!--= labels (x); another: (a, b) -->9<!--/--> <!--= labels (x); floor -->9<!--/-->"
    written = write_figures.rewrite(page, TABLE)
    assert written == page.replace(">9<", ">123<", 1).replace(">9<", ">0.25<", 1)
    with pytest.raises(KeyError, match="nobody"):
        write_figures.rewrite("<!--= labels (x); nobody -->1<!--/-->", TABLE)


def test_the_range_of_many_jobs_is_written() -> None:
    """From the least ratio to the largest."""
    other = TABLE.replace("(x)", "(y)").replace("123.4", "5.0")
    page = "<!--= labels (*; another: (a, b) -->9<!--/-->"
    assert write_figures.rewrite(page, TABLE + other) == page.replace(">9<", ">5 to 123<")
    with pytest.raises(KeyError, match="masks"):
        write_figures.rewrite("<!--= masks*; another: (a, b) -->1<!--/-->", TABLE)


def test_what_a_run_says_of_itself_is_written() -> None:
    """The first line of that name; a run without it is an error."""
    page = "<!--= run date -->never<!--/-->, <!--= run processor --><!--/-->"
    remarks = "- date: 2026-01-02\n- processor: 80286, one core\n- date: later\n"
    written = "<!--= run date -->2026-01-02<!--/-->, <!--= run processor -->80286, one core<!--/-->"
    assert write_figures.rewrite(page, remarks + TABLE) == written
    with pytest.raises(KeyError, match="load"):
        write_figures.rewrite("<!--= run load --><!--/-->", TABLE)


def test_a_table_is_copied() -> None:
    """Rows below the heading, whatever the page had."""
    page = "<!--= table labels (x) -->\n\n| old |\n\n<!--/-->"
    rows = TABLE.partition("\n\n")[2]
    assert write_figures.rewrite(page, TABLE) == page.replace("| old |\n", rows)
