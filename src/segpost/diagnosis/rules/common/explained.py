"""What the comparison with the target explains, as a claim."""

from __future__ import annotations

from segpost.diagnosis.alignment import Explanation
from segpost.diagnosis.context import Case
from segpost.diagnosis.registry import Claim


def best(case: Case, *names: str) -> Explanation | None:
    """The change that explains most of what disagrees, if it is one of these."""
    found = None if case.aligned is None else case.aligned.best
    return found if found is not None and found.name in names else None


def explained(made: Explanation, what: str, cure: str = "") -> Claim:
    """The agreement with the target before and after a change."""
    after = 1 - made.wrong
    return Claim(
        "likely",
        f"{made.before:.1%} of the pixels agree with the target, and {after:.1%} {what}",
        {"agreement": made.before, "agreement_after": after, **made.detail},
        cure=cure,
    )
