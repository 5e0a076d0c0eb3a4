"""`Finding`, the result of every check, and its forms: text, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from segpost._core.arguments import check_choice
from segpost._core.equality import compare_by_value
from segpost._core.public import public
from segpost.render.jsonable import as_jsonable
from segpost.render.text import as_printable, code_span, escape_html, escape_markdown

Rank = Literal["certain", "likely", "hint"]
RANKS: tuple[str, ...] = get_args(Rank)
INDENT = " " * 9  # below the rank, which has at most seven letters
DIGITS = 6  # of numbers in JSON and HTML

RULES = """
.diagnosis .finding { margin: 0 0 14px; padding: 12px 18px; border-left: 4px solid; }
.diagnosis .certain { border-color: var(--wrong, #d92d3a); }
.diagnosis .likely { border-color: var(--likely, #c77700); }
.diagnosis .hint { border-color: var(--hint, #5d6878); }
.diagnosis code { display: block; margin-top: 6px; white-space: pre-wrap;
  overflow-wrap: anywhere; }
.diagnosis .evidence { opacity: .8; font-size: .88em; overflow-wrap: anywhere; }
"""
NOTEBOOK_RULES = """
.diagnosis .panels { display: grid; gap: 8px;
  grid-template-columns: repeat(auto-fit, minmax(min(240px, 50%), 1fr)); }
.diagnosis figure { margin: 0; } .diagnosis figcaption { padding: 4px 0; }
.diagnosis img { width: 100%; display: block; image-rendering: pixelated; }
.diagnosis .legend ul { display: flex; flex-wrap: wrap; gap: 2px 16px; padding: 0;
  list-style: none; }
.diagnosis .swatch { width: 12px; height: 12px; margin-right: 6px; vertical-align: -1px; }
"""


@public
@compare_by_value
@dataclass(frozen=True)
class Finding:
    """A mistake: what is wrong, the evidence, and a fix.

    Parameters
    ----------
    code : str
        A name that stays the same, such as "nan-weights".
    rank : {"certain", "likely", "hint"}
        "certain": the data show it; "likely": no other cause fits as well; "hint": worth a look.
    message : str
        One sentence that says what is wrong.
    evidence : dict
        Numbers, strings, and lists of them.
    cure : str
        A line of code that fixes it.
    where : str
        The argument, tensor or file that it applies to.

    Raises
    ------
    ValueError
        If `rank` is not one of the three.

    Examples
    --------
    >>> from segpost.render.findings import Finding, format_text, sort_findings
    >>> pale = Finding("pale", "hint", "The picture is pale.", {"contrast": 0.1})
    >>> black = Finding("black", "certain", "All is black.", cure="palette='voc'", where="labels")
    >>> print(format_text(sort_findings([pale, black])))
    certain  black: All is black.
             where: labels
             cure:  palette='voc'
    hint     pale: The picture is pale.
             seen:  contrast 0.1
    """

    code: str
    rank: Rank
    message: str
    evidence: dict[str, Any] = field(default_factory=dict)
    cure: str = ""
    where: str = ""

    def __post_init__(self) -> None:
        check_choice(self.rank, "rank", RANKS)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a dict."""
        return {
            "code": self.code,
            "rank": self.rank,
            "message": self.message,
            "evidence": dict(self.evidence),
            "cure": self.cure,
            "where": self.where,
        }


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings by rank, the most certain first; the order within a rank stays."""
    return tuple(sorted(findings, key=lambda finding: RANKS.index(finding.rank)))


def as_jsonable_dict(finding: Finding) -> dict[str, Any]:
    """Return a finding as data that JSON can hold, with six significant digits a float."""
    content: dict[str, Any] = as_jsonable(finding.as_dict(), nan="text", digits=DIGITS)
    return content


def format_text(findings: Iterable[Finding]) -> str:
    """Return findings for a terminal, a paragraph each."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.rank:<8} {finding.code}: {finding.message}")
        lines += [f"{INDENT}{name + ':':<6} {detail}" for name, detail in _details(finding)]
    return "\n".join(map(as_printable, lines))


def format_markdown(findings: Iterable[Finding]) -> str:
    """Return findings as a Markdown list."""
    lines = []
    for finding in findings:
        lines.append(f"- **{finding.rank}** `{finding.code}`: {escape_markdown(finding.message)}")
        for name, detail in _details(finding):
            form = code_span if name == "cure" else escape_markdown
            lines.append(f"  - {name}: {form(detail)}")
    return "\n".join(map(as_printable, lines))


def format_html(finding: Finding) -> str:
    """Return a finding as a block of HTML, to be shown below an element of class `diagnosis`.

    The page needs `RULES`.
    """
    where = f" ({escape_html(finding.where)})" if finding.where else ""
    cure = f"<code>{escape_html(finding.cure)}</code>" if finding.cure else ""
    evidence = as_jsonable(finding.evidence, nan="text", digits=DIGITS)
    facts = ", ".join(f"{name}: {value}" for name, value in evidence.items())
    return (
        f'<div class="finding {finding.rank}">'
        f"<strong>{finding.rank}: {escape_html(finding.code)}</strong>{where}<br>"
        f"{escape_html(finding.message)}{cure}"
        f'<div class="evidence">{escape_html(facts)}</div></div>'
    )


def format_section(summary: str, findings: Iterable[Finding], *parts: str) -> str:
    """Return a section of a page: a sentence, the findings below it, and more HTML.

    It has its style, and loads nothing from elsewhere.
    """
    first = f"<p><strong>{escape_html(summary)}</strong></p>"
    style = f"<style>{RULES}{NOTEBOOK_RULES}</style>"
    body = "\n".join([style, first, *map(format_html, findings), *filter(None, parts)])
    return f'<section class="diagnosis">\n{body}\n</section>'


def _details(finding: Finding) -> list[tuple[str, str]]:
    seen = ", ".join(f"{name} {_format_value(value)}" for name, value in finding.evidence.items())
    details = (("where", finding.where), ("seen", seen), ("cure", finding.cure))
    return [(name, detail) for name, detail in details if detail]


def _format_value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_format_value, value))}]"
    return str(value)
