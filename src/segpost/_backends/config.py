"""Properties of this installation: versions, backends, headers and deferred errors."""

from __future__ import annotations

import importlib.util
import platform
from pathlib import Path
from typing import Any

from segpost._backends import registry, threads
from segpost._core import cuda_module, extensions
from segpost._core.version import package_version


def cuda_available() -> bool:
    """Return whether arrays on a CUDA device can be used. This loads the driver.

    After this call, or after using a device, a forked child process cannot use CUDA.

    Examples
    --------
    >>> import segpost
    >>> segpost.cuda_available() == (segpost.why_no_cuda() is None)
    True
    """
    return cuda_module.cuda_problem() is None


def why_no_cuda() -> str | None:
    """Return why arrays on a CUDA device cannot be used, or None. This loads the driver.

    Returns
    -------
    problem : str or None
        A text: segpost-cuda is missing or of another version, there is no driver or no device, the
        driver is too old, or the device has no code. It ends with what cures that.
    """
    return cuda_module.cuda_problem()


def raise_deferred() -> None:
    """Wait for calls with ``check="deferred"``, and raise an error if they met bad values.

    Raises
    ------
    ValueError
        If a kernel met bad values. The error names the operation, the number of bad values and the
        flat index of the first in one call; call this again for the errors of later calls.
    """
    registry.raise_deferred()


def get_include() -> Path:
    """Return the folder of the headers for C, C++ and Cython: ``#include <segpost/capi.h>``.

    Returns
    -------
    folder : pathlib.Path

    Raises
    ------
    ImportError
        If segpost was installed without native code.

    Examples
    --------
    >>> import segpost
    >>> (segpost.get_include() / "segpost" / "capi.h").is_file()
    True
    """
    problem = extensions.native_problem()
    if problem is not None:
        raise ImportError(
            f"segpost was installed without native code, so it has no headers: {problem}"
        )
    from segpost import _cpu

    return Path(_cpu.__file__).parent / "include"


def _wheel_tag() -> str | None:
    """Return the tag of the installed wheel, or None of sources that were not installed."""
    from importlib.metadata import PackageNotFoundError, distribution  # slow to import

    try:
        lines = (distribution("segpost").read_text("WHEEL") or "").splitlines()
    except PackageNotFoundError:
        return None
    tags = [line.partition(":")[2].strip() for line in lines if line.startswith("Tag:")]
    return ", ".join(tags) or None


def _wheel_kind(cuda: str | None) -> str:
    """Return what an installation consists of; compiled code may be there and not load."""
    if cuda == "segpost":
        return "compiled with CUDA"
    is_compiled = importlib.util.find_spec("segpost._cpu") is not None
    return "compiled" if is_compiled else "pure Python"


def _version_of_numba() -> str | None:
    """Return the version of Numba, or None: the native backend works without it."""
    from importlib.metadata import PackageNotFoundError, version  # slow to import

    try:
        return version("numba")
    except PackageNotFoundError:
        return None


def build_config() -> dict[str, Any]:
    """Return versions, backends, SIMD levels and threads of this installation.

    Examples
    --------
    >>> import segpost
    >>> sorted(segpost.build_config())[:3]
    ['backend', 'backend_reason', 'compiler']
    """
    from importlib.metadata import version  # slow to import

    failure = extensions.native_failure()
    cuda = cuda_module.describe_cuda()
    config: dict[str, Any] = {
        "segpost": package_version(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "platform": platform.platform(),
        "numpy": version("numpy"),
        "numba": _version_of_numba(),
        "wheel": _wheel_kind(cuda),
        "wheel_tag": _wheel_tag(),
        "backend": registry.backend_name(),
        "backend_reason": registry.backend_reason(),
        "native": failure is None,
        "native_problem": failure and failure[0],
        "native_cure": failure and failure[1],
        "cuda": cuda is not None,
        "cuda_from": cuda,
        "simd_level": None,
        "simd_levels": [],
        "compiler": None,
        "threads": threads.num_threads(),
    }
    if failure is None:
        from segpost import _cpu

        config["simd_level"] = _cpu.level()
        config["simd_levels"] = _cpu.levels()
        config["compiler"] = _cpu.compiler
    return config
