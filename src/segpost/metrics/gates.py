"""Gates: limits of scores, which a run must keep."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

from segpost.metrics.score_names import score_named
from segpost.metrics.values import ScoreValues

GateKind = Literal["fail_under", "max_drop"]
ROUNDING = 1e-12  # a difference of two scores that is the limit misses no gate


class Gate(NamedTuple):
    """A limit of one score.

    Attributes
    ----------
    kind : {"fail_under", "max_drop"}
        The least score, or how far it may lie below that of a baseline.
    score : str
        A name of `score_named`.
    limit : float
    """

    kind: GateKind
    score: str
    limit: float

    def __str__(self) -> str:
        return f"{self.kind} {self.score}={self.limit:g}"

    def check(
        self,
        scores: ScoreValues,
        baseline: ScoreValues | None = None,
        measured: Mapping[str, float] | None = None,
        measured_before: Mapping[str, float] | None = None,
    ) -> GateResult:
        """Return what scores say of the gate; a drop is measured from the scores of a baseline.

        Parameters
        ----------
        scores, baseline : ScoreValues
            Of the run, and of the baseline of a drop.
        measured, measured_before : mapping of str to float, optional
            Scores of measures beside them, as of `Measure.named_scores`.

        Raises
        ------
        ValueError
            If there is no such score, or no baseline of a drop.
        """
        before = math.nan
        if self.kind == "max_drop":
            if baseline is None:
                raise ValueError(f"{self} needs a baseline")
            before = score_named(baseline, self.score, measured_before)
        return GateResult(self, score_named(scores, self.score, measured), before)


class GateResult(NamedTuple):
    """A gate, and the score that it is about."""

    gate: Gate
    value: float  # NaN where there is no score
    baseline: float  # of a drop

    @property
    def shortfall(self) -> float:
        """How far the score lies below what the gate wants; NaN where there is no score."""
        if self.gate.kind == "max_drop":
            return self.baseline - self.gate.limit - self.value
        return self.gate.limit - self.value

    @property
    def is_missed(self) -> bool:
        """Whether the score is below the limit, or there is none."""
        return not self.shortfall <= ROUNDING

    def describe(self) -> str:
        """Return a sentence about the score and the limit."""
        name, limit = self.gate.score, f"{self.gate.limit:.6g}"
        if math.isnan(self.value):
            return f"{name} has no score: nothing was counted for it"
        value = f"{name} is {self.value:.6g}"
        if self.gate.kind == "fail_under":
            side = "under" if self.is_missed else "above"
            return f"{value}, {abs(self.shortfall):.6g} {side} the limit of {limit}"
        if math.isnan(self.baseline):
            return f"{value}, and the baseline has no such score"
        drop = self.baseline - self.value
        side = "below" if drop > 0 else "above"
        text = f"{value}, {abs(drop):.6g} {side} the baseline's {self.baseline:.6g}"
        more = f", {self.shortfall:.6g} more than" if self.is_missed else "; the limit is"
        return f"{text}{more} {'the limit of ' if self.is_missed else ''}{limit}"
