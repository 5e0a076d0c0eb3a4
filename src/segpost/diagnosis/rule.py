"""Diagnostic rules: functions that look at a context and may return a result."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from segpost.diagnosis.context import DiagnosticContext
from segpost.render.findings import Rank


class RuleResult(NamedTuple):
    """A mistake that a rule sees in a context."""

    rank: Rank  # "certain": the data show it; "likely": no other cause fits as well; "hint"
    message: str
    evidence: dict[str, Any]
    where: str = ""
    cure: str = ""  # replaces the cure of the rule


Check = Callable[[DiagnosticContext], RuleResult | None]


class Rule(NamedTuple):
    """A mistake with a code: the inputs that show it, the function that looks, and a cure."""

    code: str
    group: str  # the module that defines the rule
    needs: tuple[str, ...]  # fields of `DiagnosticInputs`; "a|b" is either of the two
    ranks: tuple[str, ...]
    means: str
    cure: str
    unless: tuple[str, ...]  # codes that explain more; the rule is skipped where one was found
    consequence_of: tuple[str, ...]  # codes of causes: a certain or likely one takes its place
    check: Check


def rule(
    code: str, *, needs: str, ranks: str, cure: str, unless: str = "", consequence_of: str = ""
) -> Callable[[Check], Rule]:
    """Return a decorator that makes a check a `Rule`.

    The docstring of the check says what the code means, in the documentation too. `registry.ORDER`
    must name the code.

    Parameters
    ----------
    code : str
        The name of the mistake, which stays the same.
    needs, ranks, unless, consequence_of : str
        Words separated by spaces: see `Rule`.
    cure : str
        A line of code that helps.
    """

    def decorate(check: Check) -> Rule:
        return Rule(
            code,
            check.__module__.rpartition(".")[2],
            tuple(needs.split()),
            tuple(ranks.split()),
            " ".join((inspect.getdoc(check) or "").split()),
            cure,
            tuple(unless.split()),
            tuple(consequence_of.split()),
            check,
        )

    return decorate
