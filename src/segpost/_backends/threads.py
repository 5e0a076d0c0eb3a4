"""The number of threads and the SIMD level of a process, also by environment variables."""

from __future__ import annotations

import os
from threading import RLock

from segpost._core import extensions

MAX_THREADS = 1024
_threads: int | None = None  # None: the environment has not been read
_simd_applied = False
_lock = RLock()  # of both, and of what the native code has


def set_num_threads(n: int) -> None:
    """Set the largest number of threads that a call uses, in this process.

    Results do not depend on it.

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
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"n must be an integer, got {n!r}")
    if not 1 <= int(n) <= MAX_THREADS:
        raise ValueError(f"n must be in 1..{MAX_THREADS}, got {n}")
    with _lock:
        _apply(int(n))


def num_threads() -> int:
    """Return the largest number of threads that a call uses.

    Raises
    ------
    ValueError
        If ``SEGPOST_NUM_THREADS`` or ``SEGPOST_SIMD`` has an invalid value.
    """
    if _threads is None:
        apply_environment()
    return _threads or 1


def apply_environment() -> None:
    """Read ``SEGPOST_NUM_THREADS`` and ``SEGPOST_SIMD``, once and before the first kernel runs.

    Raises
    ------
    ValueError
        If one of them has an invalid value.
    """
    global _simd_applied
    with _lock:
        if not _simd_applied:
            _apply_simd_level()
            _simd_applied = True
        if _threads is None:
            _apply(_initial_threads())


def _apply(n: int) -> None:
    global _threads
    _threads = n
    if extensions.native_problem() is None:
        from segpost import _cpu

        _cpu.set_num_threads(n)


def _initial_threads() -> int:
    text = os.environ.get("SEGPOST_NUM_THREADS")
    if not text:
        affinity = getattr(os, "sched_getaffinity", None)
        return min(len(affinity(0)) if affinity else os.cpu_count() or 1, MAX_THREADS)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_THREADS):
        raise ValueError(
            f"SEGPOST_NUM_THREADS must be an integer in 1..{MAX_THREADS}, got {text!r}"
        )
    return int(text)


def _apply_simd_level() -> None:
    level = os.environ.get("SEGPOST_SIMD")
    if level and extensions.native_problem() is None:
        from segpost import _cpu

        if not _cpu.use_level(level.replace("-", "_")):
            levels = ", ".join(name.replace("_", "-") for name in _cpu.levels())
            raise ValueError(
                f"SEGPOST_SIMD must be one of {levels} on this processor, got {level!r}"
            )


def _after_fork() -> None:
    """Start anew in a child: a thread that it does not have may hold the lock."""
    global _threads, _lock
    _lock = RLock()
    if _threads is not None:
        _threads = 1  # forked workers usually run in parallel


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
