"""What GCC compiles and zig links: it runs, and needs no newer C and C++ library than it says."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ziglang")

from tools.wheels.gcc_linker import write_gcc
from tools.wheels.targets import find_target

TARGET = find_target("linux-x86_64")._replace(triple="x86_64-linux-gnu.2.27")
# Exceptions that are kept, copied and thrown again; a shared pointer; an array without a size.
SOURCE = """
#include <cmath>
#include <exception>
#include <memory>
#include <stdexcept>
#include <vector>

struct Counted : std::runtime_error {
    static inline int alive = 0;
    Counted() : std::runtime_error("counted") { ++alive; }
    Counted(const Counted &other) : std::runtime_error(other) { ++alive; }
    ~Counted() override { --alive; }
};

extern "C" int PyInit_module(int size) {
    std::exception_ptr kept;
    try {
        throw Counted();
    } catch (...) {
        kept = std::current_exception();
    }
    const auto shared = std::make_shared<std::vector<std::exception_ptr>>(5, kept);
    if (Counted::alive != 1) return 1;
    shared->clear();
    try {
        std::rethrow_exception(kept);
    } catch (const Counted &) {
        if (Counted::alive != 1) return 2;
    }
    kept = nullptr;
    if (Counted::alive != 0) return 3;
    try {
        delete[] new double[size]{std::pow(size, 0.5), 1};
        return 4;
    } catch (const std::bad_array_new_length &) {
        return 0;
    }
}
"""


@pytest.mark.packaging
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the code is of another processor")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the code is of Linux")
@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")
@pytest.mark.parametrize("level", ["-O0", "-O2"])
def test_module_runs_and_needs_an_older_library(level: str, tmp_path: Path) -> None:
    """Functions of GCC 11 and of glibc 2.32 are in the module."""
    write_gcc(TARGET, tmp_path / "compiler")
    gcc = str(tmp_path / "compiler" / "g++")
    (tmp_path / "module.cpp").write_text(SOURCE)
    for words in (
        [level, "-std=c++17", "-fPIC", "-c", "module.cpp", "-o", "module.o"],
        ["-shared", "-o", "module.so", "module.o"],
    ):
        done = subprocess.run(
            [gcc, *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    program = "import ctypes; print(ctypes.CDLL('./module.so').PyInit_module(-5))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout == "0\n", done.stderr
    content = (tmp_path / "module.so").read_bytes()
    for name, newest in ((b"GLIBC_2", 27), (b"GLIBCXX_3.4", 24), (b"CXXABI_1.3", 11)):
        versions = {int(found) for found in re.findall(rb"\b%s\.(\d+)" % re.escape(name), content)}
        assert max(versions) <= newest, (name, versions)
