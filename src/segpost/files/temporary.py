"""Temporary files beside those that they become, and those that dead processes have left."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sys
from pathlib import Path

MAX_SUFFIX = 16  # letters of an ending that a temporary name keeps, for writers that look at it
QUERY_INFORMATION, NO_SUCH_PROCESS, STILL_ACTIVE = 0x1000, 87, 259  # numbers of Windows
NAME = re.compile(r"\.segpost-([0-9a-f]{8})-(\d+)-[0-9a-f]{8}(?:\.[^./]*)?")


def temporary_path(folder: Path, suffix: str = "") -> Path:
    """Return a new hidden path in a folder, whose name has this host, this process and chance."""
    ending = suffix if len(suffix) <= MAX_SUFFIX else ""
    return folder / f".segpost-{_host()}-{os.getpid()}-{os.urandom(4).hex()}{ending}"


def is_temporary(name: str) -> bool:
    """Return whether a file name is that of a temporary file.

    Examples
    --------
    >>> from segpost.files.temporary import is_temporary
    >>> is_temporary(".segpost-0123abcd-4711-89abcdef.png"), is_temporary("a.png")
    (True, False)
    """
    return NAME.fullmatch(name) is not None


def remove_dead_temporaries(folder: Path) -> int:
    """Remove the temporary files and folders that dead processes of this host have left.

    Those of other hosts stay, since nothing here says whether their processes live.

    Parameters
    ----------
    folder : Path
        The folder, without those below it.

    Returns
    -------
    int
        How many were removed.
    """
    import shutil  # which loads every compression

    removed = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            match = NAME.fullmatch(entry.name)
            if match is None or match[1] != _host() or is_alive(int(match[2])):
                continue
            with contextlib.suppress(OSError):  # another process may remove it too
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path)
                else:
                    os.unlink(entry.path)
                removed += 1
    return removed


@functools.cache
def _host() -> str:
    """Return 8 digits of this host and of its name space of processes.

    Containers of one machine may have the same process ids, and copies of one the same host name.
    """
    import zlib

    identity = [os.uname().nodename if hasattr(os, "uname") else os.environ["COMPUTERNAME"]]
    with contextlib.suppress(OSError):
        identity.append(os.readlink("/proc/self/ns/pid"))
    with contextlib.suppress(OSError):
        identity.append(Path("/etc/machine-id").read_text("ascii", "replace"))
    return f"{zlib.crc32(chr(10).join(identity).encode(errors='replace')):08x}"


def is_alive(pid: int) -> bool:
    """Return whether a process of this host may live."""
    if sys.platform == "win32":
        return _is_alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's, or no number of a process
        return True
    return True


def _is_alive_on_windows(pid: int) -> bool:
    """Return the same on Windows, where `os.kill` would send what Ctrl-C sends."""
    import ctypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    kernel.OpenProcess.restype = ctypes.c_void_p
    process = ctypes.c_void_p(kernel.OpenProcess(QUERY_INFORMATION, False, pid))
    if not process:
        error: int = ctypes.get_last_error()  # type: ignore[attr-defined,unused-ignore]
        return error != NO_SUCH_PROCESS
    status = ctypes.c_ulong()
    is_known = kernel.GetExitCodeProcess(process, ctypes.byref(status))
    kernel.CloseHandle(process)
    return not is_known or status.value == STILL_ACTIVE
