"""Results of rules that compare the prediction with the target."""

from __future__ import annotations

from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.explanation import Explanation
from segpost.diagnosis.rule import RuleResult

NO_EVIDENCE = ("order", "is_cycle")  # details that a cure holds


def best_explanation(context: DiagnosticContext, *names: str) -> Explanation | None:
    """Return the change that explains most of the errors, if it has one of the names."""
    best = None if context.alignment is None else context.alignment.best
    return best if best is not None and best.name in names else None


def as_result(explanation: Explanation, change: str, cure: str = "") -> RuleResult:
    """Return the agreement with the target before and after a change as a result.

    Parameters
    ----------
    change : str
        Words that follow "84% of the pixels agree".
    """
    after = 1 - explanation.wrong
    detail = {key: value for key, value in explanation.detail.items() if key not in NO_EVIDENCE}
    return RuleResult(
        explanation.rank,
        f"{explanation.before:.1%} of the pixels agree with the target, and {after:.1%} {change}",
        {"agreement": explanation.before, "agreement_after": after, **detail},
        cure=cure,
    )
