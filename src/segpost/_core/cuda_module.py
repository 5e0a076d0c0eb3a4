"""The compiled module of CUDA: where it is, and the reasons why it cannot be used."""

from __future__ import annotations

import functools
import importlib
import importlib.machinery
import platform
import sys
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

from segpost._core.installers import find_installer
from segpost._core.version import UNKNOWN, package_version

INSTALL = 'pip install "segpost[cuda]"'
# What installs the wheel of this Python again.
REINSTALL = "pip install --force-reinstall --no-cache-dir --no-deps segpost-cuda"
# A build of segpost with SEGPOST_CUDA=ON has the first, the distribution segpost-cuda the second.
PACKAGE = "segpost_cuda"
MODULES = ("segpost._cuda", f"{PACKAGE}._cuda")


def find_cuda() -> str | None:
    """Return the name of the module that this installation has, or None; nothing is loaded."""
    for name in MODULES:
        with suppress(ModuleNotFoundError):  # there is no segpost_cuda
            if find_spec(name) is not None:
                return name
    return None


def describe_cuda() -> str | None:
    """Return where the module is from: "segpost", "segpost-cuda 0.1.0", or None without one."""
    name = find_cuda()
    if name is None:
        return None
    return "segpost" if name == MODULES[0] else f"segpost-cuda {_distribution_version()}"


@functools.cache
def cuda_runtime() -> Any:
    """Return the module; importing it does not load the driver.

    Raises
    ------
    ImportError
        If there is none of this version, or it does not load. The text has the cure.
    """
    name = find_cuda()
    if name != MODULES[0] and find_spec(PACKAGE) is not None:
        _check_version()
    if name is None:
        raise ImportError(_describe_missing())
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{name} does not load: {error}; {_load_cure(name, str(error))}"
        ) from error


def cuda_problem(device: int | None = None) -> str | None:
    """Return why arrays on a CUDA device cannot be used, or None if they can.

    Parameters
    ----------
    device : int, optional
        The number of the device; without it, one device that can be used is enough.
    """
    try:
        runtime = cuda_runtime()
    except ImportError as error:
        return str(error)
    count, problem = runtime.device_count()
    if not count:
        return str(problem)
    architectures = runtime.architectures().split()
    devices = range(count) if device is None else (device,)
    versions = [runtime.capability(number) for number in devices]
    if any(has_code(architectures, version) for version in versions):
        return None
    return (
        f"there is no code for compute capability {', '.join(f'{v / 10:.1f}' for v in versions)} "
        f"in {describe_cuda()}, which was built for {' '.join(architectures)}; {_build_cure()}"
    )


def has_code(architectures: list[str], version: int) -> bool:
    """Return whether machine code or PTX for some architectures runs on a device.

    Parameters
    ----------
    architectures : list of str
        As in CMake's CUDA_ARCHITECTURES: "90" is machine code and PTX, "90-real" and "90-virtual"
        are one of them. A name that is no number, such as "native", says nothing, and is believed.
    version : int
        The compute capability of the device times 10.

    Notes
    -----
    Machine code runs on devices of its major version from its minor version on, PTX on all that are
    newer: CUDA C++ Programming Guide, "Compute Capability" and "Application Compatibility".
    """
    for architecture in architectures:
        number, _, kind = architecture.partition("-")
        if not number.isdecimal():
            return True
        built = int(number)
        if kind != "virtual" and built // 10 == version // 10 and built <= version:
            return True
        if kind != "real" and built <= version:
            return True
    return not architectures


def _is_published() -> bool:
    """Return whether segpost-cuda has wheels for this system; so says the extra `cuda`."""
    return sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64")


def _build_cure() -> str:
    return f"with nvcc: SEGPOST_CUDA=ON {find_installer().rebuild}"


def _describe_missing() -> str:
    """Return why there is no module, and what cures that."""
    if find_spec(PACKAGE) is not None:
        suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
        return f"segpost-cuda has no _cuda{suffix}, which this Python loads: {REINSTALL}"
    if _is_published():
        return f"segpost-cuda is not installed: {INSTALL}"
    if sys.platform == "linux":
        return f"there is no segpost-cuda for {platform.machine()}; {_build_cure()}"
    subsystem = ", such as that of WSL 2" if sys.platform == "win32" else ""
    return f"segpost uses CUDA on Linux alone{subsystem}, and this is {platform.system()}"


def _distribution_version() -> str:
    return str(importlib.import_module(PACKAGE).__version__)


def _check_version() -> None:
    """Raise an ImportError if segpost-cuda is of another version than segpost."""
    own, other = package_version(), _distribution_version()
    if own not in (other, UNKNOWN):
        cure = INSTALL if _is_published() else _build_cure()
        raise ImportError(f"segpost-cuda is of version {other}, and segpost of {own}: {cure}")


def _load_cure(name: str, message: str) -> str:
    if name == MODULES[0] or "GLIBC" in message or "CXXABI" in message:
        return _build_cure()
    return f"install it again: {REINSTALL}"
