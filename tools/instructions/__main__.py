"""How many instructions a pixel costs, on AArch64's level neon beside x86-64-v3, without a clock.

    python -m tools.instructions CACHE

CACHE is the folder of `tools.wheels.emulation`, with a build of segpost. QEMU executes the same
operations on both processors, and a plugin counts what was executed. It needs `qemu-user` of
Debian 12 (QEMU 7.2) and a C compiler; this Python has segpost with native code of this machine.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.wheels.emulation import System

FOLDER = Path(__file__).parent


def build_plugin(cache: Path) -> Path:
    """Compile the plugin."""
    plugin = cache / "counter.so"
    compiler = shutil.which("cc") or "gcc"
    command = [compiler, "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", FOLDER / "counter.c"]
    subprocess.run([*command, "-o", plugin], check=True)
    return plugin


def count(command: list[str | Path], **variables: str) -> dict[str, float]:
    """Instructions a pixel of every operation."""
    done = subprocess.run(
        [*command, FOLDER / "operations.py"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
    )
    executed = [int(line.split()[1]) for line in done.stderr.splitlines() if "executed" in line]
    counts = {}
    for i, line in enumerate(done.stdout.splitlines()):
        pixels, name = line.split("\t")
        start, end, start_of_two, end_of_two = executed[4 * i : 4 * i + 4]
        counts[name] = ((end_of_two - start_of_two) - (end - start)) / int(pixels)
    return counts


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tools.instructions", description=__doc__)
    parser.add_argument("cache", type=Path)
    system = System(parser.parse_args().cache.resolve())
    plugin = build_plugin(system.cache)
    paths = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
    here = [shutil.which("qemu-x86_64") or "", "-cpu", "max", "-plugin", plugin, sys.executable]
    x86 = count(here, SEGPOST_SIMD="x86-64-v3", **paths)
    neon = count([system.python], QEMU_PLUGIN=f"file={plugin}", **{**paths, "PYTHONPATH": ""})
    print("| operation | x86-64-v3 | neon | ratio |\n|---|---|---|---|")
    for name, number in x86.items():
        print(f"| {name} | {number:.2f} | {neon[name]:.2f} | {neon[name] / number:.2f} |")


if __name__ == "__main__":
    main()
