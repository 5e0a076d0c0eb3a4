"""Texts that a command writes: to a file, or with the name - to standard output."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from segpost.files.writing import write_text

# Names of standard output. The files of the system are not opened: that would cut a redirection.
STDOUT = tuple(map(Path, ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")))


def is_stdout(path: Path | None) -> bool:
    """Return whether a text is printed instead of written to a file."""
    return path in STDOUT


def check_stdout(outputs: Mapping[str, Path | None]) -> None:
    """Raise an error where texts cannot be printed; `outputs` are paths by option.

    Raises
    ------
    ValueError
        If several would be printed, or standard output was closed when the process started.
    """
    printed = [option for option, path in outputs.items() if is_stdout(path)]
    if printed and sys.__stdout__ is None:
        raise ValueError(f"{printed[0]}: standard output is closed")
    if len(printed) > 1:
        raise ValueError(f"{' and '.join(printed)} cannot both be -; write one to a file")


def write_output(path: Path, text: str) -> None:
    """Write a text to a file, atomically, or print it where the path is -."""
    if is_stdout(path):
        print_text(text.removesuffix("\n"))
    else:
        write_text(path, text)


def print_text(text: str) -> None:
    """Print on standard output, and replace letters that its encoding does not have."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding))
