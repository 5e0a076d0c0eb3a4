"""A wheel in a new environment, where pip installs it and the tests of cibuildwheel pass."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import tomllib
from packaging.utils import parse_wheel_filename

from .headers import list_programs
from .pythons import PYTHONS, Python
from .sources import run


def find_interpreter(python: Python) -> str | None:
    """Return a Python of this machine that has a global lock, or not, as is asked for."""
    ask = "import sys, sysconfig; print(bool(sysconfig.get_config_var('Py_GIL_DISABLED')))"
    for program in list_programs(python):
        command = [program, "-c", ask]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.strip() == str(python.is_free_threaded):
            return program
    return None


def create_environment(program: str, wheel: Path, folder: Path, others: Sequence[str]) -> Path:
    """Create an environment with a wheel and other packages, and return its Python."""
    run(program, "-m", "venv", "--clear", folder)
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel, *others)
    return python


def test_wheel(root: Path, wheel: Path, program: str, folder: Path) -> str:
    """Run the tests of [tool.cibuildwheel] on an installed wheel.

    Parameters
    ----------
    root : pathlib.Path
        The repository, which has the tests.
    wheel : pathlib.Path
        The wheel.
    program : str
        The Python that it is installed for.
    folder : pathlib.Path
        Where the environment and the tests are put.

    Returns
    -------
    str
        What `segpost info` and the tests print.
    """
    with (root / "pyproject.toml").open("rb") as file:
        settings = tomllib.load(file)["tool"]["cibuildwheel"]
    python = create_environment(program, wheel, folder / "environment", settings["test-requires"])
    tests = folder / "tests"
    shutil.rmtree(tests, ignore_errors=True)
    for name in settings["test-sources"]:
        source = root / name
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, mkdirs(tests) / name)
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    variables = {"PATH": path, "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"}
    return "".join(
        run("bash", "-euc", command, folder=tests, variables=variables)
        for command in settings["test-command"]
    )


def mkdirs(folder: Path) -> Path:
    """Return a folder, which is created where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def list_runnable(wheels: Sequence[Path]) -> list[tuple[Path, str]]:
    """Return the wheels that a Python of this machine can run, each with the Python."""
    platform = f"linux_{os.uname().machine}"
    runnable = []
    for wheel in wheels:
        tags = parse_wheel_filename(wheel.name)[3]
        for python in PYTHONS:
            program = find_interpreter(python)
            if program and any(
                tag.abi == python.abi and tag.platform.endswith(platform.partition("_")[2])
                and tag.platform.startswith("manylinux")
                for tag in tags
            ):  # fmt: skip
                runnable.append((wheel, program))
    return runnable
