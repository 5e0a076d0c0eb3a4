"""Zig's C++ compiler as CMake's compiler for a target: scripts that call it, and a toolchain file.

`python -m tools.wheels.compiler TARGET FOLDER` writes them for a build by hand, and prints the
options that CMake takes.
"""

from __future__ import annotations

import argparse
import importlib.util
import shlex
import shutil
from pathlib import Path

from .targets import TARGETS, Target, find_target

# Zig writes the names of x86-64's levels with an underscore. Its linker for macOS makes no bundles;
# Python loads a dynamic library as well.
COMPILER = """#!/bin/sh
for argument do
    shift
    case $argument in
        -march=x86-64-v*) argument=-march=x86_64_v${{argument#-march=x86-64-v}} ;;
        -bundle) argument=-dynamiclib ;;
    esac
    set -- "$@" "$argument"
done
exec {zig} {command} -target {triple} "$@"
"""
TOOL = """#!/bin/sh
exec {zig} {command} "$@"
"""
HIDDEN = "{ local: _Zn*; _Zd*; };\n"  # operators new and delete of the runtime in each binary
TEMPLATE = Path(__file__).with_name("toolchain.cmake.in")


def find_zig() -> Path:
    """Return the program of the package `ziglang`.

    Raises
    ------
    FileNotFoundError
        If the package is not installed.
    """
    spec = importlib.util.find_spec("ziglang")
    if spec is None or spec.origin is None:
        raise FileNotFoundError('zig is missing: pip install -c constraints.txt -e ".[release]"')
    return Path(spec.origin).parent / "zig"


def write_script(path: Path, text: str) -> None:
    """Write a file that can be run, or leave one with that text as it is."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)


def write_toolchain(target: Target, folder: Path) -> Path:
    """Write the compiler's scripts and the toolchain file of a target into a folder.

    Returns
    -------
    pathlib.Path
        The toolchain file: `cmake -DCMAKE_TOOLCHAIN_FILE=...`.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    zig = find_zig()
    for name, command in (("clang", "cc"), ("clang++", "c++")):
        text = COMPILER.format(zig=shlex.quote(str(zig)), command=command, triple=target.triple)
        write_script(folder / name, text)
    for name in ("ar", "ranlib"):
        write_script(folder / name, TOOL.format(zig=shlex.quote(str(zig)), command=name))
    write_script(folder / "hidden.map", HIDDEN)
    values = {
        "system": target.system,
        "processor": target.processor,
        "folder": folder.as_posix(),
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    toolchain = folder / "toolchain.cmake"
    toolchain.write_text(text, encoding="utf-8")
    return toolchain


def find_launcher() -> list[str]:
    """Return the option for a cache of objects, where ccache is there."""
    ccache = shutil.which("ccache")
    return [f"-DCMAKE_CXX_COMPILER_LAUNCHER={ccache}"] if ccache else []


def main() -> None:
    """Write the compiler of a target and print CMake's options."""
    parser = argparse.ArgumentParser(prog="python -m tools.wheels.compiler")
    parser.add_argument("target", choices=[target.name for target in TARGETS])
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    toolchain = write_toolchain(find_target(options.target), options.folder)
    print(shlex.join([f"-DCMAKE_TOOLCHAIN_FILE={toolchain}", *find_launcher()]))


if __name__ == "__main__":
    main()
