"""The command line: `segpost demo | run | evaluate | diagnose | fingerprint | info`."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

from segpost import __version__
from segpost.cli.commands import (
    compare_checkpoints,
    demo,
    diagnose,
    evaluate,
    fingerprint,
    info,
    run,
)
from segpost.cli.messages import as_options, sentence

STATUS = (
    "exit status: 0 done, 1 some items failed or something was found, 2 the command cannot be "
    "carried out as given, 130 and 143 stopped by a signal"
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
        given; 130 Ctrl-C; 143 SIGTERM.
    """
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:  # argparse has said what is wrong, or printed its help
        return int(stop.code or 0)
    with warnings.catch_warnings(), _terminable():
        warnings.showwarning = _warn
        return _guarded(arguments.command, arguments)


def _guarded(command: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    """Call a command; what the user can put right becomes one line instead of a traceback."""
    try:
        status = command(arguments)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except _Terminated:
        return _fail("terminated", 143)
    except BrokenPipeError:  # `segpost info | head`: nobody reads on, which is no error of ours
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except ImportError as error:
        return _fail(f'error: {error}: pip install "segpost[cli]"', 2)
    except (ValueError, TypeError, OSError, MemoryError) as error:
        return _fail(f"error: {sentence(error)}", 2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="segpost",
        description="What comes after a segmentation network: labels, colors and overlays from "
        "its logits.",
        epilog=STATUS,
    )
    parser.add_argument("--version", action="version", version=f"segpost {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in (demo, run, evaluate, diagnose, fingerprint, compare_checkpoints, info):
        module.add_to(commands)
    return parser


class _Terminated(BaseException):
    """SIGTERM arrived; no handler of ordinary errors may swallow it."""


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Turn SIGTERM into an exception, so that half-written files are removed."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _Terminated

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # only the main thread may set handlers
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"segpost: warning: {as_options(str(message))}", file=sys.stderr)


def _fail(message: str, status: int) -> int:
    print(f"segpost: {message}", file=sys.stderr)
    return status
