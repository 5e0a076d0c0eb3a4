"""What a wheel must be before anybody installs it: tags, size, and what is in its binaries."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import lief
from packaging.utils import parse_wheel_filename
from wheel.wheelfile import WheelFile

from .packing import is_binary
from .pythons import PYTHONS, Python
from .sources import run
from .targets import TARGETS, Target

lief.logging.disable()  # it says of every binary for macOS that a part is empty
MOST_BYTES = 4_000_000  # of a wheel
# What the library shows: its functions in C, and those of its namespace that the module calls.
C_API = r"segpost_\w+"
OWN = r"_ZN?K?7segpost\w+|_ZT[VISn]N?7segpost\w+"
# What every library in C++ shows: types by which exceptions are caught; and on macOS a header, and
# the functions that a program may replace.
COMMON = r"_ZT[ISV]\w+|_mh_dylib_header|__dso_handle|_Z(nw|na|dl|da)\w+"
LIBRARY = re.compile(rf"_?({C_API}|{OWN}|{COMMON})")
OPERATORS = re.compile(rf"_?(RegisterCustomOps|{COMMON})")
MODULE = re.compile(rf"_?(PyInit__cpu|{OWN}|_ZNK?8pybind11\w+|{COMMON})")


def find_platform(wheel: Path) -> tuple[Python, Target] | None:
    """Return what a wheel is for, or None of a wheel for every platform."""
    _, _, _, tags = parse_wheel_filename(wheel.name)
    for target in TARGETS:
        for python in PYTHONS:
            if any((tag.abi, tag.platform) == (python.abi, target.platforms[0]) for tag in tags):
                return python, target
    return None


def read_binaries(wheel: Path) -> dict[str, bytes]:
    """Return the modules and libraries in a wheel, by name."""
    with ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if is_binary(Path(name))}


def check_record(wheel: Path) -> Iterator[str]:
    """Iterate over what is wrong with the hashes of the files of a wheel."""
    with WheelFile(wheel) as archive:
        try:
            archive.testzip()
        except Exception as error:
            yield f"RECORD: {error}"


def check_size(wheel: Path) -> Iterator[str]:
    """Iterate over one problem, of a wheel that is too large."""
    size = wheel.stat().st_size
    if size > MOST_BYTES:
        yield f"it has {size} bytes, and the limit is {MOST_BYTES}"


def list_names(python: Python, target: Target) -> list[str]:
    """Return the names of the module, of the library, and of the operators of runtimes."""
    folder = "segpost/lib"
    module = f"segpost/_cpu{python.module_suffix(target)}"
    return [module, f"{folder}/{target.library}", f"{folder}/{target.operators}"]


def check_names(binaries: dict[str, bytes], python: Python, target: Target) -> Iterator[str]:
    """Iterate over binaries that are missing, or too many."""
    wanted = set(list_names(python, target))
    for name in sorted(wanted ^ set(binaries)):
        yield f"{name} is {'missing' if name in wanted else 'not expected'}"


def check_paths(binaries: dict[str, bytes], folders: Sequence[Path]) -> Iterator[str]:
    """Iterate over the folders of this machine that a binary names."""
    for name, content in binaries.items():
        for folder in folders:
            if str(folder).encode() in content:
                yield f"{name} names {folder}"


def list_exports(binary: Any) -> set[str]:
    """Return the names that a binary shows to others."""
    return {str(symbol.name) for symbol in binary.exported_symbols}


def list_imports(binary: Any) -> set[str]:
    """Return the names that a binary takes from others."""
    return {str(symbol.name) for symbol in binary.imported_symbols}


def check_exports(module: Any, library: Any) -> Iterator[str]:
    """Iterate over names that nobody needs, and those of the library that the module misses."""
    shown, taken = list_exports(library), list_imports(module)
    for name in sorted(shown):
        if not LIBRARY.fullmatch(name):
            yield f"the library shows {name}"
    for name in sorted(list_exports(module)):
        if not MODULE.fullmatch(name):
            yield f"the module shows {name}"
    for name in sorted(taken - shown):
        if re.fullmatch(rf"_?({C_API}|{OWN})", name):
            yield f"the library does not have {name}"


def check_search(module: Any, library: Any, target: Target) -> Iterator[str]:
    """Iterate over what is wrong with the way in which the module finds the library."""
    if target.system == "Linux":
        paths, more = list_runpaths(module), list_runpaths(library)
        if paths != ["$ORIGIN/lib"] or more:
            yield f"libraries are sought in {paths + more}"
        return
    paths = [str(rpath.path) for rpath in module.rpaths]
    if paths != ["@loader_path/lib"]:
        yield f"libraries are sought in {paths}"
    wanted = f"@rpath/{target.library}"
    (_, *taken), (own, *others) = (
        [str(command.name) for command in binary.libraries] for binary in (module, library)
    )
    if own != wanted:
        yield f"the library's own name is {own}"
    for name in taken + others:
        if not name.startswith("/usr/lib/") and name != wanted:
            yield f"it needs {name}"


def check_operators(operators: Any, target: Target) -> Iterator[str]:
    """Iterate over what is wrong with the library of operators, which finds the other beside it."""
    for name in sorted(list_exports(operators)):
        if not OPERATORS.fullmatch(name):
            yield f"the operators show {name}"
    if target.system == "Linux" and list_runpaths(operators) != ["$ORIGIN"]:
        yield f"the operators seek libraries in {list_runpaths(operators)}"


def list_runpaths(binary: Any) -> list[str]:
    """Return where a binary of Linux looks for libraries."""
    kinds = lief.ELF.DynamicEntryRunPath, lief.ELF.DynamicEntryRpath
    entries = [entry for entry in binary.dynamic_entries if isinstance(entry, kinds)]
    return [path for entry in entries for path in entry.paths]


def check_policy(wheel: Path, target: Target) -> Iterator[str]:
    """Iterate over one problem, of a wheel of Linux that needs newer systems than its tag says."""
    if target.system != "Linux":
        return
    text = re.sub(r"\s+", " ", run(sys.executable, "-m", "auditwheel", "show", wheel))
    match = re.search(r'platform tag: "(\w+)"', text)
    if match is None or match[1] not in target.platforms:
        yield f"auditwheel: {text.strip()}"


def audit_wheel(wheel: Path, folders: Sequence[Path]) -> list[str]:
    """Return what is wrong with a wheel.

    Parameters
    ----------
    wheel : pathlib.Path
        A wheel for a platform, or for every platform.
    folders : sequence of pathlib.Path
        Folders of this machine that no binary may name.
    """
    problems = [*check_record(wheel), *check_size(wheel)]
    binaries = read_binaries(wheel)
    platform = find_platform(wheel)
    if platform is None:
        return problems + [f"{name} is in a wheel for every platform" for name in binaries]
    python, target = platform
    problems += [*check_names(binaries, python, target), *check_paths(binaries, folders)]
    if not problems:
        names = list_names(python, target)
        module, library, operators = (lief.parse(list(binaries[name])) for name in names)
        problems += check_exports(module, library)
        problems += check_search(module, library, target)
        problems += check_operators(operators, target)
    return problems + list(check_policy(wheel, target))


def audit_all(files: Sequence[Path], folders: Sequence[Path]) -> list[str]:
    """Return what is wrong with source distributions and wheels, by name."""
    problems = []
    wheels = [file for file in files if file.suffix == ".whl"]
    run(sys.executable, "-m", "twine", "check", "--strict", *files)
    run(sys.executable, "-m", "check_wheel_contents", *wheels)
    for wheel in wheels:
        problems += [f"{wheel.name}: {problem}" for problem in audit_wheel(wheel, folders)]
    return problems
