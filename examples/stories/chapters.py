"""A chapter of a story: a failure, its report, and the number before and after the cure."""

from __future__ import annotations

from typing import Any, NamedTuple


class Chapter(NamedTuple):
    """A failure and its cure."""

    title: str
    codes: tuple[str, ...]  # of the findings
    before: float
    after: float


def tell(title: str, report: Any, measure: str, before: float, after: float) -> Chapter:
    """Print a chapter; `report` is a diagnosis, a comparison, or None."""
    print(f"\n== {title}\n")
    if report is not None:
        print(report)
    print(f"\n{measure}: {before:.4g} -> {after:.4g}")
    return Chapter(title, () if report is None else report.codes, before, after)
