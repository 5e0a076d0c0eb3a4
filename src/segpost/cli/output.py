"""Texts that a command writes: to a file, or with the name - to standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from segpost.files.writing import atomic_write, write_text

STDOUT = Path("-")
PROBE_BYTES = 4096  # a full disk lets empty files be made


def is_stdout(path: Path | None) -> bool:
    """Return whether a text is printed instead of written to a file."""
    return path == STDOUT


def check_stdout(outputs: Mapping[str, Path | None]) -> None:
    """Raise an error where several texts would be printed; `outputs` are paths by option."""
    printed = [option for option, path in outputs.items() if is_stdout(path)]
    if len(printed) > 1:
        raise ValueError(f"{' and '.join(printed)} cannot both be -; write one to a file")


def check_writable(path: Path) -> None:
    """Raise an error where no file can be written beside a path: one is, renamed and removed."""
    probe = path.with_name(f".{os.getpid()}-{os.urandom(4).hex()}.probe")
    try:
        with atomic_write(probe) as temporary:
            temporary.write_bytes(bytes(PROBE_BYTES))
    except OSError as error:
        error.filename = str(path)
        raise
    finally:
        probe.unlink(missing_ok=True)


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
