"""The choice of a SIMD level on a processor that has none of those that were built."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import segpost

SOURCES = Path(__file__).resolve().parents[2] / "csrc"
PROGRAM = """
#include <cstdio>

int main() {
    try {
        segpost::kernels();
    } catch (const std::exception &error) {
        std::puts(error.what());
        return 0;
    }
    return 1;
}
"""


def test_processor_without_a_level_is_an_error(tmp_path: Path) -> None:
    """Not a null pointer: the native module becomes an ImportError of it, and Numba takes over."""
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("there is no c++")
    template = (SOURCES / "cpu" / "runtime" / "levels.cpp.in").read_text()
    tables = "".join(f'const KernelTable {name}_table{{"{name}"}};\n' for name in ("first", "last"))
    rows = "".join(f"{{&{name}_table, [] {{ return false; }}}},\n" for name in ("first", "last"))
    source = template.replace("@SEGPOST_LEVEL_DECLARATIONS@", tables)
    source = source.replace("@SEGPOST_LEVELS@", rows)
    assert "@" not in source
    (tmp_path / "main.cpp").write_text(source + PROGRAM)
    command = [compiler, "-std=c++17", f"-I{SOURCES}", "main.cpp", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout == "this processor has none of the SIMD levels of this build: first, last\n"


def test_module_asks_for_a_level_before_anything_else() -> None:
    """An exception in the initialization of a module of pybind11 is an ImportError."""
    text = (SOURCES / "bindings" / "cpu.cpp").read_text()
    _, _, body = text.partition("PYBIND11_MODULE(")
    assert 0 < body.index("kernels();") < body.index("m.def(")


@pytest.mark.slow
def test_old_processor_by_emulation() -> None:
    """QEMU's default model has no level: the reason and the cure, and no signal.

    NumPy is not imported, as its own wheels need x86-64-v2 since version 2.4.
    """
    emulator = shutil.which("qemu-x86_64")
    native = pytest.importorskip("segpost._cpu")
    if emulator is None or not native.levels()[0].startswith("x86_64"):
        pytest.skip("there is no qemu-x86_64")
    program = "from segpost._core.extensions import native_failure; print(*native_failure())"
    done = subprocess.run(
        [emulator, "-cpu", "qemu64", os.path.realpath(sys.executable), "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(segpost.__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("this processor has none of the SIMD levels of this build: x86")
    assert "give it that of the host" in done.stdout
