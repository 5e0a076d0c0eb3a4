"""The comparison of two fingerprints: a verdict, and the changes that the numbers show."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

import numpy as np

from segpost.fingerprints.record import FingerprintRecord
from segpost.fingerprints.rules.input import find_input_changes, find_record_changes
from segpost.fingerprints.rules.logits import find_logit_changes
from segpost.fingerprints.rules.stages import find_stage_changes
from segpost.fingerprints.similarity import distance, is_identical, is_similar
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
    """

    verdict: Verdict
    differs: float
    findings: tuple[Finding, ...]

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
        findings += stage_changes
        if not input_changes:  # all changes of the logits would follow from them
            findings += find_logit_changes(before, after, [c.code for c in stage_changes])
    differs = distance(before.logits, after.logits)
    return FingerprintDiff(verdict, differs, sort_findings(findings))
