"""What `segpost.diagnose` finds in failures and right runs: each is examined once."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import pytest
from clean_runs import right
from diagnosis_files import DATA, made_of_files, right_of_files
from diagnosis_scenes import Failure, Run
from injected_faults import made

import segpost
from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.registry import TABLE
from segpost.diagnosis.rule import Rule

FAILURES = made()
RIGHT = right()
FAILURES_OF_FILES = made_of_files(DATA) if DATA.is_dir() else []
RIGHT_OF_FILES = right_of_files(DATA) if DATA.is_dir() else []


class Examined(NamedTuple):
    """The diagnosis of a run, and the codes of the rules that were applied."""

    diagnosis: segpost.Diagnosis
    checked: frozenset[str]


@cache
def examined(run: Failure | Run) -> Examined:
    """The diagnosis of a run; every call after the first is free."""
    checked = set()

    def recorded(code: str, entry: Rule) -> Rule:
        def check(context: DiagnosticContext) -> Any:
            checked.add(code)
            return entry.check(context)

        return entry._replace(check=check)

    with pytest.MonkeyPatch.context() as patch:
        for code, entry in list(TABLE.items()):
            patch.setitem(TABLE, code, recorded(code, entry))
        diagnosis = segpost.diagnose(**run.make())
    return Examined(diagnosis, frozenset(checked))
