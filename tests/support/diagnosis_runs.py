"""What `segpost.diagnose` finds in failures and right runs: each is examined once."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import pytest
from clean_runs import list_clean_runs
from diagnosis_files import DATA, list_clean_runs_of_files, list_faults_of_files
from diagnosis_scenes import Failure, Run
from injected_faults import list_faults

import segpost
from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.registry import TABLE
from segpost.diagnosis.rule import Rule

FAILURES = list_faults()
RIGHT = list_clean_runs()
FAILURES_OF_FILES = list_faults_of_files(DATA) if DATA.is_dir() else []
RIGHT_OF_FILES = list_clean_runs_of_files(DATA) if DATA.is_dir() else []


class Examination(NamedTuple):
    """The diagnosis of a run, and the codes of the rules that were applied."""

    diagnosis: segpost.Diagnosis
    checked: frozenset[str]


@cache
def examine(run: Failure | Run) -> Examination:
    """The diagnosis of a run; every call after the first is free."""
    checked = set()

    def record(code: str, entry: Rule) -> Rule:
        def check(context: DiagnosticContext) -> Any:
            checked.add(code)
            return entry.check(context)

        return entry._replace(check=check)

    with pytest.MonkeyPatch.context() as patch:
        for code, entry in list(TABLE.items()):
            patch.setitem(TABLE, code, record(code, entry))
        diagnosis = segpost.diagnose(**run.make())
    return Examination(diagnosis, frozenset(checked))
