"""Python code in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def run_code(code: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run code, after other code that needs no dedent, in a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", before + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
    )
