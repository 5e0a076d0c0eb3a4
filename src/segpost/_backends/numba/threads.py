"""Compilation of kernels, and execution of strips on several threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from numba import njit

from segpost._backends.numba.cache import KernelCache
from segpost._backends.threads import num_threads

Function = TypeVar("Function", bound=Callable[..., Any])
Strip = TypeVar("Strip")
Result = TypeVar("Result")

MIN_THREAD_ELEMENTS = 1 << 18  # elements to read and write, about as long as starting a thread


def kernel(function: Function) -> Function:
    """Compile a function on first use, without the GIL, and cache it if a directory is writable.

    No fastmath: LLVM must neither contract nor reorder the arithmetic of labels. Never parallel:
    Numba's own threads abort under concurrent callers and do not survive a fork.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        compiled = njit(cache=True, **options)(function)
    except RuntimeError:  # no directory is writable
        compiled = njit(**options)(function)
    else:
        compiled._cache = KernelCache(compiled._cache)
    return cast(Function, compiled)


def run(work: Callable[[Strip], Result], strips: Sequence[Strip], elements: int) -> list[Result]:
    """Return the results of ``work`` for every strip, in order.

    A single thread runs a loop, which Ctrl-C interrupts between strips. Further threads exist
    during the call only, so that a fork cannot break them.
    """
    threads = min(num_threads(), len(strips), max(elements // MIN_THREAD_ELEMENTS, 1))
    if threads < 2:
        return [work(strip) for strip in strips]
    pool = ThreadPoolExecutor(threads)
    try:
        return list(pool.map(work, strips))
    finally:
        pool.shutdown(cancel_futures=True)
