"""Values of options, checked as argparse reads them."""

from __future__ import annotations

import argparse


def whole(text: str) -> int:
    """An integer of at least 1."""
    return _integer(text, 1)


def count(text: str) -> int:
    """An integer of at least 0."""
    return _integer(text, 0)


def share(text: str) -> float:
    """A number in 0..1."""
    number = float(text)
    if not 0.0 <= number <= 1.0:
        raise argparse.ArgumentTypeError(f"must be in 0..1, got {text}")
    return number


def several(text: str) -> list[int]:
    """Integers of at least 1, separated by commas."""
    return [whole(part) for part in text.split(",")]


def _integer(text: str, least: int) -> int:
    number = int(text)
    if number < least:
        raise argparse.ArgumentTypeError(f"must be at least {least}, got {text}")
    return number


# argparse names the type in its own errors.
whole.__name__ = count.__name__ = "integer"
share.__name__ = "number"
several.__name__ = "list of integers"
