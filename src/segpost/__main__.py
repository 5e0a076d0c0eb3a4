"""The command line as a module: `python -m segpost` is `segpost`."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def main() -> int:
    """Run the command of this process and return its exit status; 130 also while it is imported.

    Ctrl-C ends the process at once while what all commands need is imported: an exception there
    would be a traceback, or lost in a library that catches everything.
    """
    # It is ignored in the background of a shell, and stays so.
    is_interrupted = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_interrupted:
        signal.signal(signal.SIGINT, _end)
    from segpost.cli import main as run_command

    if is_interrupted:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return run_command()
    except KeyboardInterrupt:  # before or after the command itself
        print("segpost: interrupted", file=sys.stderr)
        return 130


def _end(number: int, frame: FrameType | None) -> None:
    """End the process, as `segpost.cli.main` ends a command at Ctrl-C."""
    os.write(2, b"segpost: interrupted\n")
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
