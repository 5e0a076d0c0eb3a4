"""What `segpost.diagnose` finds in the right and failing runs of the corpus, counted by rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from corpus_failures import iter_failures
from corpus_failures.failure import CorpusFailure
from corpus_right import CorpusRun, iter_right_runs

import segpost
from segpost.diagnosis.registry import TABLE
from segpost.render.findings import RANKS

MAX_LIKELY = 2  # findings in all right runs of a set


class Verdict(NamedTuple):
    """A failing run of one scene: what was found, and whether that is right."""

    what: str
    scene: int
    codes: tuple[str, ...]
    findings: tuple[segpost.Finding, ...]

    @property
    def is_named(self) -> bool:
        """Return whether the cause is the first finding, or silence where that is right."""
        is_silent = all(finding.rank == "hint" for finding in self.findings)
        if is_silent and (not self.codes or "" in self.codes):
            return True
        return bool(self.findings) and self.findings[0].code in self.codes

    @property
    def is_misnamed(self) -> bool:
        """Return whether another cause comes first, and more than as a hint."""
        return not self.is_named and bool(self.findings) and self.findings[0].rank != "hint"


def judge_failures(failures: Iterable[CorpusFailure]) -> list[Verdict]:
    """Return the verdicts on failing runs."""
    verdicts = []
    for failure in failures:
        for scene in failure.scenes:
            arguments = {name: value for name, value in failure.make(scene).items()
                     if value is not None}  # fmt: skip
            findings = segpost.diagnose(**arguments).findings
            verdicts.append(Verdict(failure.what, scene, failure.codes, findings))
    return verdicts


def find_in_right_runs(runs: Iterable[CorpusRun]) -> list[tuple[CorpusRun, segpost.Finding]]:
    """Return the findings in right runs: each is wrong, or a hint."""
    return [(run, finding) for run in runs
            for finding in segpost.diagnose(**run.arguments).findings]  # fmt: skip


def assert_silent(runs: Iterable[CorpusRun], least: int) -> None:
    """Assert that right runs, of which there are enough, have nothing certain and little likely."""
    runs = list(runs)
    findings = find_in_right_runs(runs)
    ranks = Counter(finding.rank for _, finding in findings)
    serious = [(run.network, run.how, f.code, f.rank) for run, f in findings if f.rank != "hint"]
    assert len(runs) >= least
    assert not ranks["certain"], serious
    assert ranks["likely"] <= MAX_LIKELY, serious


@cache
def all_verdicts() -> list[Verdict]:
    """Return the verdicts on every failing run."""
    return judge_failures(iter_failures())


@cache
def all_right_findings() -> tuple[int, list[tuple[CorpusRun, segpost.Finding]]]:
    """Return the number of right runs, and what was found in them."""
    runs = list(iter_right_runs())
    return len(runs), find_in_right_runs(runs)


def corpus_table() -> str:
    """Return for every rule how often it was right and wrong in the corpus, as Markdown."""
    verdicts, (runs, findings) = all_verdicts(), all_right_findings()
    right: Counter[tuple[str, str]] = Counter()
    beside: Counter[tuple[str, str]] = Counter()
    wrong: Counter[tuple[str, str]] = Counter(
        (finding.code, finding.rank) for _, finding in findings
    )
    for verdict in verdicts:
        for finding in verdict.findings:
            is_right = finding.code in verdict.codes
            (right if is_right else beside)[finding.code, finding.rank] += 1
    lines = ["| code | right: certain, likely, hint | with another cause: certain, likely, hint "
             "| in right runs: certain, likely, hint |", "|---|---|---|---|"]  # fmt: skip
    for code in TABLE:
        counts = [[table[code, rank] for rank in RANKS] for table in (right, beside, wrong)]
        if any(map(any, counts)):
            cells = " | ".join(", ".join(map(str, row)) if any(row) else "" for row in counts)
            lines.append(f"| `{code}` | {cells} |")
    named = sum(verdict.is_named for verdict in verdicts)
    misnamed = sum(verdict.is_misnamed for verdict in verdicts)
    false = Counter(finding.rank for _, finding in findings)
    lines += [
        "",
        f"Failing runs: {len(verdicts)} of {len({v.what for v in verdicts})} mistakes. The cause "
        f"comes first, or nothing is said where the arrays do not show it, in {named} "
        f"({named / len(verdicts):.1%}); another cause comes first in {misnamed}. "
        f"Right runs: {runs}, with {false['certain']} certain and {false['likely']} likely "
        f"findings and {false['hint']} hints.",
    ]
    return "\n".join(lines)
