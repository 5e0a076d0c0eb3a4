"""How kernels are compiled, and how the strips of a call are spread over threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from numba import njit

from segpost._backends.threads import num_threads

Function = TypeVar("Function", bound=Callable[..., Any])
Strip = TypeVar("Strip")
Result = TypeVar("Result")

WORTH_A_THREAD = 1 << 18  # elements to read and write; starting a thread takes as long as fewer


def kernel(function: Function) -> Function:
    """Compile on first use, without the GIL; the machine code is kept where there is a place.

    No fastmath: LLVM must neither contract nor reorder what decides a label. Never parallel:
    Numba's own threads abort under concurrent callers and do not survive a fork.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        compiled = njit(cache=True, **options)(function)
    except RuntimeError:  # no directory can hold a cache
        compiled = njit(**options)(function)
    return cast(Function, compiled)


def run(work: Callable[[Strip], Result], strips: Sequence[Strip], elements: int) -> list[Result]:
    """``work`` of every strip, in order.

    One thread takes them in a loop, so that Ctrl-C is answered between two. More threads live for
    this call only: nothing stays behind that a fork could break.
    """
    threads = min(num_threads(), len(strips), max(elements // WORTH_A_THREAD, 1))
    if threads < 2:
        return [work(strip) for strip in strips]
    pool = ThreadPoolExecutor(threads)
    try:
        return list(pool.map(work, strips))
    finally:
        pool.shutdown(cancel_futures=True)
