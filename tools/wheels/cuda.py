"""The wheels of segpost-cuda: kernels by nvcc once, and a module by GCC for every Python.

    python -m tools.wheels.cuda --python 3.11 --architectures "75-real;90-real;120"

They are for the processor of this machine: nvcc compiles for others with packages that few have.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lief
import pybind11

from .audit import check_policy, check_record, list_exports, read_binaries
from .build import list_python_options
from .gcc_linker import write_gcc
from .headers import find_headers
from .packing import pack_wheel
from .pythons import PYTHONS, Python, find_python
from .sources import build_sdist, call_backend, find_epoch, run, unpack_sdist
from .targets import Target, find_target

ROOT = Path(__file__).resolve().parents[2]
# What every system has that Python and its compiled modules run on.
LIBRARIES = {
    *("libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0", "librt.so.1"),
    *("ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "libgcc_s.so.1", "libstdc++.so.6"),
}


def find_cuda_target() -> Target:
    """Return the platform of the wheels: the oldest glibc with the C++ library that GCC needs."""
    machine = platform.machine()
    tags = tuple(f"manylinux_2_{minor}_{machine}" for minor in (27, 28))
    return find_target(f"linux-{machine}")._replace(
        triple=f"{machine}-linux-gnu.2.27", platforms=tags
    )


def list_cuda_options(target: Target, cache: Path, architectures: str) -> list[str]:
    """Return the options of CMake that do not depend on the Python."""
    ccache = shutil.which("ccache")
    launchers = [f"-DCMAKE_{name}_COMPILER_LAUNCHER={ccache}" for name in ("CXX", "CUDA")]
    return [
        "-GNinja",
        "-DCMAKE_BUILD_TYPE=Release",
        "-DSEGPOST_CUDA_PACKAGE=ON",
        "-DSEGPOST_CUDA=ON",
        "-DSEGPOST_REQUIRE_NATIVE=ON",
        "-DSEGPOST_WERROR=ON",
        f"-DSEGPOST_CUDA_ARCHITECTURES={architectures}",
        f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",
        *write_gcc(target, cache / "compilers" / f"{target.name}-cuda"),
        *(launchers if ccache else []),
    ]


def build_template(source: Path, folder: Path, epoch: str) -> Path:
    """Build the wheel of segpost-cuda without its module: nothing is compiled."""
    folder.mkdir(parents=True, exist_ok=True)
    variables = {"SOURCE_DATE_EPOCH": epoch, "SKBUILD_WHEEL_CMAKE": "0"}
    return call_backend("build_wheel", folder, source / "distributions" / "cuda", variables)


def build_cuda_wheels(
    source: Path,
    pythons: Sequence[Python],
    dist: Path,
    work: Path,
    cache: Path,
    epoch: str,
    architectures: str = "all",
) -> list[Path]:
    """Build the wheels of segpost-cuda.

    Parameters
    ----------
    source : pathlib.Path
        The root of the sources, such as an unpacked source distribution.
    pythons : sequence of Python
        What there is a wheel for.
    dist : pathlib.Path
        Where the wheels are put.
    work : pathlib.Path
        Where the kernels and modules are compiled.
    cache : pathlib.Path
        Where compilers and headers are kept.
    epoch : str
        The time of all files, in seconds.
    architectures : str
        As SEGPOST_CUDA_ARCHITECTURES: "all" takes nine minutes of a processor.
    """
    target = find_cuda_target()
    template = build_template(source, work / "template", epoch)
    options = list_cuda_options(target, cache, architectures)
    objects = work / "objects"
    made = []
    for python in pythons:
        headers = find_headers(python, target, cache)
        chosen = list_python_options(python, target, headers)
        run("cmake", "-S", source, "-B", objects, *options, *chosen)
        run("cmake", "--build", objects, f"-j{os.cpu_count()}")
        binaries = work / python.name
        run("cmake", "--install", objects, "--prefix", binaries)
        made.append(pack_wheel(template, binaries, python, target, dist, epoch))
    return made


def audit_cuda_wheel(wheel: Path) -> list[str]:
    """Return what is wrong with a wheel of segpost-cuda."""
    run(sys.executable, "-m", "twine", "check", "--strict", wheel)
    run(sys.executable, "-m", "check_wheel_contents", wheel)
    problems = [*check_record(wheel), *check_policy(wheel, find_cuda_target())]
    for name, content in read_binaries(wheel).items():
        module: Any = lief.parse(list(content))
        needed = {str(library) for library in module.libraries}
        problems += [f"{name} needs {other}" for other in sorted(needed - LIBRARIES)]
        shown = list_exports(module) - {"PyInit__cuda"}
        problems += [f"{name} shows {other}" for other in sorted(shown)]
    return [f"{wheel.name}: {problem}" for problem in problems]


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the wheels of the Pythons that are asked for, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.wheels.cuda", description=__doc__)
    parser.add_argument("--python", action="append", metavar="VERSION")
    parser.add_argument("--architectures", default="all")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "wheels")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "segpost-wheels")
    options = parser.parse_args(arguments)
    pythons = [find_python(name) for name in options.python or [p.name for p in PYTHONS]]
    epoch = find_epoch(ROOT)
    source = unpack_sdist(build_sdist(ROOT, options.work, epoch), options.work / "cuda-source")
    made = build_cuda_wheels(
        source,
        pythons,
        options.dist,
        options.work / "cuda",
        options.cache,
        epoch,
        options.architectures,
    )
    problems = [problem for wheel in made for problem in audit_cuda_wheel(wheel)]
    print(*[wheel.name for wheel in made], *problems, sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
