"""Types of options, which argparse calls, and words that several commands show."""

from __future__ import annotations

import argparse
from pathlib import Path

from segpost.color.datasets import list_palettes

PALETTES = ", ".join(list_palettes())


def file_path(text: str) -> Path:
    """Return a path, which is not empty."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; is a variable of the shell not set?")
    return Path(text)


def positive_integer(text: str) -> int:
    """Return an integer of at least 1."""
    return _integer_from(text, 1)


def natural_number(text: str) -> int:
    """Return an integer of at least 0."""
    return _integer_from(text, 0)


def fraction(text: str) -> float:
    """Return a number in 0..1."""
    number = float(text)
    if not 0.0 <= number <= 1.0:
        raise argparse.ArgumentTypeError(f"must be in 0..1, got {text}")
    return number


def positive_integers(text: str) -> list[int]:
    """Return integers of at least 1, which commas separate."""
    return [positive_integer(part) for part in text.split(",")]


def sides(text: str) -> list[int]:
    """Return the two or three sides of a size, which spaces separate."""
    if not all(part.isdecimal() for part in text.split()):
        raise argparse.ArgumentTypeError(
            f"takes H W, height and width with a space between them, such as 512 1024, got {text!r}"
        )
    numbers = [positive_integer(part) for part in text.split()]
    if len(numbers) not in (2, 3):
        raise argparse.ArgumentTypeError(f"takes H W, of volumes D H W, got {text}")
    return numbers


def shard(text: str) -> tuple[int, int]:
    """Return the position of a shard, from 0, and how many shards there are, of I/N."""
    index, _, count = text.partition("/")
    if not (index.isdecimal() and count.isdecimal() and int(index) < int(count)):
        raise argparse.ArgumentTypeError(
            f"takes I/N with I in 0..N-1, such as 0/4 to 3/4, got {text!r}"
        )
    return int(index), int(count)


def _integer_from(text: str, minimum: int) -> int:
    number = int(text)
    if number < minimum:
        raise argparse.ArgumentTypeError(f"must be at least {minimum}, got {text}")
    return number


# argparse names the type in its own errors.
positive_integer.__name__ = natural_number.__name__ = "integer"
fraction.__name__ = "number"
positive_integers.__name__ = "list of integers"
