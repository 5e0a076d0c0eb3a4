"""The comparison of two fingerprints: a verdict, and the changes that the numbers show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from segpost._core.equality import compare_by_value
from segpost._core.unknown_names import suggest_attributes
from segpost.fingerprints.record import FingerprintRecord
from segpost.fingerprints.rules.input import find_input_changes, find_record_changes
from segpost.fingerprints.rules.logits import find_proven_changes, guess_changes
from segpost.fingerprints.rules.stages import find_stage_changes
from segpost.fingerprints.similarity import distance, is_identical, is_similar, tolerance
from segpost.fingerprints.summary import ROUNDING_FLOAT32
from segpost.render.findings import (
    Finding,
    format_markdown,
    format_section,
    format_text,
    sort_findings,
)

Verdict = Literal["same", "rounding", "changed"]
VERDICTS: dict[Verdict, str] = {
    "same": "the same to the bit",
    "rounding": "the same up to rounding",
    "changed": "changed",
}


@suggest_attributes
@compare_by_value
@dataclass(frozen=True)
class FingerprintDiff:
    """The result of `Fingerprint.compare`.

    Attributes
    ----------
    verdict : {"same", "rounding", "changed"}
        Of the logits.
    differs : float
        The largest difference of their statistics and blocks, in standard deviations.
    findings : tuple of Finding
        The changes, the most certain first.
    cannot_tell : tuple of str
        What the fingerprints cannot tell apart.
    """

    verdict: Verdict
    differs: float
    findings: tuple[Finding, ...]
    cannot_tell: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Return whether the logits are the same, up to rounding, and nothing else differs."""
        return self.verdict != "changed" and not self.findings

    @property
    def codes(self) -> tuple[str, ...]:
        """Return the codes of the findings."""
        return tuple(finding.code for finding in self.findings)

    def summary(self) -> str:
        """Return the verdict as a sentence."""
        if self.verdict == "same":
            return VERDICTS["same"]
        if np.isinf(self.differs):
            return f"{VERDICTS[self.verdict]}: the logits have another shape"
        by = f"the logits differ by up to {self.differs:.2g} of their standard deviation"
        return f"{VERDICTS[self.verdict]}: {by}"

    def __repr__(self) -> str:
        """Return the verdict and the codes on one line."""
        codes = f"; {', '.join(self.codes)}" if self.findings else ""
        return f"<FingerprintDiff: {self.summary()}{codes}>"

    def _repr_html_(self) -> str:
        """Return verdict and findings for a notebook."""
        return format_section(self.summary(), self.findings)

    def __str__(self) -> str:
        """Return verdict and findings for a terminal."""
        return "\n\n".join(filter(None, (self.summary(), format_text(self.findings))))

    def to_json(self) -> str:
        """Return verdict and findings as JSON."""
        content = {
            "segpost": "FingerprintDiff",
            "verdict": self.verdict,
            "differs": None if np.isinf(self.differs) else self.differs,
            "findings": [finding.as_dict() for finding in self.findings],
            "cannot_tell": list(self.cannot_tell),
        }
        return json.dumps(content, indent=2, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """Return verdict and findings as Markdown."""
        parts = filter(None, (self.summary(), format_markdown(self.findings)))
        return "\n\n".join(parts) + "\n"


def compare_records(before: FingerprintRecord, after: FingerprintRecord) -> FingerprintDiff:
    """Compare two fingerprints of the same input."""
    verdict: Verdict = "changed"
    if is_identical(before.logits, after.logits):
        verdict = "same"
    elif is_similar(before.logits, after.logits):
        verdict = "rounding"
    input_changes = list(find_input_changes(before, after))
    findings = [*input_changes, *find_record_changes(before, after)]
    if verdict == "changed":
        stage_changes = list(find_stage_changes(before, after))
        # All changes of the logits would follow from those of the input.
        proven = [] if input_changes else list(find_proven_changes(before, after))
        if proven:  # the cause comes before what follows from it
            stage_changes = [c for c in stage_changes if c.code != "head"]
        findings += [*proven, *stage_changes]
        if not (input_changes or proven):
            findings += guess_changes(before, after, [c.code for c in stage_changes])
    differs = distance(before.logits, after.logits)
    return FingerprintDiff(
        verdict, differs, sort_findings(findings), tuple(_iter_unknowns(before, after, verdict))
    )


def _iter_unknowns(
    before: FingerprintRecord, after: FingerprintRecord, verdict: str
) -> Iterator[str]:
    """Yield what the two fingerprints cannot tell apart."""
    limit = tolerance(before.logits, after.logits)
    if verdict == "rounding" and limit > ROUNDING_FLOAT32:
        yield (
            f"changes below {limit:.0%} of the standard deviation: rounding of that precision "
            "changes as much"
        )
    if before.logits.is_constant and after.logits.is_constant:
        yield "other weights: the logits are the same at all positions on both sides"
