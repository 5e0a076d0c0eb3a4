"""Sub-interpreters, such as those of mod_wsgi: an ImportError with the cure, no endless wait."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

PROGRAM = """
import importlib, sys
{before}
interpreters = importlib.import_module(sys.argv[1])
inner = interpreters.create()
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


@pytest.mark.parametrize(
    ("before", "statement"),
    [
        ("", "from segpost import _cpu"),
        ("import numpy as np, segpost; segpost.argmax", "import segpost"),
    ],
)
def test_a_subinterpreter_is_refused(before: str, statement: str) -> None:
    """Whether or not the main interpreter has it, which can use it afterwards."""
    program = PROGRAM.format(before=before, statement=statement)
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, module_name()],
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
