"""The record of images in work, from which is known which image a process died at.

``shards/000123.try`` gets a line when an image begins: who counts it, and its number. It is
removed when the shard is written; so a line is left where a process died, or is still at work.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
from collections import Counter
from functools import cache
from pathlib import Path

from segpost.files.temporary import is_alive

NO_IMAGE = -1  # in place of an image: a worker that dies now dies at none


class TryRecord:
    """The images of a shard that processes have begun.

    Parameters
    ----------
    path : Path
        The file; its first line is written at the first image.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._worker = f"{_host()} {os.getpid()} {_start_time(os.getpid())} {os.urandom(4).hex()}"
        self._file: int | None = None

    def deaths(self) -> tuple[Counter[int], Counter[int]]:
        """Return how often a process died at each image: on this host, and maybe on others.

        Whether a process of another host has died cannot be seen from here.
        """
        last: dict[str, int] = {}
        with contextlib.suppress(FileNotFoundError):
            for line in self.path.read_text("ascii", "replace").splitlines():
                worker, _, text = line.rpartition(" ")
                if text.removeprefix("-").isdecimal() and worker.count(" ") == 3:
                    last[worker] = int(text)
        here: Counter[int] = Counter()
        elsewhere: Counter[int] = Counter()
        for worker, number in last.items():
            host, pid, start, _ = worker.split(" ")
            if number == NO_IMAGE:
                continue
            if host != _host():
                elsewhere[number] += 1
            elif not (pid.isdecimal() and _start_time(int(pid)) == start):
                here[number] += 1
        return here, elsewhere

    def begin(self, number: int) -> None:
        """Write that this process begins an image."""
        if self._file is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
            self._file = os.open(self.path, flags, 0o666)
        os.write(self._file, f"{self._worker} {number}\n".encode())

    def leave(self) -> None:
        """Write that this process is at no image, if it was at one."""
        if self._file is not None:
            self.begin(NO_IMAGE)

    def close(self) -> None:
        """Write that this process has stopped, and not died."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self.leave()
            os.close(self._file)
            self._file = None

    def remove(self) -> None:
        """Remove the file: the shard is written."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self.path.unlink(missing_ok=True)


@cache
def _host() -> str:
    """Return a name of this system, in which process ids are unique."""
    identity = [socket.gethostname()]
    for path in ("/proc/sys/kernel/random/boot_id", "/etc/machine-id"):
        with contextlib.suppress(OSError):
            identity.append(Path(path).read_text("ascii", "replace"))
    with contextlib.suppress(OSError):
        identity.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha256("\n".join(identity).encode(errors="replace")).hexdigest()[:8]


def _start_time(pid: int) -> str:
    """Return when a process was started, which tells two of one id apart; empty if it is dead."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return "0" if not Path("/proc/self/stat").exists() and is_alive(pid) else ""
    fields = status.rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else fields[19]
