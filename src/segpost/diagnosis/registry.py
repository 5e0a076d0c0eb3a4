"""The table of symptoms: what a diagnosis looks for, in the order in which it looks."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from segpost.render.findings import Finding, ordered

if TYPE_CHECKING:
    from segpost.diagnosis.context import Case


class Claim(NamedTuple):
    """What a check has to say of a case."""

    rank: str  # "certain": the data show it; "likely": they fit nothing else as well; "hint"
    message: str
    evidence: dict[str, Any]
    where: str = ""
    cure: str = ""  # instead of the symptom's own


class Symptom(NamedTuple):
    """A failure, what is needed to see it, and what helps."""

    code: str
    group: str
    needs: tuple[str, ...]  # arguments of `diagnose`; "a|b" is one of them
    ranks: tuple[str, ...]
    means: str
    cure: str
    unless: tuple[str, ...]  # codes that already say it better
    check: Callable[[Case], Claim | None]


TABLE: dict[str, Symptom] = {}

Check = Callable[["Case"], Claim | None]


def symptom(
    code: str, *, needs: str, ranks: str, cure: str, unless: str = ""
) -> Callable[[Check], Check]:
    """Enter a check; its docstring is what the symptom means."""

    def entered(check: Check) -> Check:
        means = " ".join(inspect.getdoc(check).split())  # type: ignore[union-attr]
        group = check.__module__.rpartition(".")[2]
        TABLE[code] = Symptom(
            code,
            group,
            tuple(needs.split()),
            tuple(ranks.split()),
            means,
            cure,
            tuple(unless.split()),
            check,
        )
        return check

    return entered


def examine(case: Case) -> tuple[Finding, ...]:
    """Every finding of a case, the most certain first."""
    found: dict[str, Finding] = {}
    for code, entry in TABLE.items():
        if any(other in found for other in entry.unless) or not _there(entry, case):
            continue
        claim = entry.check(case)
        if claim is not None:
            found[code] = Finding(
                code=code,
                rank=claim.rank,
                message=claim.message,
                evidence=claim.evidence,
                cure=claim.cure or entry.cure,
                where=claim.where,
            )
    return ordered(found.values())


def _there(entry: Symptom, case: Case) -> bool:
    return all(any(case.has(name) for name in need.split("|")) for need in entry.needs)
