"""What has changed between two fingerprints, and how much of that the numbers show."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from segpost.fingerprints.relations import alike, apart, sizes
from segpost.fingerprints.rules.input import changes_of_input, declarations
from segpost.fingerprints.rules.logits import changes_of_logits
from segpost.fingerprints.rules.stages import changes_of_stages
from segpost.render import findings as render_findings
from segpost.render.findings import Finding

if TYPE_CHECKING:
    from segpost.fingerprints.api import Fingerprint

VERDICTS = {
    "same": "the same to the bit",
    "rounding": "the same up to rounding",
    "changed": "changed",
}


@dataclass(frozen=True)
class FingerprintDiff:
    """What `Fingerprint.compare` says.

    Attributes
    ----------
    verdict : {"same", "rounding", "changed"}
        Of the logits.
    differs : float
        The largest difference of their statistics and blocks, in standard deviations.
    findings : tuple of Finding
        What has changed, the most certain first.
    """

    verdict: str
    differs: float
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether the logits are the same, up to rounding, and nothing else differs."""
        return self.verdict != "changed" and not self.findings

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the findings."""
        return tuple(found.code for found in self.findings)

    def summary(self) -> str:
        """The verdict in a sentence."""
        if self.verdict == "same":
            return VERDICTS["same"]
        if np.isinf(self.differs):
            return f"{VERDICTS[self.verdict]}: the logits have another shape"
        by = f"the logits differ by up to {self.differs:.2g} of their standard deviation"
        return f"{VERDICTS[self.verdict]}: {by}"

    def __str__(self) -> str:
        """For a terminal."""
        return "\n\n".join(filter(None, (self.summary(), render_findings.text(self.findings))))

    def to_json(self) -> str:
        """Verdict and findings as JSON."""
        content = {
            "segpost": "FingerprintDiff",
            "verdict": self.verdict,
            "differs": None if np.isinf(self.differs) else self.differs,
            "findings": [found.as_dict() for found in self.findings],
        }
        return json.dumps(content, indent=2, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """The same in Markdown."""
        parts = filter(None, (self.summary(), render_findings.markdown(self.findings)))
        return "\n\n".join(parts) + "\n"


def difference(before: Fingerprint, after: Fingerprint) -> FingerprintDiff:
    """Compare two fingerprints of the same input."""
    a, b = before.logits, after.logits
    differs = apart(a, b)
    identical = a.digest == b.digest and sizes(a) == sizes(b)
    verdict = "same" if identical else "rounding" if alike(a, b) else "changed"
    fed = list(changes_of_input(before, after))
    found = [*fed, *declarations(before, after)]
    if verdict == "changed":
        staged = list(changes_of_stages(before, after))
        found += staged
        if not fed:  # of which all would follow
            found += changes_of_logits(before, after, [entry.code for entry in staged])
    return FingerprintDiff(verdict, differs, render_findings.ordered(found))
