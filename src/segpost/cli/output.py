"""Texts that a command writes: to a file, or with the name - to standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from segpost._core.text import display_path
from segpost.files.arrays import ARRAY_SUFFIXES
from segpost.files.images import IMAGE_SUFFIXES
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


def refuse_inputs(outputs: Mapping[str, Path | None], inputs: Iterable[Path | str | None]) -> None:
    """Raise an error where an output would be written over what is read.

    In a folder that is read, images and arrays are inputs. A Zarr array is one with all its files.

    Parameters
    ----------
    outputs : mapping of str to Path or None
        The paths by option.
    inputs : iterable of path or None
        Files and folders.

    Raises
    ------
    ValueError
        That names the option and the file.
    """
    paths = [Path(path) for path in inputs if path is not None]
    sources = [(path, path.resolve()) for path in paths]
    for option, output in outputs.items():
        if output is None or is_stdout(output):
            continue
        resolved = output.resolve()
        for path, source in sources:
            is_inside = source in resolved.parents and (
                _is_zarr(source)
                or (output.suffix.lower() in (*IMAGE_SUFFIXES, *ARRAY_SUFFIXES) and output.exists())
            )
            if resolved == source or is_inside or _is_same_file(output, path):
                raise ValueError(
                    f"{option} {display_path(output)} would overwrite an input"
                    + (f", a file of {display_path(path)}" if is_inside else "")
                    + "; name another file"
                )


def _is_zarr(folder: Path) -> bool:
    """Whether a folder is a Zarr array or group."""
    return any((folder / name).exists() for name in ("zarr.json", ".zarray", ".zgroup"))


def _is_same_file(one: Path, other: Path) -> bool:
    """Whether two paths are of one file, by links, too."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def write_output(path: Path, text: str | Iterable[str]) -> None:
    """Write a text, or its pieces, to a file, atomically, or print it where the path is -."""
    if is_stdout(path):
        print_text("".join(text).removesuffix("\n"))
    else:
        write_text(path, text)


def print_text(text: str) -> None:
    """Print on standard output, and replace letters that its encoding does not have."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding))
