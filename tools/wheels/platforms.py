"""The tests of platforms that this machine is not, each in a folder that keeps what it builds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

NAMES = ("aarch64", "windows")


def test_platform(root: Path, name: str, folder: Path) -> list[str]:
    """Run the tests of a platform, by QEMU or wine, and return what is wrong.

    Parameters
    ----------
    root : pathlib.Path
        The repository.
    name : str
        One of `NAMES`.
    folder : pathlib.Path
        Where compilers, systems and builds are kept.
    """
    settings = {"SEGPOST_PLATFORMS": str(folder), "SEGPOST_REQUIRE_PLATFORMS": name}
    tests = root / "tests" / "platforms" / f"test_{name}.py"
    command = [sys.executable, "-m", "pytest", "-q", "-m", "platforms", str(tests)]
    done = subprocess.run(command, cwd=root, env=os.environ | settings, check=False)
    return [] if done.returncode == 0 else [f"{tests.name} failed"]
