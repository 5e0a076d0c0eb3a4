"""`Explanation`, a change that makes prediction and target agree better."""

from __future__ import annotations

from typing import Any, NamedTuple

from segpost.render.findings import Rank


class Explanation(NamedTuple):
    """A change, and how well prediction and target agree before and after it."""

    name: str
    right: int
    valid_pixels: int
    detail: dict[str, Any]
    before: float = 0.0  # share of the same pixels that agree without the change
    rank: Rank = "likely"

    @property
    def wrong(self) -> float:
        """Return the share of the pixels that still disagree."""
        return 1 - self.right / self.valid_pixels if self.valid_pixels else 1.0
