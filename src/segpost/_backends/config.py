"""Properties of this installation: versions, backends, headers and deferred errors."""

from __future__ import annotations

import importlib.util
import platform
from pathlib import Path
from typing import Any

from segpost._backends import registry, threads
from segpost._core import extensions


def cuda_available() -> bool:
    """Return whether arrays on a CUDA device can be used. This loads the driver.

    After this call, or after using a device, a forked child process cannot use CUDA.

    Examples
    --------
    >>> import segpost
    >>> segpost.cuda_available() == (segpost.why_no_cuda() is None)
    True
    """
    return extensions.cuda_problem() is None


def why_no_cuda() -> str | None:
    """Return why arrays on a CUDA device cannot be used, or None. This loads the driver.

    Returns
    -------
    problem : str or None
        A text: CUDA was not built, there is no driver or no device, or the driver is too old.
    """
    return extensions.cuda_problem()


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


def package_version() -> str:
    """Return the version of segpost in the metadata of its installation.

    A checkout that was never installed has no metadata: its version is ``0+unknown``.
    """
    from importlib.metadata import PackageNotFoundError, version  # slow to import, rarely needed

    try:
        return version("segpost")
    except PackageNotFoundError:
        return "0+unknown"


def _wheel_tag() -> str | None:
    """Return the tag of the installed wheel, or None of sources that were not installed."""
    from importlib.metadata import PackageNotFoundError, distribution  # slow to import

    try:
        lines = (distribution("segpost").read_text("WHEEL") or "").splitlines()
    except PackageNotFoundError:
        return None
    tags = [line.partition(":")[2].strip() for line in lines if line.startswith("Tag:")]
    return ", ".join(tags) or None


def _wheel_kind(has_cuda: bool) -> str:
    """Return what an installation consists of; compiled code may be there and not load."""
    if has_cuda:
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
    has_cuda = importlib.util.find_spec("segpost._cuda") is not None
    config: dict[str, Any] = {
        "segpost": package_version(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "platform": platform.platform(),
        "numpy": version("numpy"),
        "numba": _version_of_numba(),
        "wheel": _wheel_kind(has_cuda),
        "wheel_tag": _wheel_tag(),
        "backend": registry.backend_name(),
        "backend_reason": registry.backend_reason(),
        "native": failure is None,
        "native_problem": failure and failure[0],
        "native_cure": failure and failure[1],
        "cuda": has_cuda,
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
