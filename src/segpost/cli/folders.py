"""Options of `segpost` that print where a build finds headers, library and CMake files."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import segpost

# Help of each option, and what it prints, from the folder of headers.
FOLDERS: dict[str, tuple[str, Callable[[Path], str]]] = {
    "--cmakedir": (
        "print the folder for CMake's segpost_DIR",
        lambda include: str(include.parent / "lib" / "cmake" / "segpost"),
    ),
    "--includes": ("print -I and the folder of headers", lambda include: f"-I{include}"),
    "--libdir": (
        "print the folder of libsegpost.so",
        lambda include: str(include.parent / "lib"),
    ),
    "--pkgconfigdir": (
        "print the folder for PKG_CONFIG_PATH",
        lambda include: str(include.parent / "lib" / "pkgconfig"),
    ),
}


def add_folder_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    group = parser.add_argument_group("for builds against the library")
    for option, (words, _) in FOLDERS.items():
        group.add_argument(option, action=_PrintFolder, nargs=0, help=words)


class _PrintFolder(argparse.Action):
    """Prints a folder and exits; status 2 without native code."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        describe = FOLDERS[self.option_strings[0]][1]
        try:
            print(describe(segpost.get_include()))
        except ImportError as error:
            parser.exit(2, f"segpost: error: {error}\n")
        parser.exit()
