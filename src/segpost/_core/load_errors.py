"""Why the native code of an installation does not load, and what cures that."""

from __future__ import annotations

import importlib.machinery
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

# What installs the wheel of this Python and processor again, also where pip has kept another.
REINSTALL = "pip install --force-reinstall --no-cache-dir --no-deps segpost"
# What compiles segpost on this machine, also where there is a wheel.
REBUILD = "pip install --force-reinstall --no-cache-dir --no-deps --no-binary segpost segpost"


class LoadProblem(NamedTuple):
    """Why native code does not load, in a sentence without an end, and a sentence that cures it."""

    reason: str
    cure: str


_INCOMPLETE = f"The installation is incomplete: {REINSTALL}"
_OTHER_PROCESSOR = f"It is of another processor or system; with this Python: {REINSTALL}"
_OTHER_VERSION = f"Its parts are of two versions: {REINSTALL}"
_OLD_SYSTEM = f"It was built on a newer system; with a C++ compiler on this one: {REBUILD}"
# What loaders say, and its cure. The first pattern that matches decides; its groups are put in.
_CURES = (
    (
        r"none of the SIMD levels",
        "A virtual machine may hide what its processor can: give it that of the host (QEMU and "
        "libvirt: the CPU model host)",
    ),
    (r"(GLIBC|GLIBCXX|CXXABI)_[\d.]+' not found|macOS \d+.* newer than", _OLD_SYSTEM),
    (r"wrong ELF class|invalid ELF header|Exec format error|not a valid Win32", _OTHER_PROCESSOR),
    (r"incompatible architecture|no suitable image|not a mach-o file", _OTHER_PROCESSOR),
    (
        r"(?:lib)?segpost\.(?:so|dylib|dll)\b.*(?:cannot open|[Nn]o such file)",
        _INCOMPLETE,
    ),
    (r"Library not loaded: \S*libsegpost", _INCOMPLETE),
    (r"file too short|truncated|invalid ELF", _INCOMPLETE),
    (r"undefined symbol|[Ss]ymbol not found|procedure could not be found", _OTHER_VERSION),
    (r"(lib\S+?): cannot open shared object", "Install {0} by the system's package manager"),
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
    if build_problem is not None:
        cure = f"To get it, install a C++ compiler (g++ or clang++), then: {REBUILD}"
        return LoadProblem(f"segpost was built without it: {build_problem}", cure)
    if re.search(r"No module named '?segpost\._cpu", message):
        return _describe_missing_module(message, folders)
    for pattern, cure in _CURES:
        match = re.search(pattern, message, re.DOTALL)
        if match is not None:
            return LoadProblem(message, cure.format(*match.groups()))
    return LoadProblem(message, f"With a C++ compiler (g++ or clang++): {REBUILD}")


def _describe_missing_module(message: str, folders: Sequence[str | Path]) -> LoadProblem:
    """Return why there is no module for this Python: it was not built, or for another one."""
    modules = native_modules(folders)
    if not modules:
        cure = "These sources were not built; in their folder, with a C++ compiler: pip install ."
        return LoadProblem(message, cure)
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    reason = f"it is in {', '.join(modules)}, and this Python loads _cpu{suffix}"
    return LoadProblem(reason, f"It is of another Python; with this one: {REINSTALL}")


def native_modules(folders: Sequence[str | Path]) -> list[str]:
    """Return the names of the files that are native code for some Python."""
    return sorted(
        path.name
        for folder in folders
        for path in Path(folder).glob("_cpu.*")
        if path.suffix in (".so", ".pyd", ".dylib")
    )
