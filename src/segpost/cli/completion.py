"""The option `--print-completion`: a script that completes commands and options in a shell."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import Any

from segpost.cli.packages import describe_missing_package
from segpost.cli.parser import CommandParser

SHELLS = ("bash", "zsh", "fish")


def add_completion_option(parser: CommandParser) -> None:
    """Declare the option."""
    parser.add_argument(
        "--print-completion",
        action=_PrintCompletion,
        choices=SHELLS,
        help="print a script that completes this program in a shell, and exit",
    )


class _PrintCompletion(argparse.Action):
    """Prints the script and exits; status 2 without the library that writes it."""

    def __call__(self, parser: argparse.ArgumentParser, _: Any, shell: Any, *__: Any) -> None:
        try:
            script = completion_script(parser, str(shell))
        except ImportError as error:
            parser.exit(2, f"segpost: error: {describe_missing_package(error)}\n")
        sys.stdout.write(script)
        parser.exit()


def completion_script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the script of a shell, written by shtab.

    Every command is declared for it, which imports their modules.

    Raises
    ------
    ImportError
        If shtab is not installed.
    """
    shtab = importlib.import_module("shtab")
    _prepare(parser, shtab.FILE)
    return str(shtab.complete(parser, shell=shell))


def _prepare(parser: argparse.ArgumentParser, files: dict[str, str]) -> None:
    """Declare the commands of a parser, and complete files where an argument takes one."""
    from segpost.cli.options import file_path  # which takes time to import

    if isinstance(parser, CommandParser):
        parser.declare_now()
    for action in parser._actions:
        if action.type is file_path:
            action.complete = files  # type: ignore[attr-defined]  # which shtab reads
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _prepare(command, files)
