"""What this installation is made of."""

from __future__ import annotations

import importlib.util
import platform
from pathlib import Path
from typing import Any

from segpost._backends import registry, threads
from segpost._core import extensions


def cuda_available() -> bool:
    """Whether arrays on a CUDA device can be used here. This loads the driver.

    A process that has asked, or used a device, must not fork and use it in the child: CUDA does not
    work there.

    Examples
    --------
    >>> import segpost
    >>> segpost.cuda_available() == (segpost.why_no_cuda() is None)
    True
    """
    return extensions.cuda_problem() is None


def why_no_cuda() -> str | None:
    """What is missing for arrays on a CUDA device, or None. This loads the driver.

    Returns
    -------
    problem : str or None
        That CUDA was not built, that there is no driver or no device, or that the driver is old.
    """
    return extensions.cuda_problem()


def raise_deferred() -> None:
    """Wait for calls with ``check="deferred"``, and raise what they met.

    Raises
    ------
    ValueError
        If a kernel met bad values: which operation, how many, and the flat index of the first. It
        is that of one call; the next ones are told by calling this again.
    """
    registry.raise_deferred()


def get_include() -> Path:
    """The folder of the headers for C, C++ and Cython: ``#include <segpost/capi.h>``.

    Returns
    -------
    folder : pathlib.Path

    Raises
    ------
    ImportError
        Where segpost was installed without native code.

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


def build_config() -> dict[str, Any]:
    """Versions, backends, SIMD levels and threads of this installation.

    Examples
    --------
    >>> import segpost
    >>> sorted(segpost.build_config())[:3]
    ['backend', 'compiler', 'cuda']
    """
    from importlib.metadata import version  # slow to import, and needed here only

    problem = extensions.native_problem()
    config: dict[str, Any] = {
        "segpost": version("segpost"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "numpy": version("numpy"),
        "numba": version("numba"),
        "backend": registry.backend_name(),
        "native": problem is None,
        "native_problem": problem,
        "cuda": importlib.util.find_spec("segpost._cuda") is not None,
        "simd_level": None,
        "simd_levels": [],
        "compiler": None,
        "threads": threads.num_threads(),
    }
    if problem is None:
        from segpost import _cpu

        config["simd_level"] = _cpu.level()
        config["simd_levels"] = _cpu.levels()
        config["compiler"] = _cpu.compiler
    return config
