"""The SIMD level that CPUID shows is the one that the compiler's own question answers."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
#include "cpu/runtime/processor.hpp"
#include <cstdio>

int main() {
    __builtin_cpu_init();
    const int theirs = __builtin_cpu_supports("x86-64-v4")   ? 4
                       : __builtin_cpu_supports("x86-64-v3") ? 3
                       : __builtin_cpu_supports("x86-64-v2") ? 2
                                                             : 1;
    std::printf("%d %d", segpost::x86_64_level(), theirs);
}
"""
pytestmark = [
    pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="not x86-64"),
    pytest.mark.skipif(shutil.which("g++") is None, reason="there is no GCC"),
]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that prints both answers; GCC's is right, that of some Clangs is always no."""
    folder = tmp_path_factory.mktemp("processor")
    source = folder / "level.cpp"
    source.write_text(PROGRAM, encoding="utf-8")
    options = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-static", f"-I{ROOT / 'csrc'}"]
    subprocess.run(["g++", *options, str(source), "-o", str(folder / "level")], check=True)
    return folder / "level"


def test_level_of_this_processor(program: Path) -> None:
    ours, theirs = subprocess.check_output([program], text=True).split()
    assert ours == theirs


@pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="there is no qemu-x86_64")
@pytest.mark.parametrize(
    ("model", "level"),
    [
        ("qemu64", "1"),
        ("Conroe", "1"),
        ("Nehalem", "2"),
        ("Nehalem,-popcnt", "1"),
        ("Nehalem,-lahf-lm", "1"),
        ("SandyBridge", "2"),
        ("Haswell", "3"),
        ("Haswell,-movbe", "2"),
        ("Haswell,-xsave", "2"),
    ],
)
def test_level_of_other_processors(program: Path, model: str, level: str) -> None:
    """One feature less is a lower level."""
    command = ["qemu-x86_64", "-cpu", model, str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [level, level], done.stderr
