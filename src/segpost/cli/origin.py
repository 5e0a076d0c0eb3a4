"""What made a page: the command line, the time and the version, for its footer."""

from __future__ import annotations

import argparse
import os
import shlex
from datetime import datetime, timezone
from pathlib import PurePath

import segpost
from segpost.render.html.frame import Origin

EPOCH = "SOURCE_DATE_EPOCH"  # https://reproducible-builds.org/specs/source-date-epoch


def describe_origin(arguments: argparse.Namespace) -> Origin:
    """Return what makes a page now.

    Absolute paths are shown by their names: a page can be sent to somebody else. The time is that
    of the environment variable SOURCE_DATE_EPOCH, where it is set, in seconds since 1970.

    Raises
    ------
    ValueError
        If the variable is no such time.
    """
    command = shlex.join(["segpost", *map(_without_folders, arguments.words)])
    return Origin(command, _read_time(), segpost.__version__)


def _without_folders(word: str) -> str:
    """Return a word of a command line, of an absolute path only the name."""
    option, sign, value = word.partition("=") if word.startswith("--") else ("", "", word)
    path = PurePath(value)
    return f"{option}{sign}{path.name}" if path.is_absolute() and path.name else word


def _read_time() -> datetime:
    text = os.environ.get(EPOCH)
    if not text:
        return datetime.now(timezone.utc)
    try:
        return datetime.fromtimestamp(int(text), timezone.utc)
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            f"{EPOCH} must be a time in seconds since 1970, got {text!r}; unset it for the present"
        ) from None
