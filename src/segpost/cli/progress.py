"""A progress bar where somebody watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def progress(
    items: Iterable[T], total: int, quiet: bool = False
) -> Iterator[tuple[Iterable[T], Callable[[str], None]]]:
    """The items, under a progress bar on a terminal; and how to print beside it.

    Parameters
    ----------
    items : iterable
    total : int
        How many they are.
    quiet : bool
        Draw no bar.
    """

    def plain(message: str) -> None:
        print(f"segpost: {message}", file=sys.stderr)

    if total > 1 and not quiet and sys.stderr.isatty():
        try:
            from tqdm import tqdm  # type: ignore[import-untyped]
        except ImportError:  # a bar is no reason to fail
            pass
        else:
            with tqdm(items, total=total, unit="file", file=sys.stderr) as bar:
                yield bar, lambda message: tqdm.write(f"segpost: {message}", file=sys.stderr)
            return
    yield items, plain
