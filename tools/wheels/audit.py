"""What a wheel must be before anybody installs it: tags, size, and what is in its binaries."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from zipfile import ZipFile

import lief
from packaging.utils import parse_wheel_filename
from wheel.wheelfile import WheelFile

from .packing import is_binary
from .pythons import PYTHONS, Python
from .sources import run
from .targets import TARGETS, Target

MOST_BYTES = 4_000_000  # of a wheel
# What the library shows: its functions in C, and those in C++ that the module calls, which begin so
# in the names of every compiler.
C_API = re.compile(r"_?segpost_\w+")
OWN = re.compile(r"_?_ZN?K?7segpost|_?_ZT[VISn]N?7segpost")
# The functions that a C++ program may replace are visible in every library that has them.
REPLACEABLE = re.compile(r"_?_Z(nw|na|dl|da)")


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


def check_names(binaries: dict[str, bytes], python: Python, target: Target) -> Iterator[str]:
    """Iterate over binaries that are missing, or too many."""
    wanted = {f"segpost/_cpu{python.module_suffix(target)}", f"segpost/lib/{target.library}"}
    for name in sorted(wanted ^ set(binaries)):
        yield f"{name} is {'missing' if name in wanted else 'not expected'}"


def check_paths(binaries: dict[str, bytes], folders: Sequence[Path]) -> Iterator[str]:
    """Iterate over the folders of this machine that a binary names."""
    for name, content in binaries.items():
        for folder in folders:
            if str(folder).encode() in content:
                yield f"{name} names {folder}"


def list_exports(binary: lief.Binary) -> set[str]:
    """Return the names that a binary shows to others."""
    return {str(symbol.name) for symbol in binary.exported_symbols}  # type: ignore[attr-defined]


def list_imports(binary: lief.Binary) -> set[str]:
    """Return the names that a binary takes from others."""
    return {str(symbol.name) for symbol in binary.imported_symbols}  # type: ignore[attr-defined]


def check_exports(module: lief.Binary, library: lief.Binary) -> Iterator[str]:
    """Iterate over names of the library that nobody needs, and names that the module misses."""
    shown, taken = list_exports(library), list_imports(module)
    for name in sorted(shown):
        if not (C_API.match(name) or OWN.match(name) or REPLACEABLE.match(name) or name in taken):
            yield f"the library shows {name}"
    for name in sorted(taken - shown):
        if OWN.match(name) or C_API.match(name):
            yield f"the library does not have {name}"
    for name in sorted(list_exports(module)):
        if not re.fullmatch(r"_?PyInit__cpu", name) and not REPLACEABLE.match(name):
            yield f"the module shows {name}"


def check_search(module: lief.Binary, library: lief.Binary, target: Target) -> Iterator[str]:
    """Iterate over what is wrong with the way in which the module finds the library."""
    if isinstance(module, lief.ELF.Binary) and isinstance(library, lief.ELF.Binary):
        paths = [str(entry.runpath) for entry in module.dynamic_entries
                 if isinstance(entry, lief.ELF.DynamicEntryRunPath)]  # fmt: skip
        more = [str(entry) for entry in library.dynamic_entries
                if isinstance(entry, lief.ELF.DynamicEntryRunPath)]  # fmt: skip
        if paths != ["$ORIGIN/lib"] or more:
            yield f"libraries are sought in {paths + more}"
    elif isinstance(module, lief.MachO.Binary) and isinstance(library, lief.MachO.Binary):
        paths = [str(rpath.path) for rpath in module.rpaths]
        if paths != ["@loader_path/lib"]:
            yield f"libraries are sought in {paths}"
        names = [str(command.name) for command in library.libraries]
        if names[0] != f"@rpath/{target.library}":
            yield f"the library's own name is {names[0]}"
        for name in [*names[1:], *(str(command.name) for command in module.libraries)]:
            if not name.startswith("/usr/lib/") and name != f"@rpath/{target.library}":
                yield f"it needs {name}"


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
        module, library = (lief.parse(list(binaries[name])) for name in sorted(binaries))
        if module is None or library is None:
            return ["a binary cannot be read"]
        problems += check_exports(module, library)
        problems += check_search(module, library, target)
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
