"""The command line `segpost`: arguments, files and pages. What it computes, the packages do."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import FrameType
from typing import Any

import segpost
from segpost._core.extensions import BackendError
from segpost._core.text import FILE_ERRORS
from segpost.cli.commands import COMMANDS, import_command
from segpost.cli.completion import add_completion_option
from segpost.cli.folders import add_folder_options
from segpost.cli.messages import cli_spelling, describe_cli_error
from segpost.cli.packages import describe_missing_package
from segpost.cli.parser import CommandParser, format_epilog
from segpost.cli.progress import print_error
from segpost.render.text import as_printable

__all__ = ["main"]

STATUS = (
    "exit status: 0 done, 1 some items failed or something was found, 2 the command cannot be "
    "carried out as given, 3 a gate was missed, 129, 130 and 143 stopped by a signal"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments without the program's name; those of the process where left out.

    Returns
    -------
    status : int
        0 done; 1 some items failed or something was found; 2 the command cannot be carried out as
        given; 3 a gate was missed; 129 SIGHUP; 130 Ctrl-C; 141 nobody reads the output; 143
        SIGTERM.
    """
    try:
        arguments = _build_parser().parse_args(argv)
        arguments.words = list(sys.argv[1:] if argv is None else argv)
    except SystemExit as stop:  # argparse has printed an error or its help
        return int(stop.code or 0)
    with warnings.catch_warnings(), _raise_on_signals(), _open_stdout():
        warnings.showwarning = _print_warning
        return _run_command(arguments.command, arguments)


def _run_command(
    command: Callable[[argparse.Namespace], int], arguments: argparse.Namespace
) -> int:
    """Call a command and return its status.

    An exception that the user can do something about becomes one line instead of a traceback.
    """
    try:
        status = command(arguments)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return _report_failure("interrupted", 130)
    except _Terminated as stop:
        return _report_failure("terminated", 128 + stop.number)
    except BrokenPipeError:  # `segpost info | head`: the reader has stopped, which is no error
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except BackendError as error:
        return _report_failure(f"error: {error}", 2)
    except ImportError as error:
        return _report_failure(f"error: {describe_missing_package(error)}", 2)
    except FILE_ERRORS as error:
        return _report_failure(f"error: {describe_cli_error(error)}", 2)


def _build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = CommandParser(
        prog="segpost",
        description="What comes after a segmentation network: labels, colors and overlays from "
        "its logits.",
        epilog=format_epilog(("segpost demo", "segpost run --help"), STATUS),
    )
    words = "show program's version number and exit"
    parser.add_argument("--version", action=_PrintVersion, nargs=0, help=words)
    add_completion_option(parser)
    add_folder_options(parser)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, words in COMMANDS.items():
        commands.add_parser(name, help=words).declare = partial(_declare, name)
    return parser


class _PrintVersion(argparse.Action):
    """Prints the version, which takes time to find, and exits."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(f"segpost {segpost.__version__}")
        parser.exit()


def _declare(name: str, parser: CommandParser) -> None:
    """Declare a command, whose module is imported here."""
    import_command(name).declare(parser)


class _Terminated(BaseException):
    """A signal to end has arrived; no handler of ordinary errors catches it."""

    def __init__(self, number: int) -> None:
        self.number = number


@contextlib.contextmanager
def _raise_on_signals() -> Iterator[None]:
    """Raise an exception on SIGTERM and SIGHUP, so that half-written files are removed.

    SIGHUP stays ignored where it is, as under nohup.
    """

    def terminate(number: int, frame: FrameType | None) -> None:
        raise _Terminated(number)

    before: dict[int, Any] = {}
    try:
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, terminate)
    except ValueError:  # only the main thread may set handlers
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _open_stdout() -> Iterator[None]:
    """Discard what is printed where the process was started without a standard output.

    The null device also takes its descriptor, which the next open file would get otherwise.
    """
    if sys.stderr is None:  # started with 2>&-
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # to the end
    if sys.stdout is not None:
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as sys.stdout:
        try:
            yield
        finally:
            sys.stdout = None


def _print_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print_error(f"warning: {as_printable(cli_spelling(str(message)))}")


def _report_failure(message: str, status: int) -> int:
    """Print a message and return the exit status."""
    print_error(message)
    return status
