"""How a story is told: what was done, what segpost says of it, and the number that got better."""

from __future__ import annotations

from typing import Any, NamedTuple


class Chapter(NamedTuple):
    """A failure and its cure."""

    title: str
    codes: tuple[str, ...]  # of the findings
    before: float
    after: float


def tell(title: str, said: Any, measure: str, before: float, after: float) -> Chapter:
    """Print a chapter; `said` is a diagnosis, a comparison, or None."""
    print(f"\n== {title}\n")
    if said is not None:
        print(said)
    print(f"\n{measure}: {before:.4g} -> {after:.4g}")
    return Chapter(title, () if said is None else said.codes, before, after)
