"""A line for every library's convention: what comparisons of dialects have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from segpost.render.tables import Table, format_text


class DialectLine(Protocol):
    """What is said of one dialect."""

    @property
    def dialect(self) -> str:
        """The name of the dialect."""


LineT = TypeVar("LineT", bound=DialectLine)


class DialectLines(ABC, Generic[LineT]):
    """Lines by dialect; iterates over them, prints as a table."""

    lines: tuple[LineT, ...]

    @abstractmethod
    def table(self) -> Table:
        """Return the lines as a table."""

    def __iter__(self) -> Iterator[LineT]:
        return iter(self.lines)

    def __getitem__(self, dialect: str) -> LineT:
        for line in self.lines:
            if line.dialect == dialect:
                return line
        raise KeyError(f"{dialect!r} is none of {', '.join(line.dialect for line in self.lines)}")

    def __str__(self) -> str:
        return format_text([self.table()])
