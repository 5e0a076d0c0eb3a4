"""A progress bar on a terminal, and lines on standard error."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")
LINE_SECONDS = 10.0  # between two lines that are not on a terminal


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
    with LineProgress(total, "file", quiet) as lines:
        yield _advancing(items, lines), print_error


class LineProgress:
    """Progress as a bar on a terminal, and elsewhere as a line at most every `LINE_SECONDS`.

    Parameters
    ----------
    total : int
        What there is to do.
    unit : str
        What is counted.
    quiet : bool
        Print nothing.
    clock : function
        Returns seconds.
    """

    def __init__(
        self,
        total: int,
        unit: str,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total, self.unit, self.quiet, self.clock = total, unit, quiet, clock
        self.done = 0
        self.start = self.printed = clock()
        self.bar: Any = None

    def __enter__(self) -> LineProgress:
        if self.total > 1 and not self.quiet and sys.stderr.isatty():
            with contextlib.suppress(ImportError):  # a bar is no reason to fail
                from tqdm import tqdm

                self.bar = tqdm(total=self.total, unit=self.unit, file=sys.stderr)
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def advance(self, steps: int, *notes: str) -> None:
        """Say that `steps` more are done; the notes are printed beside the numbers."""
        self.done += steps
        if self.bar is not None:
            self.bar.set_postfix_str(", ".join(filter(None, notes)), refresh=False)
            self.bar.update(steps)
            return
        now = self.clock()
        if not self.quiet and now - self.printed >= LINE_SECONDS:
            self.printed = now
            rate = self.done / (now - self.start)
            counts = f"{self.unit}s {self.done}/{self.total}"
            print_error(", ".join(filter(None, [counts, *notes, f"{rate:.3g} {self.unit}s/s"])))


def _advancing(items: Iterable[T], lines: LineProgress) -> Iterator[T]:
    for item in items:
        yield item
        lines.advance(1)
