"""Text from files and arrays, made safe for terminals, Markdown, LaTeX and HTML."""

from __future__ import annotations

import re
from html import escape

# An underscore inside a word is no markup.
MARKDOWN_MARKUP = re.compile(r"[\\|<`*~\[\]]|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])")

FORMULA_SIGNS = ("=", "+", "-", "@")
SURROGATES = range(0xD800, 0xE000)  # code points that stand for bytes of names that are no Unicode
LATEX_MARKUP = re.compile(r"[\\{}$&#%_^~<>|*\[]")
LATEX_WORDS = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # after the end of a row it would be its height
    "*": "{*}",
}


def as_printable(value: object) -> str:
    r"""Return the text of a value with every control character written as its Python escape.

    A control character could be a command of the terminal.

    Parameters
    ----------
    value : object
        A name from a file, a path, a message.

    Examples
    --------
    >>> from segpost.render.text import as_printable
    >>> as_printable("road\x1b[31m")
    'road\\x1b[31m'
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(value))


def escape_csv(text: str) -> str:
    """Return text for a cell of CSV, which no spreadsheet takes for a formula.

    A text that begins with =, +, - or @ gets an apostrophe before it; control characters are
    escaped. Numbers are not to be passed.

    Examples
    --------
    >>> from segpost.render.text import escape_csv
    >>> escape_csv("=1+1"), escape_csv("road")
    ("'=1+1", 'road')
    """
    text = "".join(
        c if c.isprintable() or c == "\n" or ord(c) in SURROGATES else repr(c)[1:-1] for c in text
    )
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text


def escape_html(value: object) -> str:
    """Return the printable text of a value for the content or a quoted attribute of HTML."""
    return escape(as_printable(value))


def escape_markdown(text: str) -> str:
    """Return text that Markdown shows as it is: names of classes and tensors come from files."""
    return MARKDOWN_MARKUP.sub(r"\\\g<0>", text)


def escape_latex(text: str) -> str:
    """Return text that LaTeX shows as it is."""
    return LATEX_MARKUP.sub(lambda match: LATEX_WORDS.get(match[0], "\\" + match[0]), text)


def code_span(text: str) -> str:
    """Return the text as a Markdown code span, with a longer fence where it holds backticks."""
    runs = "".join(c if c == "`" else " " for c in text).split()
    fence = "`" * (max(map(len, runs), default=0) + 1)
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}"
