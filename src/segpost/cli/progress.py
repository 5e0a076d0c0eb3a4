"""A progress bar on a terminal, and lines on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def print_error(message: str) -> None:
    """Print a line on standard error, with the program's name."""
    print(f"segpost: {message}", file=sys.stderr)


@contextmanager
def progress(
    items: Iterable[T], total: int, quiet: bool = False
) -> Iterator[tuple[Iterable[T], Callable[[str], None]]]:
    """Yield the items, under a progress bar on a terminal, and a function that prints beside it.

    Parameters
    ----------
    items : iterable
        What is worked on.
    total : int
        How many they are.
    quiet : bool
        Draw no bar.
    """
    if total > 1 and not quiet and sys.stderr.isatty():
        try:
            from tqdm import tqdm  # type: ignore[import-untyped]
        except ImportError:  # a bar is no reason to fail
            pass
        else:
            with tqdm(items, total=total, unit="file", file=sys.stderr) as bar:
                yield bar, lambda message: tqdm.write(f"segpost: {message}", file=sys.stderr)
            return
    yield items, print_error
