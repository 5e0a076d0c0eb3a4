"""How many places an addition touches, as docs/contributing says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from segpost._backends.operations import OPERATIONS

ROOT = Path(__file__).resolve().parents[2]
MAX_PLACES = 12


def places(name: str) -> set[str]:
    """The source files that name an operation, its job or its launcher."""
    camel = "".join(word.capitalize() for word in name.split("_"))
    pattern = re.compile(rf"\b(?:launch_)?{name}(?:_scratch)?\b|\b{camel}Job\b")
    return {
        str(path.relative_to(ROOT))
        for folder, suffixes in (("src", (".py", ".pyi")), ("csrc", (".hpp", ".cpp", ".def")))
        for path in (ROOT / folder).rglob("*")
        if path.suffix in suffixes and pattern.search(path.read_text())
    }


def test_an_operation_stands_in_few_places() -> None:
    """The operation of the recipe stands where the recipe says, and nowhere else."""
    found = places("add_resized")
    recipe = (ROOT / "docs/contributing/add-operation.md").read_text()
    named = set(re.findall(r"`((?:src|csrc)/[\w./]+)`", recipe.partition("## Rules")[0]))
    assert found <= named | {"src/segpost/labels/decoded.py"}, found - named
    assert len(named) <= MAX_PLACES


def test_operations_are_found() -> None:
    """The search sees what it counts."""
    assert "add_resized" in OPERATIONS
    assert "src/segpost/_core/contract.py" in places("add_resized")
    assert len(places("argmax")) > 5


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no repository")
def test_a_level_is_one_header_and_one_row() -> None:
    """A SIMD level is named by its header, its row, and nothing else in the native code."""
    listed = subprocess.run(
        ["git", "grep", "-lw", "neon", "--", "csrc"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(listed.stdout.split()) <= {"csrc/cmake/levels.cmake", "csrc/cpu/simd/neon.hpp"}
