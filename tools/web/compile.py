"""segpost.wasm: the kernels and their C interface, compiled by zig."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tools.wheels.compiler import find_launcher, find_zig, write_toolchain
from tools.wheels.targets import Target

ROOT = Path(__file__).resolve().parents[2]
WASM = Target("wasm32", "wasm32-wasi", "WASI", "wasm32", ())


def compile_module(folder: Path) -> Path:
    """Compile the module in a folder, where objects are kept.

    Returns
    -------
    pathlib.Path
        The file segpost.wasm.
    """
    toolchain = write_toolchain(WASM, folder / "compiler")
    options = [
        "-GNinja",
        f"-DCMAKE_TOOLCHAIN_FILE={toolchain}",
        "-DCMAKE_BUILD_TYPE=Release",
        "-DSEGPOST_WERROR=ON",
        f"-DSEGPOST_ZIG={find_zig().parent / 'lib'}",
        # To link, zig would compile a library of C for the check alone.
        "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY",
        *find_launcher(),
    ]
    environment = {**os.environ, "CCACHE_NOHASHDIR": "1"}
    objects = folder / "objects"
    subprocess.run(
        ["cmake", "--fresh", "-S", ROOT, "-B", objects, *options], check=True, env=environment
    )
    subprocess.run(["cmake", "--build", objects], check=True, env=environment)
    return objects / "segpost.wasm"
