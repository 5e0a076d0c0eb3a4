"""A function is a verb and a value a noun: no participle stands alone as the name of either."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# As values; `left`, `shown` or `compared` are nouns, adjectives or sides in other places.
VALUES = {"found", "given", "kept", "known", "made", "said", "told"}
FUNCTIONS = VALUES | {  # and classes
    *("changed", "computed", "counted", "drawn", "enlarged", "examined", "joined", "listed"),
    *("loaded", "merged", "moved", "named", "normalized", "opened", "packed", "padded"),
    *("quantized", "resized", "saved", "shared", "shown", "stretched", "taken", "written"),
}
PUBLIC = {  # names that users call
    "src/segpost/color/palette.py: named",
    "src/segpost/color/palette.py: packed",
    "src/segpost/metrics/values.py: normalized",
    "src/segpost/runtimes/convention.py: named",
}


def iter_functions(tree: ast.AST) -> Iterator[str]:
    """Yield the names of functions and classes that are participles; properties are values."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            is_value = any("property" in ast.unparse(d) for d in node.decorator_list)
            if node.name.strip("_").lower() in FUNCTIONS and not is_value:
                yield node.name


def iter_values(tree: ast.AST) -> Iterator[str]:
    """Yield the names of properties, parameters and variables that are participles."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            name = node.name
        elif isinstance(node, ast.arg):
            name = node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name = node.id
        else:
            continue
        if name.strip("_").lower() in VALUES:
            yield name


@cache
def parse(path: Path) -> ast.Module:
    """Return the tree of a file, which is parsed once."""
    return ast.parse(path.read_text(encoding="utf-8"))


def find_names(folder: str, iterate: Callable[[ast.AST], Iterator[str]]) -> set[str]:
    """Return the names in the Python files of a folder, each with its file."""
    return {
        f"{path.relative_to(ROOT).as_posix()}: {name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name in iterate(parse(path))
    }


@pytest.mark.parametrize("folder", ["src", "tests/support"])
def test_no_function_is_a_participle(folder: str) -> None:
    """What users call stays."""
    public = {name for name in PUBLIC if name.startswith(f"{folder}/")}
    assert find_names(folder, iter_functions) == public


def test_no_value_of_the_package_is_a_participle() -> None:
    """Parameters, variables and properties."""
    assert find_names("src", iter_values) == set()


def test_participles_are_seen_wherever_names_are_made() -> None:
    """Functions, classes, parameters, assignments, loops and properties; no other words."""
    code = (
        "class Shared:\n"
        "    @property\n"
        "    def known(self): ...\n"
        "    @property\n"
        "    def merged(self): ...\n"
        "def _joined(given, *, wanted):\n"
        "    found: int = 1\n"
        "    for told in given: kept, left = told\n"
        "    return found, self.made\n"
    )
    tree = ast.parse(code)
    assert sorted(iter_functions(tree)) == ["Shared", "_joined"]
    assert sorted(iter_values(tree)) == ["found", "given", "kept", "known", "told"]
