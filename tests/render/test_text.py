"""Escaping: text from files cannot act as a terminal command, Markdown or HTML."""

from __future__ import annotations

import pytest

from segpost.render.text import as_printable, code_span, escape_html, escape_markdown


@pytest.mark.parametrize(
    ("text", "expected"),
    [("road", "road"), ("道路", "道路"), ("\x1b[31m", r"\x1b[31m"), ("a\nb", r"a\nb"), (3, "3")],
)
def test_control_characters_are_written_out(text: object, expected: str) -> None:
    """Letters of any script stay; a control character becomes its escape."""
    assert as_printable(text) == expected


def test_html_has_no_markup_of_the_text() -> None:
    """Tags, quotes and control characters of the text are shown, not obeyed."""
    assert escape_html("<b a=\"x\" c='y'>&\x07") == (
        "&lt;b a=&quot;x&quot; c=&#x27;y&#x27;&gt;&amp;\\x07"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b<c>`*[]\\", "a\\|b\\<c>\\`\\*\\[\\]\\\\"),
        ("traffic_light_2", "traffic_light_2"),
        ("_a_ b", "\\_a\\_ b"),
        ("__init__", "\\_\\_init\\_\\_"),
        ("a_ _b", "a\\_ \\_b"),
        ("道_路", "道_路"),
        ("[x](y)", "\\[x\\](y)"),
        ("~~car~~ &lt; & &#3;", "\\~\\~car\\~\\~ \\&lt; & \\&#3;"),
    ],
)
def test_markdown_has_no_markup_of_the_text(text: str, expected: str) -> None:
    """Every character that begins markup is escaped; an underscore inside a word does not."""
    assert escape_markdown(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("x", "`x`"), ("a`b", "`` a`b ``"), ("``", "``` `` ```")]
)
def test_a_code_span_is_longer_than_its_backticks(text: str, expected: str) -> None:
    """The fence is longer than any run of backticks inside."""
    assert code_span(text) == expected
