"""A file has one thought: no source file of the repository is longer than the rule allows."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_LINES = 400  # as CONTRIBUTING.md says
CODE = {
    *(".py", ".pyi", ".pyx", ".pxd", ".sh"),
    *(".cpp", ".hpp", ".cu", ".cuh", ".c", ".h", ".def"),
    *(".cmake", ".in", ".css", ".js", ".mjs", ".ts", ".yml", ".yaml", ".toml"),
}
NAMES = {"CMakeLists.txt", "run"}  # code without a suffix of its own

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no repository")


def list_sources() -> list[Path]:
    """Return the source files that git tracks and that are there."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = [ROOT / name for name in listing.stdout.split("\0") if name]
    return [
        path for path in paths if (path.suffix in CODE or path.name in NAMES) and path.is_file()
    ]


def test_source_files_are_short() -> None:
    """Each file with more lines is named, with their number."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in list_sources()
    }
    too_long = {name: length for name, length in lengths.items() if length > MAX_LINES}
    assert not too_long, f"split these files by thought, at most {MAX_LINES} lines: {too_long}"


def test_sources_of_every_language_are_counted() -> None:
    """The search sees Python, C++, CUDA, Cython, CMake, CSS and the scripts."""
    names = {str(path.relative_to(ROOT)) for path in list_sources()}
    assert {
        "src/segpost/__init__.py",
        "tests/codebase/test_file_lengths.py",
        "csrc/bindings/jobs.hpp",
        "csrc/cpu/labels/softmax.simd.cpp",
        "csrc/cuda/labels/softmax.cu",
        "benches/baselines/loop.pyx",
        "csrc/cmake/levels.cmake",
        "CMakeLists.txt",
        ".ci/run",
    } <= names
    assert any(name.endswith(".css") for name in names)
    assert len(names) > 1000


def test_the_rule_says_the_same() -> None:
    """CONTRIBUTING.md has the number of lines that is tested."""
    assert f"at most {MAX_LINES} lines" in (ROOT / "CONTRIBUTING.md").read_text()
