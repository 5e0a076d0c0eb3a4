"""The packages of segpost lie in layers, and imports go down only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import segpost

SOURCE = Path(__file__).resolve().parents[2] / "src"
LAYERS = (
    ("_core",),
    ("_backends",),
    ("render", "files"),
    ("color", "spatial", "crf"),
    ("labels",),
    ("objects", "runtimes"),
    ("pipeline", "metrics"),
    ("evaluation", "checkpoints", "fingerprints"),
    ("diagnosis",),
    ("torch", "torchmetrics", "compat", "typing"),
    ("cli",),
)
LAYER = {package: level for level, packages in enumerate(LAYERS) for package in packages}
PUBLIC_NAMES = 8.5  # segpost/__init__.py stands above diagnosis and below the adapters
OPEN = {"_core", "_backends", "_cpu", "_cuda"}  # private to the project, not to a package
COMPILED = {"segpost._cpu", "segpost._cuda"}


class Import(NamedTuple):
    """One module that another imports, at any depth of its code."""

    source: str
    target: str
    line: int

    def __str__(self) -> str:
        return f"{self.source}:{self.line} imports {self.target}"


def modules(source: Path = SOURCE) -> dict[str, Path]:
    """Every module of segpost by its dotted name."""
    found = {}
    for path in sorted((source / "segpost").rglob("*.py")):
        name = ".".join(path.relative_to(source).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def imports(name: str, path: Path, known: dict[str, Path]) -> Iterator[Import]:
    """Every import of a module, those in functions and for type checkers included."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == "segpost":
                    yield Import(name, alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *([base] if base else [])])
            if base.partition(".")[0] != "segpost":
                continue
            for alias in node.names:
                full = f"{base}.{alias.name}"
                is_module = full in known or full in COMPILED
                yield Import(name, full if is_module else base, node.lineno)


def package_of(name: str) -> str:
    """The package directly below segpost, or an empty string for segpost itself."""
    return name.partition(".")[2].partition(".")[0]


def level_of(name: str) -> float:
    """The layer of a module."""
    special = {"segpost": PUBLIC_NAMES, "segpost._moved": -1, "segpost.__main__": len(LAYERS)}
    return special[name] if name in special else LAYER[package_of(name)]


def all_imports() -> list[Import]:
    """Every import between modules of segpost."""
    known = modules()
    return [found for name, path in known.items() for found in imports(name, path, known)]


def test_imports_go_down() -> None:
    """No module imports a higher layer, or a sibling of its own layer."""
    wrong = []
    for found in all_imports():
        if found.target in COMPILED or found.source == found.target:
            continue
        same = package_of(found.source) == package_of(found.target)
        if not same and level_of(found.target) >= level_of(found.source):
            wrong.append(str(found))
    assert not wrong, "\n".join(wrong)


def test_there_are_no_circles() -> None:
    """No module reaches itself through its imports."""
    known = modules()
    targets: dict[str, set[str]] = {name: set() for name in known}
    for found in all_imports():
        if found.target in known and found.source != found.target:
            targets[found.source].add(found.target)
    circles = [sorted(group) for group in components(targets) if len(group) > 1]
    assert not circles, "\n".join(", ".join(group) for group in circles)


def components(targets: dict[str, set[str]]) -> Iterator[set[str]]:
    """Groups of modules that reach each other (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[set[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in targets[name]:
            if target not in index:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], index[target])
        if low[name] == index[name]:
            at = stack.index(name)
            groups.append(set(stack[at:]))
            del stack[at:]

    for name in targets:
        if name not in index:
            visit(name)
    yield from groups


def test_private_modules_are_used_inside_their_package() -> None:
    """A module that starts with an underscore is imported by its own package only."""
    wrong = []
    for found in all_imports():
        package = package_of(found.target)
        private = [part for part in found.target.split(".")[2:] if part.startswith("_")]
        if private and package not in OPEN and package != package_of(found.source):
            wrong.append(str(found))
    assert not wrong, "\n".join(wrong)


def test_every_package_has_a_layer() -> None:
    """A new package takes its place in the table above."""
    packages = {package_of(name) for name in modules()} - {"", "__main__", "_moved"}
    assert packages <= LAYER.keys()


def test_type_checking_imports_are_of_other_libraries() -> None:
    """An import for type checkers alone would hide a circle.

    `segpost/__init__.py` has its public names so, which it imports when they are first used.
    """
    wrong = []
    for name, path in modules().items():
        if name == "segpost":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
                wrong += [
                    f"{name}:{inner.lineno}"
                    for inner in ast.walk(node)
                    if isinstance(inner, ast.ImportFrom)
                    and (inner.module or "").startswith("segpost")
                ]
    assert not wrong


def test_dir_shows_public_names() -> None:
    """`dir(segpost)` has the public names and the packages of subjects, no other module."""
    subjects = {package for package in LAYER if not package.startswith("_")}
    shown = {name for name in dir(segpost) if not name.startswith("__")}
    assert set(segpost.__all__) <= shown
    assert shown - set(segpost.__all__) <= subjects


def test_no_module_is_hidden_by_a_function() -> None:
    """A module and a function of one package never share a name."""
    known = modules()
    hidden = []
    for name in known:
        parent, _, last = name.rpartition(".")
        if parent in known:
            tree = ast.parse(known[parent].read_text())
            names = {
                alias.asname or alias.name
                for statement in tree.body
                for node in (statement.body if isinstance(statement, ast.If) else [statement])
                if isinstance(node, ast.ImportFrom) and node.module != parent
                for alias in node.names
            }
            names |= {n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
            if last in names:
                hidden.append(name)
    assert not hidden
