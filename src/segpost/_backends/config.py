"""What this installation is made of, and its number of threads."""

from __future__ import annotations

import importlib.util
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from segpost._backends import registry
from segpost._core import extensions

MOST_THREADS = 1024
_threads: int = 1


def _default_threads() -> int:
    wanted = os.environ.get("SEGPOST_NUM_THREADS")
    if not wanted:
        affinity = getattr(os, "sched_getaffinity", None)
        return min(len(affinity(0)) if affinity else os.cpu_count() or 1, MOST_THREADS)
    if not (wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= MOST_THREADS):
        raise ValueError(
            f"SEGPOST_NUM_THREADS must be an integer in 1..{MOST_THREADS}, got {wanted!r}"
        )
    return int(wanted)


def set_num_threads(n: int) -> None:
    """Use up to `n` threads a call, in this process; results do not depend on it.

    Parameters
    ----------
    n : int
        At least 1. The start value is ``SEGPOST_NUM_THREADS`` or the number of processors this
        process may run on; a forked child starts with 1.

    Raises
    ------
    TypeError, ValueError
        If `n` is not a positive integer.
    """
    global _threads
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"n must be an integer, got {n!r}")
    if not 1 <= int(n) <= MOST_THREADS:
        raise ValueError(f"n must be in 1..{MOST_THREADS}, got {n}")
    _threads = int(n)
    if extensions.native_problem() is None:
        from segpost import _cpu

        _cpu.set_num_threads(_threads)


def num_threads() -> int:
    """The number of threads that a call may use."""
    return _threads


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
        "threads": _threads,
    }
    if problem is None:
        from segpost import _cpu

        config["simd_level"] = _cpu.level()
        config["simd_levels"] = _cpu.levels()
        config["compiler"] = _cpu.compiler
    return config


def _forked() -> None:
    global _threads
    _threads = 1  # a forked worker is one of many


def _use_environment() -> None:
    set_num_threads(_default_threads())
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forked)
    wanted = os.environ.get("SEGPOST_SIMD")
    if wanted and extensions.native_problem() is None:
        from segpost import _cpu

        if not _cpu.use_level(wanted.replace("-", "_")):
            raise ValueError(
                f"SEGPOST_SIMD must be one of {', '.join(_cpu.levels())} on this processor, "
                f"got {wanted!r}"
            )


_use_environment()
