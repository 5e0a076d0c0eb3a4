"""The corpus of small networks: honest runs get no finding, and failing runs their cause first."""

from __future__ import annotations

from itertools import islice

import pytest
from corpus_counts import (
    MAX_LIKELY,
    all_right_findings,
    all_verdicts,
    corpus_table,
    find_in_right_runs,
    judge_failures,
)
from corpus_failures import iter_failures
from corpus_right import iter_right_runs
from diagnosis_page import PAGE, table_on

MIN_NAMED = 0.9  # share of the failing runs whose cause comes first


def test_some_right_runs_get_no_finding() -> None:
    """A sixtieth of the right runs, spread over all networks, gets nothing above a hint."""
    found = find_in_right_runs(islice(iter_right_runs(), 0, None, 60))
    assert [(run.network, run.how, f.code) for run, f in found if f.rank != "hint"] == []


def test_some_failures_are_named_first() -> None:
    """One scene of every twelfth mistake has its cause first."""
    failures = [f._replace(scenes=f.scenes[:1]) for f in islice(iter_failures(), 0, None, 12)]
    assert [v.what for v in judge_failures(failures) if not v.is_named] == []


@pytest.mark.slow
def test_right_runs_get_no_finding() -> None:
    """No right run gets a certain finding, and at most two get a likely one."""
    runs, found = all_right_findings()
    assert runs >= 400
    ranks = [finding.rank for _, finding in found]
    assert ranks.count("certain") == 0
    assert ranks.count("likely") <= MAX_LIKELY


@pytest.mark.slow
def test_failures_are_named_first() -> None:
    """The cause comes first in nine of ten failing runs; a wrong one is rare."""
    verdicts = all_verdicts()
    assert sum(v.is_named for v in verdicts) >= MIN_NAMED * len(verdicts)
    assert sum(v.is_misnamed for v in verdicts) <= 0.02 * len(verdicts)


@pytest.mark.slow
def test_the_table_of_the_corpus_is_current() -> None:
    """docs/reference/diagnosis-rules.md shows how often each rule was right and wrong."""
    page = PAGE.read_text()
    assert table_on(page, "corpus") == corpus_table(), "run python tests/support/diagnosis_page.py"
