"""Blocks of a raster as files of a run folder, so that a run that was killed goes on."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segpost._core.arrays import Array
from segpost._core.text import display_path
from segpost.files.tables import read_json_object
from segpost.files.writing import atomic_write, write_text

SETTINGS_FILE = "raster.json"


class BlockFolder:
    """The arrays of blocks in a folder, and the settings by which they were computed.

    A block is one file with a checksum over all of it. Writing a block again gives the same bytes,
    so that several processes may share a folder. What is damaged counts as missing.

    Parameters
    ----------
    path : Path
        The folder, which is made if it is missing.
    settings : mapping
        What the blocks depend on, as JSON has it.

    Raises
    ------
    ValueError, OSError
        If the folder is of other settings, or cannot be written.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        text = json.dumps(settings, sort_keys=True, indent=1)
        self._run = hashlib.sha256(text.encode()).hexdigest()
        (path / "blocks").mkdir(parents=True, exist_ok=True)
        file = path / SETTINGS_FILE
        if file.exists():
            before = read_json_object(file)
            names = sorted(
                name
                for name in before.keys() | settings.keys()
                if before.get(name) != json.loads(text).get(name)
            )
            if names:
                name = names[0]
                raise ValueError(
                    f"{display_path(path)} is the run of other settings: {name} was "
                    f"{before.get(name)!r} and is {settings.get(name)!r}; pass another folder"
                )
        else:
            write_text(file, text + "\n")

    def has(self, index: int) -> bool:
        """Return whether the file of a block is there, without damage and of these settings."""
        return self._load(index) is not None

    def read(self, index: int) -> dict[str, Array]:
        """Return the arrays of a block.

        Raises
        ------
        ValueError, OSError
            If its file is missing or damaged.
        """
        loaded = self._load(index)
        if loaded is None:
            raise ValueError(f"{display_path(self._path(index))} is missing or damaged")
        header, body = loaded
        arrays, data, start = {}, zlib.decompress(body), 0
        for name, dtype, shape in header["arrays"]:
            array = np.frombuffer(data, np.dtype(dtype), int(np.prod(shape)), start)
            arrays[name] = array.reshape(shape)
            start += array.nbytes
        return arrays

    def write(self, index: int, arrays: Mapping[str, Array]) -> None:
        """Write the arrays of a block, atomically."""
        header = {
            "run": self._run,
            "block": index,
            "arrays": [[name, array.dtype.str, array.shape] for name, array in arrays.items()],
        }
        body = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
        rest = json.dumps(header).encode() + b"\n" + zlib.compress(body, 1)
        checksum = hashlib.sha256(rest).hexdigest().encode()
        with atomic_write(self._path(index)) as temporary:
            temporary.write_bytes(checksum + b"\n" + rest)

    def _load(self, index: int) -> tuple[dict[str, Any], bytes] | None:
        """Return the header and the compressed arrays of a block, None if it has no valid file."""
        try:
            content = self._path(index).read_bytes()
        except FileNotFoundError:
            return None
        checksum, _, rest = content.partition(b"\n")
        if hashlib.sha256(rest).hexdigest().encode() != checksum:
            return None
        head, _, body = rest.partition(b"\n")
        header = json.loads(head)
        if header["run"] != self._run or header["block"] != index:
            return None
        return header, body

    def _path(self, index: int) -> Path:
        """Return the file of a block."""
        return self.path / "blocks" / f"{index:06d}.block"
