"""segpost.dll, and programs that call it, under wine: Windows programs on Linux."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .compiler import find_launcher, write_toolchain
from .sources import run
from .targets import find_target

ROOT = Path(__file__).resolve().parents[2]
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/lib/wine"])  # Debian's wine64 is there
PROGRAM = ROOT / "tests" / "platforms"
TARGET = find_target("windows-x86_64")
# No display, no messages, and neither .NET nor a browser, which wine asks for.
VARIABLES = {"WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml=", "DISPLAY": ""}


def find_wine() -> Path | None:
    """Return the program that runs programs of 64-bit Windows; Debian keeps it off the path."""
    found = shutil.which("wine64", path=PATH)
    return None if found is None else Path(found)


def build_library(folder: Path) -> Path:
    """Compile the library for Windows.

    Parameters
    ----------
    folder : pathlib.Path
        Where the compiler, the objects and the library are put; those of before are used again.

    Returns
    -------
    pathlib.Path
        The folder with `lib/segpost.dll`, `lib/segpost.lib` and the headers in `include`.
    """
    toolchain = write_toolchain(TARGET, folder / "compiler")
    options = {
        "CMAKE_BUILD_TYPE": "Release",
        "CMAKE_TOOLCHAIN_FILE": toolchain,
        "SEGPOST_PYTHON": "OFF",
        "SEGPOST_REQUIRE_NATIVE": "ON",
        "SEGPOST_WERROR": "ON",
    }
    definitions = [f"-D{name}={value}" for name, value in options.items()]
    objects = folder / "objects"
    run("cmake", "--fresh", "-S", ROOT, "-B", objects, "-GNinja", *definitions, *find_launcher())
    run("cmake", "--build", objects, "--parallel", str(os.cpu_count() or 1))
    run("cmake", "--install", objects, "--prefix", folder)
    return folder / "segpost"


def build_program(library: Path, compilers: tuple[Path | str, Path | str], program: Path) -> None:
    """Compile the program that makes the calls of a file, for the library of any platform.

    Parameters
    ----------
    library : pathlib.Path
        A folder as `build_library` returns it, or the package of this platform.
    compilers : tuple
        Those of C and of C++.
    program : pathlib.Path
        The file to write.
    """
    c, cpp = compilers
    headers = [f"-I{library / 'include'}", f"-I{ROOT / 'csrc'}"]
    objects = [program.with_suffix(f".{name}.o") for name in ("calls", "levels")]
    strict = ("-O1", "-Wall", "-Wextra", "-Werror", *headers)
    run(c, "-std=c99", "-pedantic", *strict, "-c", PROGRAM / "capi_calls.c", "-o", objects[0])
    run(cpp, "-std=c++17", *strict, "-c", PROGRAM / "levels.cpp", "-o", objects[1])
    run(cpp, *objects, f"-L{library / 'lib'}", "-lsegpost", "-o", program)


def build_unloader(library: Path, compiler: Path | str, program: Path, *libraries: str) -> None:
    """Compile the program that loads and unloads the library of any platform."""
    strict = ("-std=c99", "-pedantic", "-O1", "-Wall", "-Wextra", "-Werror")
    source = PROGRAM / "unload.c"
    run(compiler, *strict, f"-I{library / 'include'}", source, "-o", program, *libraries)


def run_program(
    wine: Path, prefix: Path, library: Path, command: Sequence[str | Path], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run a program of Windows in a folder; it finds the library by WINEPATH.

    Parameters
    ----------
    wine : pathlib.Path
        What `find_wine` returns.
    prefix : pathlib.Path
        The folder of the system that the program sees; it is made at the first run.
    library : pathlib.Path
        What `build_library` returns.
    command : sequence
        The program and its arguments.
    folder : pathlib.Path
        The working directory.
    """
    path = str(library / "lib").replace("/", "\\")
    variables = {**os.environ, **VARIABLES, "WINEPREFIX": str(prefix), "WINEPATH": f"Z:{path}"}
    return subprocess.run(
        [str(part) for part in (wine, *command)],
        cwd=folder, env=variables, capture_output=True, text=True, check=False,
    )  # fmt: skip
