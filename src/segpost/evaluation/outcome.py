"""The outcome of an evaluation: what was counted, and what was not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from segpost._core.text import format_names
from segpost.evaluation.counting import FailedPair, PairResult
from segpost.evaluation.merging import Coverage, record_coverage
from segpost.evaluation.pairing import Pairing
from segpost.metrics.base import Accumulator
from segpost.metrics.matrix import ConfusionMatrix


class Outcome(NamedTuple):
    """What an evaluation has counted, and what it has not.

    Attributes
    ----------
    cm : ConfusionMatrix
        The counts, also image by image.
    failed : sequence of PairResult or FailedPair
        Pairs without counts.
    pairing : Pairing
        All pairs, and the files that pair with nothing.
    measures : tuple of Accumulator
        The counts beside the matrix.
    coverage : Coverage, optional
        Of a plan: which of its shards are counted.
    """

    cm: ConfusionMatrix
    failed: Sequence[PairResult | FailedPair]
    pairing: Pairing
    measures: tuple[Accumulator, ...]
    coverage: Coverage | None = None

    @property
    def has_all_shards(self) -> bool:
        """Whether no shard of a plan is missing or damaged."""
        coverage = self.coverage
        return coverage is None or not (coverage.missing or coverage.damaged)

    @property
    def is_complete(self) -> bool:
        """Whether every prediction and every target is in the counts."""
        is_counted = self.has_all_shards and not self.failed
        return is_counted and not self.pairing.describe_unpaired()

    def has_scores(self, allow_partial: bool) -> bool:
        """Return whether there are scores: of all pairs, or `allow_partial` of some."""
        is_counted = self.has_all_shards and not self.failed
        return is_counted or (allow_partial and bool(self.cm.images))

    def state_pieces(self) -> Iterator[str]:
        """Yield pieces of the states of the matrix and of the measures beside it, a line each."""
        measures = [measure.copy() for measure in (self.cm, *self.measures)]
        failed = [failed.id for failed in self.failed]
        is_counted = self.has_all_shards and not failed
        record_coverage(measures, is_counted, self.pairing, failed)
        for measure in measures:
            yield from measure.json_pieces()
            yield "\n"

    def notes(self) -> list[str]:
        """Return a sentence about what is missing, or none."""
        sentences = []
        if self.coverage is not None:
            sentences += self.coverage.describe()
        elif self.failed:
            total = len(self.failed) + len(self.cm.images)
            names = format_names([failed.id for failed in self.failed])
            sentences.append(f"{len(self.failed)} of {total} pairs failed: {names}")
        sentences += self.pairing.describe_unpaired()
        return [f"INCOMPLETE: {'; '.join(sentences)}."] if sentences else []
