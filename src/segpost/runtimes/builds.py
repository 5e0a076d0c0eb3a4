"""Builds of the libraries of operators against the runtimes that are installed."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from segpost._core.arguments import check_choice
from segpost.runtimes.places import RUNTIMES, check_native, file_name, package_folder

LEAST_TORCH = (2, 10)
LIBRARIES = Path(package_folder("lib"))
SOURCES = Path(package_folder("share", "runtimes"))


@dataclass(frozen=True)
class Build:
    """What a library is built against: the definitions for CMake, and the version."""

    definitions: tuple[str, ...]
    version: str  # of the runtime, where the library fits no other


def built_path(name: str) -> Path | None:
    """Return where `build` puts a library; None if the runtime is not installed."""
    build = _BUILDS[name]()
    if build is None:
        return None
    root = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    # A library finds libsegpost where it was when it was built.
    stamp = f"{LIBRARIES} {LIBRARIES.stat().st_mtime_ns if LIBRARIES.is_dir() else 0}"
    place = hashlib.sha256(stamp.encode()).hexdigest()[:12]
    return Path(root, "segpost", "runtimes", f"{name}-{build.version}-{place}", file_name(name))


def build(name: str) -> Path:
    """Build a library against the runtime that is installed, and return its path.

    Raises
    ------
    FileNotFoundError
        If the runtime, CMake, make, a C++ compiler or segpost's native code is missing.
    OSError
        If CMake or the compiler fails; the message has the end of what they printed.
    """
    check_choice(name, "name", RUNTIMES)
    check_native()
    path, against = built_path(name), _BUILDS[name]()
    if path is None or against is None:
        raise FileNotFoundError(f"{_NEEDS[name]} is not installed: pip install {name}")
    _check_tools()
    cmake = shutil.which("cmake") or "cmake"
    options = [f"-D{word}" for word in against.definitions]
    with tempfile.TemporaryDirectory(prefix="segpost-runtime-") as folder:
        _run([cmake, *_generator(), "-S", os.fspath(SOURCES), "-B", folder,
              f"-Dsegpost_DIR={LIBRARIES / 'cmake' / 'segpost'}", "-DSEGPOST_ONNXRUNTIME=OFF",
              *options])  # fmt: skip
        _run([cmake, "--build", folder])
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{os.getpid()}")
        shutil.copy(Path(folder, file_name(name)), partial)
        os.replace(partial, path)
    return path


def _check_tools() -> None:
    """Refuse to build where a tool is missing, with the names of all of them."""
    needs = {
        "cmake": ("cmake",),
        "make": ("make", "ninja"),
        "g++": (os.environ.get("CXX", "c++").split()[0], "g++", "clang++"),
    }
    missing = [tool for tool, names in needs.items() if not any(map(shutil.which, names))]
    if missing:
        raise FileNotFoundError(
            f"{', '.join(missing)} not found: a build needs CMake, make or Ninja, and a C++ "
            "compiler; Debian has them as cmake, make and g++"
        )


def _generator() -> list[str]:
    """Return the options of CMake that choose Ninja where there is no make."""
    return [] if shutil.which("make") or "CMAKE_GENERATOR" in os.environ else ["-G", "Ninja"]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        printed = (done.stdout + done.stderr).strip().splitlines()
        lines = [line for line in printed if "error" in line.lower()][:10] or printed[-20:]
        raise OSError("\n".join([f"{' '.join(command[:2])} failed:", *lines]))


def _find_package(name: str) -> Path | None:
    """Return the folder of a package, without importing it."""
    spec = importlib.util.find_spec(name)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def _version_of(name: str) -> str:
    from importlib.metadata import version

    return version(name).partition("+")[0]


def _against_onnxruntime() -> Build | None:
    return Build(("SEGPOST_ONNXRUNTIME=ON",), "any")


def _against_openvino() -> Build | None:
    root = _find_package("openvino")
    if root is None or not (root / "cmake").is_dir():
        return None
    definitions = ("SEGPOST_OPENVINO=ON", f"OpenVINO_DIR={root / 'cmake'}")
    return Build(definitions, _version_of("openvino"))


def _against_torch() -> Build | None:
    root = _find_package("torch")
    if root is None:
        return None
    numbers = tuple(int(part) for part in _version_of("torch").split(".")[:2])
    if numbers < LEAST_TORCH:
        return None
    return Build(("SEGPOST_TORCH=ON", f"SEGPOST_TORCH_ROOT={root}"), "any")


_BUILDS: dict[str, Callable[[], Build | None]] = {
    "onnxruntime": _against_onnxruntime,
    "openvino": _against_openvino,
    "torch": _against_torch,
}
_NEEDS = {
    "onnxruntime": "onnxruntime",
    "openvino": "openvino, with its headers,",
    "torch": "torch 2.10 or newer",
}
