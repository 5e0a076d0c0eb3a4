"""The package without its native code, in a folder of its own, and Python that runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import segpost


def link_package(folder: Path) -> Path:
    """Make a folder of links to the package without its compiled modules, and return it."""
    package = folder / "segpost"
    package.mkdir()
    for source in segpost.__path__:
        for path in Path(source).iterdir():
            if path.suffix not in (".so", ".txt") and not (package / path.name).exists():
                (package / path.name).symlink_to(path)
    return package


def run_python(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Python in a new process, with the package in a folder."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SEGPOST_", "PYTHONW"))}
    return subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        check=False,
        env={**environment, "PYTHONPATH": str(folder)},
    )
