"""What a request may cost, from the environment: the numbers and rules of cpp/limits.hpp."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass


def parse_whole(name: str, text: str, smallest: int, largest: int) -> int:
    """Return a whole number in its range.

    Raises
    ------
    ValueError
        With the name and the range.
    """
    if not re.fullmatch("[0-9]{1,10}", text) or not smallest <= int(text) <= largest:
        raise ValueError(f"{name} is a whole number from {smallest} to {largest}, got {text!r}")
    return int(text)


def parse_seconds(name: str, text: str) -> float:
    """Return a time of up to a day, as `parse_whole` does."""
    is_decimal = re.fullmatch("[0-9]{1,5}([.][0-9]{1,9})?", text)
    if not is_decimal or not 0.001 <= float(text) <= 86400:
        raise ValueError(f"{name} is a number from 0.001 to 86400, got {text!r}")
    return float(text)


@dataclass(frozen=True)
class Limits:
    """What a request may cost."""

    max_bytes: int  # of an upload
    max_pixels: int  # of a picture, before it is decoded
    max_requests: int  # at the same time: they upload, wait or are computed
    threads: int  # that compute, each one picture
    seconds: float  # from the headers of a request to its answer

    @classmethod
    def of_environment(cls) -> Limits:
        """Return the limits that the environment sets."""

        def whole(name: str, usual: int, largest: int) -> int:
            return parse_whole(name, os.environ.get(name, str(usual)), 1, largest)

        return cls(
            max_bytes=whole("SEGPOST_MAX_BYTES", 8_000_000, 1_000_000_000),
            max_pixels=whole("SEGPOST_MAX_PIXELS", 4_000_000, 1_000_000_000),
            max_requests=whole("SEGPOST_MAX_REQUESTS", 16, 10_000),
            threads=whole("SEGPOST_THREADS", 2, 256),
            seconds=parse_seconds("SEGPOST_SECONDS", os.environ.get("SEGPOST_SECONDS", "10")),
        )
