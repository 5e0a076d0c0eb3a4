"""What a device would be asked to do by calls of an emulated module."""

from __future__ import annotations

import ctypes
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import ModuleType
from typing import NamedTuple


class Launch(NamedTuple):
    """A kernel in a grid of so many blocks; else a copy, a sort or sums, and their size."""

    name: str
    blocks: int = 0
    threads: int = 0  # of a block
    shared: int = 0  # bytes of a block, beside what the kernel itself declares
    size: int = 0  # bytes of a copy; numbers that are sorted or summed
    # Of kernels that are watched, in bytes of whole sectors of 32.
    read: int = 0
    written: int = 0
    touched_by_blocks: int = 0  # each sector counts once a block
    atomics: int = 0  # on global memory
    signature: str = ""  # of a kernel: names of two may be the same

    @property
    def is_kernel(self) -> bool:
        """Whether it is one of this project's kernels."""
        return self.threads > 0


@lru_cache
def list_symbols(path: str) -> dict[int, str]:
    """Names of functions, by their place in a library."""
    listed = subprocess.run(["nm", "-C", path], capture_output=True, text=True, check=True).stdout
    symbols = {}
    for line in listed.splitlines():
        place, _, name = line.partition(" ")
        if place.strip():
            symbols[int(place, 16)] = name[2:]
    return symbols


def signature_of(symbol: str) -> str:
    """A function as a compiler names it, without namespaces."""
    return re.sub(
        r"^void |\(anonymous namespace\)::|_GLOBAL__N_\w*::|segpost::(gpu::)?", "", symbol
    )


def name_of(signature: str) -> str:
    """A kernel's name with its template arguments: `fill<unsigned char>`."""
    depth = 0
    for i, letter in enumerate(signature):
        depth += (letter == "<") - (letter == ">")
        if letter == "(" and depth == 0:
            return signature[:i]
    return signature


def set_limits(module: ModuleType, processors: int, shared: int, all_shared: int) -> None:
    """Emulate a device with so many processors, and shared memory of a block and a processor."""
    library = ctypes.CDLL(module.__file__)
    library.emulated_set_limits(processors, ctypes.c_size_t(shared), ctypes.c_size_t(all_shared))


@contextmanager
def record_launches(module: ModuleType) -> Iterator[list[Launch]]:
    """List what is launched meanwhile; the list is complete at the end."""
    library = ctypes.CDLL(module.__file__)
    library.emulated_stop_recording.restype = ctypes.c_char_p
    launches: list[Launch] = []
    library.emulated_start_recording()
    try:
        yield launches
    finally:
        text = library.emulated_stop_recording().decode()
    symbols = list_symbols(str(module.__file__))
    (origin,) = (place for place, name in symbols.items() if name.endswith("::exported()"))
    for line in text.splitlines():
        name, *numbers = line.split("\t")
        if name == "kernel":
            offset, blocks, threads, shared, read, written, by_blocks, atomics = map(int, numbers)
            signature = signature_of(symbols[origin + offset])
            launches.append(
                Launch(name_of(signature), blocks, threads, shared, 0, read, written, by_blocks,
                       atomics, signature)
            )  # fmt: skip
        else:
            launches.append(Launch(name, size=int(numbers[0])))
