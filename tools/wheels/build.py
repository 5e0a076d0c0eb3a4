"""The binaries of one target: the library once, and the module once a Python."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pybind11

from .compiler import find_launcher, write_toolchain
from .headers import find_headers
from .pythons import Python
from .sources import run
from .targets import Target


def list_options(target: Target, toolchain: Path) -> list[str]:
    """Return the options of CMake that do not depend on the Python."""
    return [
        "-GNinja",
        f"-DCMAKE_TOOLCHAIN_FILE={toolchain}",
        "-DCMAKE_BUILD_TYPE=Release",
        "-DSEGPOST_REQUIRE_NATIVE=ON",
        "-DSEGPOST_WERROR=ON",
        "-DSEGPOST_CUDA=OFF",
        f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",
        "-DPYTHON_IS_DEBUG=OFF",
        "-DPYTHON_MODULE_DEBUG_POSTFIX=",
    ]


def list_python_options(python: Python, target: Target, headers: Path) -> list[str]:
    """Return the options of CMake for a Python, in place of those of the last one."""
    return [
        "-U_Python*",
        "-UPython_*",
        f"-DPython_INCLUDE_DIR={headers}",
        f"-DPYTHON_MODULE_EXTENSION={python.module_suffix(target)}",
    ]


def build_binaries(
    source: Path, target: Target, pythons: Sequence[Python], folder: Path, cache: Path
) -> dict[Python, Path]:
    """Compile for one target.

    Parameters
    ----------
    source : pathlib.Path
        The root of the sources.
    target, pythons
        What to compile for; where there is no Python, the library alone is built.
    folder : pathlib.Path
        Where objects and binaries are put.
    cache : pathlib.Path
        Where compilers and headers are kept.

    Returns
    -------
    dict
        For every Python, a folder with what is added to the package: modules, library, headers.
    """
    toolchain = write_toolchain(target, cache / "compilers" / target.name)
    options = [*list_options(target, toolchain), *find_launcher()]
    variables = {
        "CCACHE_BASEDIR": os.path.commonpath([source.resolve(), folder.resolve()]),
        "CCACHE_NOHASHDIR": "1",
        "CCACHE_COMPILERCHECK": f"string:ziglang {version('ziglang')} {target.triple}",
        "CMAKE_BUILD_PARALLEL_LEVEL": os.environ.get(
            "CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count())
        ),
        "LC_ALL": "C",
    }
    fresh = ["--fresh"]  # what an older toolchain file has set goes; objects stay
    built = {}
    for python in pythons:
        headers = find_headers(python, target, cache)
        chosen = list_python_options(python, target, headers)
        folders = ("-S", source, "-B", folder / "objects")
        run("cmake", *fresh, *folders, *options, *chosen, variables=variables)
        fresh = []
        run("cmake", "--build", folder / "objects", variables=variables)
        built[python] = folder / python.name
        run("cmake", "--install", folder / "objects", "--prefix", built[python])
    return built
