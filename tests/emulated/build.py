"""Compiles the CUDA kernels for the CPU: `build()` gives a module like segpost._cuda."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
SOURCES = HERE.parents[1] / "csrc"
PLATFORM = SOURCES / "cuda" / "runtime" / "platform"  # CUDA itself: this folder takes its place
FLAGS = ("-std=c++17", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror", "-Wno-psabi",
         "-Wno-unknown-pragmas", "-ffp-contract=off",
         '-DSEGPOST_CUDA_ARCHITECTURES=""')  # fmt: skip


def compiler() -> str | None:
    """The C++ compiler, if there is one."""
    return shutil.which(os.environ.get("CXX", "c++"))


# The compiler calls a function at every access of a kernel to memory: see traffic.cpp.
WATCHED = ("-fsanitize=thread", "--param=tsan-instrument-func-entry-exit=0")


def build(*flags: str, kernel_flags: tuple[str, ...] = ()) -> ModuleType:
    """The module, compiled once for each state of the sources and flags."""
    path = compile_library(*flags, kernel_flags=kernel_flags)
    spec = importlib.util.spec_from_file_location("_cuda", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compile_library(*flags: str, kernel_flags: tuple[str, ...] = ()) -> Path:
    """The shared library, in a folder for such things; `kernel_flags` are for kernels alone."""
    options = [*FLAGS, *(flags or ("-O2",))]
    sources = [
        *sorted(p for p in (SOURCES / "cuda").rglob("*.cu") if PLATFORM not in p.parents),
        *sorted((SOURCES / "bindings").glob("*cuda.cpp")),
        SOURCES / "bindings" / "gil.cpp",
        *sorted(HERE.glob("*.cpp")),
    ]
    state = hashlib.sha256(
        repr((options, kernel_flags, os.environ.get("CXX"), sysconfig.get_paths())).encode()
    )
    watched = [SOURCES / "cuda", SOURCES / "ops", SOURCES / "bindings", HERE]
    for path in sorted(p for folder in watched for p in folder.rglob("*") if p.suffix != ".pyc"):
        if path.is_file():
            state.update(path.name.encode() + path.read_bytes())
    folder = Path(tempfile.gettempdir()) / f"segpost-emulated-{os.getuid()}"
    path = folder / f"_cuda-{state.hexdigest()[:16]}{sysconfig.get_config_var('EXT_SUFFIX')}"
    if not path.exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            _compile(sources, options, kernel_flags, Path(scratch) / path.name)
            os.replace(Path(scratch) / path.name, path)
    return path


def _compile(
    sources: list[Path], flags: list[str], kernel_flags: tuple[str, ...], library: Path
) -> None:
    import pybind11

    includes = [
        f"-I{HERE}",
        f"-I{SOURCES}",
        f"-isystem{pybind11.get_include()}",
        f"-isystem{sysconfig.get_paths()['include']}",
    ]

    def compile_one(source: Path) -> str:
        target = str(library.parent / f"{source.parent.name}-{source.name}.o")
        own = ["-fno-exceptions"] if source.stem == "gil" else []  # as in CMakeLists.txt
        own += kernel_flags if source.suffix == ".cu" else ()
        options = [*flags, *own, *includes]
        _run(compiler() or "c++", *options, "-c", "-x", "c++", str(source), "-o", target)
        return target

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, sources))
    linked = [flag for flag in flags if flag.startswith("-fsanitize")]
    _run(compiler() or "c++", "-shared", *linked, *objects, "-o", str(library))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
