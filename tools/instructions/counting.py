"""Instructions of operations, counted by a plugin of QEMU while it runs a Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

FOLDER = Path(__file__).parent
# The same instructions in every run.
VARIABLES = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
MOST = 1.15  # of the committed instructions
Counts = Mapping[str, float]  # instructions a pixel of the result, by operation


def build_plugin(folder: Path) -> Path:
    """Compile the plugin into a folder and return its file."""
    plugin = folder / "counter.so"
    compiler = shutil.which("cc") or "gcc"
    options = ("-O2", "-Wall", "-Wextra", "-shared", "-fPIC")
    subprocess.run([compiler, *options, FOLDER / "counter.c", "-o", plugin], check=True)
    return plugin


def count(command: Sequence[str | Path], **variables: str) -> dict[str, float]:
    """Return the instructions of every operation, by a Python that QEMU runs with the plugin."""
    done = subprocess.run(
        [*command, FOLDER / "operations.py"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **VARIABLES, **variables},
    )
    executed = [int(line.split()[1]) for line in done.stderr.splitlines() if "executed" in line]
    counts = {}
    for i, line in enumerate(done.stdout.splitlines()):
        pixels, name = line.split("\t")
        start, end, start_of_two, end_of_two = executed[4 * i : 4 * i + 4]
        counts[name] = ((end_of_two - start_of_two) - (end - start)) / int(pixels)
    return counts


def count_here(plugin: Path, level: str) -> dict[str, float]:
    """Return the instructions of this Python's segpost on x86-64, at a SIMD level up to v3."""
    emulator = shutil.which("qemu-x86_64") or "qemu-x86_64"
    command = (emulator, "-cpu", "max", "-plugin", plugin, sys.executable)
    return count(command, SEGPOST_SIMD=level)


def list_losses(counts: Counts, committed: Counts) -> list[str]:
    """Return the operations that take more instructions than the committed ones, as text."""
    return [
        f"{name}: {counts[name]:.1f} instructions a pixel, {wanted:.1f} are committed"
        for name, wanted in committed.items()
        if counts[name] > wanted * MOST
    ]
