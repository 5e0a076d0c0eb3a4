"""`import segpost` loads little and changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import segpost

HEAVY = ("importlib.metadata", "numba", "torch", "PIL", "matplotlib", "pandas", "multiprocessing")


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A new interpreter."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_import_loads_no_heavy_module() -> None:
    """Libraries that few calls need are imported by those calls."""
    result = run(f"import segpost, sys; print([n for n in {HEAVY} if n in sys.modules])")
    assert result.stdout.strip() == "[]", result.stderr


def test_import_registers_no_fork_handler() -> None:
    """Nothing is registered with the interpreter until a call needs it."""
    code = (
        "import os, numpy, random; seen = []; "
        "os.register_at_fork = lambda **k: seen.extend(k.values()); "
        "import segpost; own = lambda: sum('segpost' in f.__module__ for f in seen); "
        "print(own()); segpost.num_threads(); print(own())"
    )
    assert run(code).stdout.split() == ["0", "1"]


@pytest.mark.parametrize("call", ["segpost.num_threads()", "segpost.build_config()", "argmax()"])
@pytest.mark.parametrize("value", ["0", "many"])
def test_wrong_thread_counts_are_named_by_the_first_call(value: str, call: str) -> None:
    """A wrong variable stops the first call, not the import, and again the next one."""
    if call == "argmax()" and not segpost.build_config()["native"]:
        pytest.skip("no native code")
    code = (
        "import numpy, segpost\n"
        "def argmax(): segpost.argmax(numpy.zeros((2, 3, 3), 'f4'))\n"
        "for _ in range(2):\n"
        "    try:\n"
        f"        {call}\n"
        "    except ValueError as error:\n"
        "        print(error)\n"
    )
    result = run(code, SEGPOST_NUM_THREADS=value, SEGPOST_BACKEND="native")
    sentence = f"SEGPOST_NUM_THREADS must be an integer in 1..1024, got '{value}'"
    assert result.stdout.splitlines() == [sentence, sentence], result.stderr


def test_thread_count_from_the_environment() -> None:
    """The variable is the start value."""
    code = "import segpost; print(segpost.num_threads())"
    assert run(code, SEGPOST_NUM_THREADS="7").stdout.strip() == "7"
