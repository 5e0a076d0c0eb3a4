"""Sub-interpreters, such as those of mod_wsgi: an ImportError with the cure, no endless wait."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

PROGRAM = """
import importlib, sys
{before}
interpreters, kind = importlib.import_module(sys.argv[1]), sys.argv[2]
if sys.version_info >= (3, 13):
    inner = interpreters.create(kind)
else:
    inner = interpreters.create(isolated=kind == "isolated")
code = "import sys; sys.path[:] = %r\\ntry: {statement}\\nexcept ImportError as error: print(error)"
interpreters.run_string(inner, code % (sys.path,))
import numpy as np, segpost
print(segpost.argmax(np.zeros((3, 2, 2), "f4")).sum())
"""


def module_name() -> str:
    """The module of Python that makes sub-interpreters."""
    for name in ("_interpreters", "_xxsubinterpreters"):
        try:
            importlib.import_module(name)
        except ImportError:
            continue
        return name
    pytest.skip("this Python makes no sub-interpreters")


POOL = """
import sys, warnings
warnings.simplefilter("ignore")
from concurrent.futures import InterpreterPoolExecutor

def use(path):
    import sys
    sys.path[:] = path
    try:
        import segpost
    except ImportError as error:
        return str(error)

with InterpreterPoolExecutor(2) as pool:
    for text in pool.map(use, [sys.path] * 2):
        print(text)
"""


def test_interpreters_of_a_pool_are_refused() -> None:
    """Those of `concurrent.futures` have locks of their own."""
    futures = importlib.import_module("concurrent.futures")
    if not hasattr(futures, "InterpreterPoolExecutor"):
        pytest.skip("new in Python 3.14")
    done = subprocess.run(
        [sys.executable, "-c", POOL], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("segpost cannot be imported in a sub-int") for line in lines)


@pytest.mark.parametrize(
    ("before", "statement"),
    [
        ("", "from segpost import _cpu"),
        ("import numpy as np, segpost; segpost.argmax", "import segpost"),
    ],
)
@pytest.mark.parametrize("kind", ["isolated", "legacy"])
def test_a_subinterpreter_is_refused(before: str, statement: str, kind: str) -> None:
    """Whether or not the main interpreter has it, which can use it afterwards.

    An isolated one has a lock of its own from Python 3.12 on.
    """
    program = PROGRAM.format(before=before, statement=statement)
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, module_name(), kind],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    error, labels = result.stdout.splitlines()
    assert error.startswith("segpost cannot be imported in a sub-interpreter")
    assert "WSGIApplicationGroup %{GLOBAL}" in error
    assert labels == "0"
