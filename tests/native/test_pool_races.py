"""The pool of threads and the choice of a SIMD level under a sanitizer of threads."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "csrc"
# Callers that use the pool, change its size and choose a level, all at once.
PROGRAM = """
#include "cpu/runtime/pool.hpp"

#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

int main() {
    std::atomic<long> done{0};
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 6; ++caller)
        callers.emplace_back([&, caller] {
            for (int call = 0; call < 40; ++call) {
                if (caller == 0) segpost::set_num_threads(1 + call % 4);
                if (caller == 1) segpost::use_level(call % 2 ? "first" : "last");
                std::vector<long> out(64); // of one call: each task writes one
                segpost::run_tasks(64, [&](std::int64_t i) {
                    out[i] = segpost::kernels().level[0] != 0;
                }, [] { return false; });
                for (long value : out) done += value;
            }
        });
    for (auto &caller : callers) caller.join();
    std::printf("%ld of %d\\n", done.load(), 6 * 40 * 64);
}
"""


@pytest.mark.slow
def test_pool_and_levels_have_no_race(tmp_path: Path) -> None:
    """Every task runs once, and no two threads touch a value without order."""
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("there is no c++")
    template = (SOURCES / "cpu" / "runtime" / "levels.cpp.in").read_text()
    tables = "".join(f'const KernelTable {name}_table{{"{name}"}};\n' for name in ("first", "last"))
    rows = "".join(f"{{&{name}_table, [] {{ return true; }}}},\n" for name in ("first", "last"))
    source = template.replace("@SEGPOST_LEVEL_DECLARATIONS@", tables)
    (tmp_path / "main.cpp").write_text(source.replace("@SEGPOST_LEVELS@", rows) + PROGRAM)
    command = [compiler, "-std=c++17", "-g", "-O1", "-fsanitize=thread", f"-I{SOURCES}"]
    command += [
        "main.cpp",
        *(str(SOURCES / "cpu" / "runtime" / name) for name in ("pool.cpp", "system/posix.cpp")),
        "-o",
        "main",
        "-lpthread",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if "cannot find" in done.stderr:
        pytest.skip("there is no sanitizer of threads")
    assert done.returncode == 0, done.stderr
    # The sanitizer knows fixed places of memory only.
    fixed = ["setarch", platform.machine(), "-R"] if shutil.which("setarch") else []
    done = subprocess.run(
        [*fixed, "./main"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout == f"{6 * 40 * 64} of {6 * 40 * 64}\n"
