"""Types of options, which argparse calls, and words that several commands show."""

from __future__ import annotations

import argparse

from segpost.color.datasets import list_palettes

PALETTES = ", ".join(list_palettes())


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


def _integer_from(text: str, minimum: int) -> int:
    number = int(text)
    if number < minimum:
        raise argparse.ArgumentTypeError(f"must be at least {minimum}, got {text}")
    return number


# argparse names the type in its own errors.
positive_integer.__name__ = natural_number.__name__ = "integer"
fraction.__name__ = "number"
positive_integers.__name__ = "list of integers"
