"""Memory that a process may have: a request for more is refused before any is taken."""

from __future__ import annotations

import os
import sys

UNCHECKED = 1 << 28  # bytes; smaller requests are not compared with the limit
CGROUP_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)


def check_memory(needed: int, argument: str, cure: str) -> None:
    """Refuse a request for more memory than this process may have.

    Parameters
    ----------
    needed : int
        The number of bytes.
    argument : str
        The argument that asks for them, with its value.
    cure : str
        What to do instead, an imperative.

    Raises
    ------
    MemoryError
        If the machine, the container or the limits of the process have less in all.
    """
    if needed < UNCHECKED:
        return
    limit = memory_limit()
    if limit is not None and needed > limit:
        raise MemoryError(
            f"{argument} needs {format_bytes(needed)} of memory, and this process may have "
            f"{format_bytes(limit)}; {cure}"
        )


def memory_limit() -> int | None:
    """Return the bytes that this process may have in all; None where nothing says it.

    The smallest of the machine's memory and swap, the container's limit and the limit of the
    address space (`ulimit -v`).
    """
    limits = [_machine_memory(), *map(_number_in, CGROUP_LIMITS), _address_space()]
    return min((limit for limit in limits if limit is not None), default=None)


def format_bytes(count: int) -> str:
    """Return a number of bytes as text.

    Examples
    --------
    >>> from segpost._core.memory import format_bytes
    >>> format_bytes(3 << 29), format_bytes(5 << 50)
    ('1.5 GiB', '5,120.0 TiB')
    """
    unit = "TiB" if count >= 1 << 40 else "GiB"
    return f"{count / (1 << 40 if unit == 'TiB' else 1 << 30):,.1f} {unit}"


def _machine_memory() -> int | None:
    """Return the bytes of the machine's memory and swap; None on systems that do not say it."""
    try:
        lines = _read("/proc/meminfo").splitlines()
        sizes = {line.split(":")[0]: line.split()[1] for line in lines}
        return 1024 * (int(sizes["MemTotal"]) + int(sizes.get("SwapTotal", 0)))
    except (OSError, ValueError, IndexError, KeyError):
        pass
    if sys.platform == "win32":
        return None
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None


def _read(path: str) -> str:
    """Return the text of a file of the system."""
    with open(path, encoding="ascii") as file:  # few modules: pathlib takes longer to import
        return file.read()


def _number_in(path: str) -> int | None:
    """Return the number in a file; None without one ("max" says that there is no limit)."""
    try:
        return int(_read(path))
    except (OSError, ValueError):
        return None


def _address_space() -> int | None:
    """Return the limit of the process's address space; None without one."""
    if sys.platform == "win32":
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else soft
