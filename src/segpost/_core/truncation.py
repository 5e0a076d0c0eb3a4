"""Native code whose file ends early, by a copy or a download that broke off.

The loader of Linux maps what the head of the file promises, and reading beyond the end is SIGBUS,
which ends the process.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES

_LOADED = 1  # PT_LOAD: a part of the file that is mapped into memory


def describe_truncation(folders: Sequence[str]) -> str | None:
    """Return which file of native code for this Python ends early, or None if none does.

    Parameters
    ----------
    folders : sequence of str
        The folders of the package.
    """
    names = (f"_cpu{EXTENSION_SUFFIXES[0]}", os.path.join("lib", "libsegpost.so"))
    for path in (os.path.join(folder, name) for folder in folders for name in names):
        try:
            with open(path, "rb") as file:
                wanted, size = promised_bytes(file.read(4096)), os.fstat(file.fileno()).st_size
        except OSError:
            continue  # the loader says why
        if size < wanted:
            return f"{path} is truncated: it has {size} of at least {wanted} bytes"
    return None


def promised_bytes(head: bytes) -> int:
    """Return how long a file of 64-bit ELF must be, by its first bytes; 0 for other files."""
    if len(head) < 64 or head[:5] != b"\x7fELF\x02":
        return 0
    order = "<" if head[5] == 1 else ">"
    (table,) = struct.unpack_from(f"{order}Q", head, 32)
    entry, count = struct.unpack_from(f"{order}HH", head, 54)
    ends = [table + entry * count]
    for place in range(table, min(ends[0], len(head) - 39), max(entry, 1)):
        (kind,) = struct.unpack_from(f"{order}I", head, place)
        (start,) = struct.unpack_from(f"{order}Q", head, place + 8)
        (length,) = struct.unpack_from(f"{order}Q", head, place + 32)
        ends.append(start + length if kind == _LOADED else 0)
    return int(max(ends))
