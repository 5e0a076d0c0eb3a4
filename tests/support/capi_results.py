"""The cases of the C interface, and what the library of this platform makes of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from capi_calls import Calls, Results, read_results, write_settings
from capi_cases import Case, add_all
from capi_table import print_folder
from conftest import NATIVE

from tools.wheels.wine import build_program

LEVELS = [name.removeprefix("native-") for name in NATIVE]


class Here(NamedTuple):
    """The cases, and their results on this platform by SIMD level and number of threads."""

    library: Path  # the folder of the package
    calls: Calls
    cases: list[Case]
    results: Callable[[str, int], Results]


def run_here(folder: Path) -> Here:
    """Return results of the library that is installed here; its program is built in a folder."""
    if not NATIVE:
        pytest.skip("no native backend")
    compilers = shutil.which("cc"), shutil.which("c++")
    if compilers[0] is None or compilers[1] is None:
        pytest.skip("there is no C++ compiler")
    library = Path(print_folder("--libdir")).parent
    build_program(library, (compilers[0], compilers[1]), folder / "capi_calls")
    calls = Calls(folder / "calls")
    cases = add_all(calls)
    variables = {**os.environ, "LD_LIBRARY_PATH": str(library / "lib")}

    @cache
    def results(level: str, threads: int) -> Results:
        command = [str(folder / "capi_calls"), write_settings(calls, level, threads), "reports.txt"]
        done = subprocess.run(
            command, cwd=calls.folder, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return read_results(calls)

    return Here(library, calls, cases, results)
