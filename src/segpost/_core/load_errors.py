"""Why the native code of an installation does not load, and what cures that."""

from __future__ import annotations

import importlib.machinery
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from segpost._core.installers import find_installer


class LoadProblem(NamedTuple):
    """Why native code does not load, in a sentence without an end, and a sentence that cures it."""

    reason: str
    cure: str


_INCOMPLETE = "The installation is incomplete: {reinstall}"
_OTHER_PROCESSOR = "It is of another processor or system; with this Python: {reinstall}"
_OTHER_PYTHON = "It is of another Python; with this one: {reinstall}"
_OTHER_VERSION = "Its parts are of two versions: {reinstall}"
_OLD_SYSTEM = "It was built on a newer system; with a C++ compiler on this one: {rebuild}"
_COMPILE = "With a C++ compiler (g++ or clang++): {rebuild}"
# What loaders say, and its cure. The first pattern that matches decides; its groups are put in.
_CURES = (
    (
        r"none of the SIMD levels",
        "A virtual machine may hide what its processor can: give it that of the host (QEMU and "
        "libvirt: the CPU model host)",
    ),
    (r"(GLIBC|GLIBCXX|CXXABI)_[\d.]+' not found|macOS \d+.* newer than", _OLD_SYSTEM),
    (r"Python version mismatch", _OTHER_PYTHON),
    (r"libsegpost is of version", _OTHER_VERSION),
    (r"wrong ELF class|invalid ELF header|Exec format error|not a valid Win32", _OTHER_PROCESSOR),
    (r"incompatible architecture|no suitable image|not a mach-o file", _OTHER_PROCESSOR),
    (r"\b_cpu\.[\w.-]+: cannot open shared object file: No such", _OTHER_PROCESSOR),  # by glibc
    (
        r"(?:lib)?segpost\.(?:so|dylib|dll)\b.*(?:cannot open|[Nn]o such file)",
        _INCOMPLETE,
    ),
    (r"Library not loaded: \S*libsegpost", _INCOMPLETE),
    (r"file too short|truncated|invalid ELF|cannot read file data", _INCOMPLETE),
    (r"undefined symbol|[Ss]ymbol not found|procedure could not be found", _OTHER_VERSION),
    (r"does not define module export function", _OTHER_VERSION),
    (r"(lib[^\s/]+?): cannot open shared object", "Install {0} by the system's package manager"),
    (r"Library not loaded: (\S+)", "Install {0} by the system's package manager"),
    (r"DLL load failed", "Install the runtime libraries of Visual C++ that Microsoft publishes"),
)


def describe_load_error(
    message: str, folders: Sequence[str | Path], build_problem: str | None
) -> LoadProblem:
    """Return what an ImportError of the native code means.

    Parameters
    ----------
    message : str
        What the ImportError says.
    folders : sequence of str or Path
        The folders of the package.
    build_problem : str or None
        Why segpost was built without native code, if it was.

    Examples
    --------
    >>> from segpost._core.load_errors import describe_load_error
    >>> describe_load_error("libstdc++.so.6: cannot open shared object file", [], None).cure
    "Install libstdc++.so.6 by the system's package manager"
    """
    commands = find_installer()._asdict()
    if build_problem is not None:
        cure = f"To get it, install a C++ compiler (g++ or clang++), then: {commands['rebuild']}"
        return LoadProblem(f"segpost was built without it: {build_problem}", cure)
    if re.search(r"No module named '?segpost\._cpu", message):
        return _describe_missing_module(message, folders)
    for pattern, cure in _CURES:
        match = re.search(pattern, message, re.DOTALL)
        if match is not None:
            return LoadProblem(message, cure.format(*match.groups(), **commands))
    return LoadProblem(message, _COMPILE.format(**commands))


def _describe_missing_module(message: str, folders: Sequence[str | Path]) -> LoadProblem:
    """Return why there is no module for this Python: it was not built, or for another one."""
    modules = native_modules(folders)
    if not modules:
        cure = "These sources were not built; in their folder, with a C++ compiler: pip install ."
        return LoadProblem(message, cure)
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    reason = f"it is in {', '.join(modules)}, and this Python loads _cpu{suffix}"
    return LoadProblem(reason, _OTHER_PYTHON.format(**find_installer()._asdict()))


def native_modules(folders: Sequence[str | Path]) -> list[str]:
    """Return the names of the files that are native code for some Python."""
    return sorted(
        path.name
        for folder in folders
        for path in Path(folder).glob("_cpu.*")
        if path.suffix in (".so", ".pyd", ".dylib")
    )
