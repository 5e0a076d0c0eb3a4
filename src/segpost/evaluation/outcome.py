"""The outcome of an evaluation: what was counted, and what was not."""

from __future__ import annotations

from typing import NamedTuple

from segpost._core.text import format_names
from segpost.evaluation.counting import PairResult
from segpost.evaluation.pairing import Pairing
from segpost.metrics.base import Accumulator
from segpost.metrics.matrix import ConfusionMatrix


class Outcome(NamedTuple):
    """What an evaluation has counted, and what it has not.

    Attributes
    ----------
    cm : ConfusionMatrix
        The counts, also image by image.
    failed : list of PairResult
        Pairs without counts.
    pairing : Pairing
        All pairs, and the files that pair with nothing.
    measures : tuple of Accumulator
        The counts beside the matrix.
    """

    cm: ConfusionMatrix
    failed: list[PairResult]
    pairing: Pairing
    measures: tuple[Accumulator, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every prediction and every target is in the counts."""
        return not (self.failed or self.pairing.describe_unpaired())

    def has_scores(self, allow_partial: bool) -> bool:
        """Return whether there are scores: of all pairs, or `allow_partial` of some."""
        return not self.failed or (allow_partial and bool(self.cm.images))

    def notes(self) -> list[str]:
        """Return a sentence about what is missing, or none."""
        sentences = []
        if self.failed:
            total = len(self.failed) + len(self.cm.images)
            names = format_names([result.pair.id for result in self.failed])
            sentences.append(f"{len(self.failed)} of {total} pairs failed: {names}")
        sentences += self.pairing.describe_unpaired()
        return [f"INCOMPLETE: {'; '.join(sentences)}."] if sentences else []
