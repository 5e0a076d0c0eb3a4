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
from segpost.diagnosis.rules import TABLE, Case, Symptom

FAILURES = made()
RIGHT = right()
FAILURES_OF_FILES = made_of_files(DATA) if DATA.is_dir() else []
RIGHT_OF_FILES = right_of_files(DATA) if DATA.is_dir() else []


class Examined(NamedTuple):
    """The diagnosis of a run, and the codes of the symptoms that were looked for."""

    diagnosis: segpost.Diagnosis
    checked: frozenset[str]


@cache
def examined(run: Failure | Run) -> Examined:
    """What is found in a run."""
    checked = set()

    def recorded(code: str, entry: Symptom) -> Symptom:
        def check(case: Case) -> Any:
            checked.add(code)
            return entry.check(case)

        return entry._replace(check=check)

    with pytest.MonkeyPatch.context() as patch:
        for code, entry in list(TABLE.items()):
            patch.setitem(TABLE, code, recorded(code, entry))
        diagnosis = segpost.diagnose(**run.make())
    return Examined(diagnosis, frozenset(checked))
