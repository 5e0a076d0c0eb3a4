"""Messages of the API in the words of the command line."""

from __future__ import annotations

import pytest

from segpost._core.text import ErrorText
from segpost.cli.messages import OPTIONS, cli_spelling, format_error


@pytest.mark.parametrize("argument", OPTIONS)
def test_every_argument_has_its_option(argument: str) -> None:
    """With no value, with a word, and with a string."""
    option = OPTIONS[argument]
    assert cli_spelling(f"give {argument}= or") == f"give {option} or"
    assert cli_spelling(f"{argument}=: none") == f"{option}: none"
    assert cli_spelling(f"more than {argument}=12") == f"more than {option} 12"
    assert cli_spelling(f'{argument}="word" helps') == f"{option} word helps"


@pytest.mark.parametrize(
    ("message", "spelling"),
    [
        ("pass axis=-1", "pass --axis -1"),
        ("pass size=(64, 80)", "pass --size 64 80"),
        ("pass ignore_index=255", "pass --ignore-index 255"),
        ("pass quantization=(scale, zero_point)", "pass --quantization SCALE ZERO"),
        ("things=FILE.json: which", "--things FILE.json: which"),
        ("code with palette='voc' stays", "code with palette='voc' stays"),
        ("many_images=3 stays", "many_images=3 stays"),
    ],
)
def test_spelling(message: str, spelling: str) -> None:
    """Values that are code stay as they are, and so do longer names."""
    assert cli_spelling(message) == spelling


def test_names_of_files_stay() -> None:
    """A file that is called like an argument is not renamed."""
    text = ErrorText("resize=nearest.png", "resize=nearest helps")
    assert format_error(text) == "resize=nearest.png: --resize nearest helps"
