"""GCC as CMake's compiler, with a linker for an older glibc: what nvcc's host code is compiled by.

nvcc takes no libc++ on x86-64, so zig's own C++ compiler cannot compile for it. Zig links what GCC
has compiled, and knows which functions every glibc has. What GCC calls in addition, and the C++
library of that time does not have, is in newer_gcc.cpp.
"""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from .compiler import find_zig, write_script
from .sources import run
from .targets import Target

COMPILER = """#!/bin/sh
for argument do
    case $argument in
        -c | -E | -v | --version | *.cpp) exec {gcc} "$@" ;;
    esac
done
exec {zig} cc -target {triple} "$@" -s -Wl,--allow-shlib-undefined {additions}
"""
ADDITION = Path(__file__).with_name("newer_gcc.cpp")
# A module shows its initialization and nothing else: names of its own would hide the library's.
SHOWN = "{ global: PyInit_*; local: *; };\n"


def write_gcc(target: Target, folder: Path) -> list[str]:
    """Write the compiler's script into a folder, and return the options of CMake that use it.

    Raises
    ------
    FileNotFoundError
        If this machine has no g++.
    """
    gcc = shutil.which("g++")
    if gcc is None:
        raise FileNotFoundError("g++ is missing: apt install g++")
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    addition = folder / "newer_gcc.o"
    run(gcc, "-O2", "-fPIC", "-c", ADDITION, "-o", addition)
    (folder / "shown.map").write_text(SHOWN, encoding="utf-8")
    shared = [
        run(gcc, f"-print-file-name={name}").strip() for name in ("libstdc++.so", "libgcc_s.so.1")
    ]
    text = COMPILER.format(
        gcc=shlex.quote(gcc),
        zig=shlex.quote(str(find_zig())),
        triple=target.triple,
        additions=shlex.join(
            [f"-Wl,--version-script={folder / 'shown.map'}", str(addition), *shared]
        ),
    )
    write_script(folder / "g++", text)
    return [
        f"-DCMAKE_CXX_COMPILER={folder / 'g++'}",
        f"-DCMAKE_CUDA_HOST_COMPILER={gcc}",
        "-DCMAKE_INTERPROCEDURAL_OPTIMIZATION=OFF",
        "-DCMAKE_LINK_DEPENDS_USE_LINKER=OFF",
        "-DCUDA_rt_LIBRARY=rt",  # of the older glibc
    ]
