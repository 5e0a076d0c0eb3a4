"""The journal of a run: what was made of which inputs, a line an item.

It lies beside the outputs. A line has a check sum, so that one that was cut is no line. It is
written before the outputs take their names: a file that no line names is not that of a run.
"""

from __future__ import annotations

import errno
import json
import os
import threading
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from segpost._core.text import ErrorText

BEGINNING, ENDING = ".segpost-run", ".jsonl"
BLOCK = 1 << 20  # bytes that are read at once


class OutputError(Exception):
    """An output cannot be written, or should not be: the run stops."""

    def __init__(self, text: ErrorText) -> None:
        super().__init__(str(text))
        self.text = text


class FileSum(NamedTuple):
    """The size and the check sum of a file's content."""

    size: int
    crc32: int


class Entry(NamedTuple):
    """What was made of one item.

    Attributes
    ----------
    item : str
        The name of its outputs without kind and ending.
    settings : str
        A check sum of the options.
    inputs, outputs : dict of str to FileSum
        Outputs by their paths below the folder.
    """

    item: str
    settings: str
    inputs: dict[str, FileSum]
    outputs: dict[str, FileSum]


class Journal:
    """The entries of all processes that write into one folder; this one appends to one file.

    Parameters
    ----------
    folder : Path
        The folder of the outputs.
    part : str
        What distinguishes the file from those of other processes, such as ``"3-of-8"``.
    """

    def __init__(self, folder: Path, part: str = "") -> None:
        self.folder = folder
        self.path = folder / f"{BEGINNING}{f'-{part}' if part else ''}{ENDING}"
        self.entries: dict[str, Entry] = {}  # the last one of every item
        self.owners: dict[str, str] = {}  # items by the paths of their outputs
        self._offsets: dict[str, int] = {}
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Read what was appended to any file of the folder since the last call."""
        if not self.folder.is_dir():
            return
        with self._lock:
            for name in sorted(os.listdir(self.folder)):
                if name.startswith(BEGINNING) and name.endswith(ENDING):
                    for entry in self._new_entries(name):
                        self.entries[entry.item] = entry
                        self.owners.update(dict.fromkeys(entry.outputs, entry.item))

    def append(self, entry: Entry) -> None:
        """Append an entry to the file of this process."""
        line = encode_line(entry._asdict())
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        with self._lock, open(os.open(self.path, flags, 0o666), "r+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))
            if file.read(1) not in (b"", b"\n"):  # a line that was cut
                line = b"\n" + line
            if file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        self.entries[entry.item] = entry
        self.owners.update(dict.fromkeys(entry.outputs, entry.item))

    def _new_entries(self, name: str) -> Iterator[Entry]:
        """Yield the entries of the complete lines behind those that were read before."""
        start = self._offsets.get(name, 0)
        with (self.folder / name).open("rb") as file:
            file.seek(start)
            for line in file:
                if not line.endswith(b"\n"):  # another process may be writing it
                    break
                start += len(line)
                entry = _parse(line)
                if entry is not None:
                    yield entry
        self._offsets[name] = start


def sum_of_file(path: Path) -> FileSum:
    """Return the size and the CRC-32 of what is read of a file."""
    size = crc = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            size += len(block)
            crc = zlib.crc32(block, crc)
    return FileSum(size, crc)


def encode_line(fields: Mapping[str, Any]) -> bytes:
    """Return a line of a check sum and JSON."""
    text = json.dumps(fields, sort_keys=True)
    return f"{zlib.crc32(text.encode()):08x} {text}\n".encode()


def decode_line(line: bytes) -> dict[str, Any] | None:
    """Return the fields of a line, None where it is damaged."""
    digits, _, text = line.rstrip(b"\n").partition(b" ")
    if digits != f"{zlib.crc32(text):08x}".encode():
        return None
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _parse(line: bytes) -> Entry | None:
    """Return the entry of a line, None where it is damaged."""
    fields = decode_line(line)
    if fields is None:
        return None
    try:
        inputs, outputs = (
            {name: FileSum(*value) for name, value in fields[key].items()}
            for key in ("inputs", "outputs")
        )
        return Entry(str(fields["item"]), str(fields["settings"]), inputs, outputs)
    except (KeyError, TypeError, AttributeError):
        return None
