"""The source distribution, and the pure wheel that is made of it: a part of every other wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path


class CommandFailed(Exception):
    """A program ended with an error; the text has the end of what it printed."""


def run(
    *command: str | Path, folder: Path | None = None, variables: Mapping[str, str] | None = None
) -> str:
    """Run a program and return what it prints.

    Raises
    ------
    CommandFailed
        If it ends with an error, or is not there.
    """
    words = [str(word) for word in command]
    environment = {**os.environ, **(variables or {})}
    try:
        done = subprocess.run(
            words, cwd=folder, capture_output=True, text=True, check=False, env=environment
        )
    except OSError as error:
        raise CommandFailed(f"$ {' '.join(words)}\n{error}") from error
    if done.returncode != 0:
        output = done.stdout + done.stderr
        raise CommandFailed(f"$ {' '.join(words)}\n{output[-4000:]}")
    return done.stdout


def find_epoch(root: Path) -> str:
    """Return the time of every file of a build: SOURCE_DATE_EPOCH, or that of the last commit."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return epoch or run("git", "log", "-1", "--format=%ct", folder=root).strip()


def call_backend(hook: str, folder: Path, source: Path, variables: Mapping[str, str]) -> Path:
    """Call a hook of the build backend, which is installed here, and return what it has made."""
    settings = (
        '{"wheel.py-api": "py3", "wheel.platlib": "false"}' if hook == "build_wheel" else "{}"
    )
    code = (
        "import scikit_build_core.build as backend; "
        f"print(backend.{hook}({str(folder.resolve())!r}, {settings}))"
    )
    output = run(sys.executable, "-c", code, folder=source, variables=variables)
    return folder / output.split()[-1]


def copy_tracked(root: Path, folder: Path) -> None:
    """Copy the files of a repository that git tracks, as they are now, into a new folder."""
    names = run("git", "ls-files", "-z", folder=root).split("\0")
    for name in filter(None, names):
        if (root / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, folder / name)


def build_sdist(root: Path, folder: Path, epoch: str) -> Path:
    """Build the source distribution of a repository: of what git tracks, and nothing beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as tracked:
        copy_tracked(root, Path(tracked))
        return call_backend("build_sdist", folder, Path(tracked), {"SOURCE_DATE_EPOCH": epoch})


def unpack_sdist(sdist: Path, folder: Path) -> Path:
    """Unpack a source distribution into a new folder and return the root of its sources."""
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    return source


def build_pure_wheel(source: Path, folder: Path, epoch: str) -> Path:
    """Build the wheel without native code."""
    folder.mkdir(parents=True, exist_ok=True)
    without = {"SEGPOST_NATIVE": "OFF", "SEGPOST_REQUIRE_NATIVE": "OFF"}
    variables = {"SOURCE_DATE_EPOCH": epoch, **without}
    return call_backend("build_wheel", folder, source, variables)
