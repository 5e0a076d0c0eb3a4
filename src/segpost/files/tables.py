"""Readers of small text files: a JSON object, and a list of names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segpost._core.text import as_unique_keys, display_path

MAX_TEXT_BYTES = 1 << 24  # of a file of names or of a JSON table


def read_text(path: Path, largest: int = MAX_TEXT_BYTES) -> str:
    """Return the UTF-8 text of a file of at most `largest` bytes.

    Raises
    ------
    ValueError, OSError
        If the file is larger, or no UTF-8 text.
    """
    with path.open("rb") as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise ValueError(f"{display_path(path)} is too large")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{display_path(path)} is no UTF-8 text: {error.reason}") from error


def read_names(path: Path) -> tuple[str, ...]:
    """Return the names that a file lists, one a line.

    Raises
    ------
    ValueError, OSError
        If the file is too large, no UTF-8 text, or has an empty line between two names.
    """
    lines = read_text(path).rstrip("\r\n").split("\n")
    names = tuple(line.strip() for line in lines)
    if not all(names):
        line = names.index("") + 1
        raise ValueError(f"{display_path(path)}: line {line} is empty; wanted is a name")
    return names


def read_json_object(path: Path, largest: int = MAX_TEXT_BYTES) -> dict[str, Any]:
    """Return the object of a JSON file, whose keys must all be different.

    Raises
    ------
    ValueError, OSError
        If the file is too large, no JSON, holds something else, or has a key twice.
    """
    import json

    try:
        content = json.loads(read_text(path, largest), object_pairs_hook=as_unique_keys)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{display_path(path)}: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{display_path(path)}: must hold an object, {{...}}")
    return content
