"""What a check found: `Finding`, the same for every command that looks for mistakes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from segpost._core import arguments
from segpost.render.tables import shown

RANKS = ("certain", "likely", "hint")
INDENT = " " * 9  # below the rank, which is at most seven letters


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, why that is known, and what helps.

    Parameters
    ----------
    code : str
        A name that stays the same, such as "nan-weights".
    rank : {"certain", "likely", "hint"}
        "certain": the data show it; "likely": nothing else fits them as well; "hint": worth a look.
    message : str
        One sentence of what is wrong.
    evidence : dict
        Numbers, strings, and lists of them.
    cure : str
        A line of code.
    where : str
        Where it applies.

    Raises
    ------
    ValueError
        If the rank is none.

    Examples
    --------
    >>> from segpost.render.findings import Finding, ordered, text
    >>> pale = Finding("pale", "hint", "The picture is pale.", {"contrast": 0.1})
    >>> black = Finding("black", "certain", "All is black.", cure="palette='voc'", where="labels")
    >>> print(text(ordered([pale, black])))
    certain  black: All is black.
             where: labels
             cure:  palette='voc'
    hint     pale: The picture is pale.
             seen:  contrast 0.1
    """

    code: str
    rank: str
    message: str
    evidence: dict[str, Any] = field(default_factory=dict)
    cure: str = ""
    where: str = ""

    def __post_init__(self) -> None:
        arguments.check_choice(self.rank, "rank", RANKS)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "code": self.code,
            "rank": self.rank,
            "message": self.message,
            "evidence": dict(self.evidence),
            "cure": self.cure,
            "where": self.where,
        }


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The most certain first; as they were within a rank."""
    return tuple(sorted(findings, key=lambda finding: RANKS.index(finding.rank)))


def text(findings: Iterable[Finding]) -> str:
    """Findings for a terminal: a paragraph each."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.rank:<8} {finding.code}: {finding.message}")
        lines += [f"{INDENT}{name + ':':<6} {said}" for name, said in _details(finding)]
    return "\n".join(map(shown, lines))


def markdown(findings: Iterable[Finding]) -> str:
    """Findings as a Markdown list."""
    lines = []
    for finding in findings:
        lines.append(f"- **{finding.rank}** `{finding.code}`: {_escaped(finding.message)}")
        for name, said in _details(finding):
            lines.append(f"  - {name}: {_code(said) if name == 'cure' else _escaped(said)}")
    return "\n".join(map(shown, lines))


def _details(finding: Finding) -> list[tuple[str, str]]:
    seen = ", ".join(f"{name} {_value(value)}" for name, value in finding.evidence.items())
    details = (("where", finding.where), ("seen", seen), ("cure", finding.cure))
    return [(name, said) for name, said in details if said]


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    return str(value)


def _escaped(said: str) -> str:
    """Text that stays text in Markdown: names of tensors come from files."""
    return "".join(f"\\{c}" if c in "\\|<`*_[]" else c for c in said)


def _code(said: str) -> str:
    """A code span; a longer fence where the code has backticks."""
    fence = "`" * (max((len(run) for run in _backticks(said)), default=0) + 1)
    pad = " " if "`" in said else ""
    return f"{fence}{pad}{said}{pad}{fence}"


def _backticks(said: str) -> list[str]:
    return "".join(c if c == "`" else " " for c in said).split()
