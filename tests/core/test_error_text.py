"""Text of error messages."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from segpost._core.text import describe_error, display_path, format_names


@pytest.mark.parametrize(
    ("error", "about", "text"),
    [
        (ValueError("two\n  lines"), "", "two lines"),
        (ValueError("bad"), "a.png", "a.png: bad"),
        (ValueError(), "a.png", "a.png: ValueError"),
        (OSError(errno.ENOENT, "No such file", "a.png"), "", "a.png: No such file"),
        (OSError(errno.ENOENT, "No such file", "a.png"), "in/a.png", "in/a.png: No such file"),
        (OSError(errno.ENOENT, "No such file", "b.png"), "a.png", "a.png: b.png: No such file"),
        (OSError("no strerror"), "a.png", "a.png: no strerror"),
    ],
)
def test_an_error_is_one_line_with_its_file(error: Exception, about: str, text: str) -> None:
    """The file comes first, once; the reason of an OSError is the system's."""
    assert str(describe_error(error, about)) == text


def test_names_are_counted_after_the_third() -> None:
    """Three names in quotes, and how many there are beyond."""
    assert format_names(["a", "b", "c"]) == "'a', 'b', 'c'"
    assert format_names(["a", "b", "c", "d", "e"]) == "'a', 'b', 'c' and 2 more"


def test_paths_have_no_control_characters() -> None:
    """A name that could command a terminal is escaped."""
    assert display_path(Path("a b.png")) == "a b.png"
    assert display_path(Path("\x1b[31m.png")) == r"'\x1b[31m.png'"
