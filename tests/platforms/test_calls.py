"""The calls that other platforms are tested with, on this one: the reference says the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from capi_results import LEVELS, Here, run_here

from tools.wheels.wine import build_unloader

pytestmark = pytest.mark.platforms


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Here:
    """The cases, and their results on this platform."""
    return run_here(tmp_path_factory.mktemp("here"))


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("level", LEVELS)
def test_calls_give_what_the_reference_says(here: Here, level: str, threads: int) -> None:
    """Status, message and every integer; inputs are unchanged."""
    results = here.results(level, threads)
    assert results.library[3:] == LEVELS
    assert results.reports[:2] == [
        f"use_level 0 {len(LEVELS)} 0 ",
        f"set_num_threads 0 {threads} 0 ",
    ]
    for case, report in zip(here.cases, results.reports[2:], strict=True):
        _, status, _, _, message = report.split(" ", 4)
        assert (int(status), case.name) == (case.status, case.name), message
        assert message.startswith(case.message)
        for number, wanted in case.wanted.items():
            name = case.outputs[number]
            made = np.frombuffer(results.files[name], here.calls.dtypes[name])
            np.testing.assert_array_equal(made, wanted.ravel(), case.name)
    outputs = {name for case in here.cases for name in case.outputs}
    for name in results.files.keys() - outputs:
        assert results.files[name] == (here.calls.folder / name).read_bytes(), name


@pytest.mark.parametrize("level", LEVELS)
def test_threads_change_nothing(here: Here, level: str) -> None:
    """One thread and four write the same bytes."""
    one, four = here.results(level, 1), here.results(level, 4)
    assert one.reports[2:] == four.reports[2:]
    assert [name for name in one.files if one.files[name] != four.files[name]] == []


@pytest.mark.skipif(sys.platform != "linux", reason="the name of the library")
def test_threads_survive_that_the_library_is_unloaded(here: Here, tmp_path: Path) -> None:
    """A program that loads it again and again ends well."""
    build_unloader(here.library, "cc", tmp_path / "unload", "-ldl")
    command = [tmp_path / "unload", here.library / "lib" / "libsegpost.so"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "unloaded 10 times"), done.stderr
