"""Reader of arrays that NumPy has saved. It never unpickles.

Files are read, not mapped: one that becomes shorter meanwhile is an error, not a signal.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from math import prod
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from segpost._core.arrays import Array

ARRAY_SUFFIXES = (".npy", ".npz")
MAX_ARCHIVE_BYTES = 1 << 32  # that the arrays of an .npz file may have in memory
MAGIC = b"\x93NUMPY"
ARCHIVE_MAGIC = b"PK"
BLOCK = 1 << 26  # bytes that are read at once


class ArrayHeader(NamedTuple):
    """What an array file says of its array."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    fortran_order: bool
    offset: int  # of the first element in the file, -1 in an archive


def read_array(path: Path, index: int | None = None) -> Array:
    """Return the array of an .npy or .npz file, or one element of its first axis.

    Nothing is ever unpickled. An .npz file must hold one array, or one called ``logits``.

    Parameters
    ----------
    path : Path
        The file.
    index : int, optional
        An index of the first axis; of an .npy file nothing else is read then.

    Raises
    ------
    ValueError, OSError
        If the file is damaged, holds objects, holds several arrays and none called ``logits``, or
        its array has no such element.
    """
    with open_regular(path) as file:
        if _is_archive(file, path):
            return take_element(_read_archive(file, path), index)
        header = _read_header(file, path)
        shape, order = header.shape, "F" if header.fortran_order else "C"
        size = prod(shape) * header.dtype.itemsize
        byte_count = os.fstat(file.fileno()).st_size - header.offset
        if byte_count < size:
            raise ValueError(f"it is cut: {byte_count:,} bytes of {size:,} of its array are there")
        if index is None or order == "F":
            values = _read_values(file, header.dtype, prod(shape))
            array: Array = values.reshape(shape, order=order)  # type: ignore[call-overload]
            return take_element(array, index)
        check_index(shape, index)
        count = prod(shape[1:])
        file.seek(header.offset + index * count * header.dtype.itemsize)
        return _read_values(file, header.dtype, count).reshape(shape[1:])


def archive_array_name(path: Path) -> str:
    """Return the name of the array that is read of an .npz file.

    Raises
    ------
    ValueError, OSError
        As `read_array_header`.
    """
    import zipfile

    with open_regular(path) as file, _wrap_errors(path), zipfile.ZipFile(file) as archive:
        names = archive.namelist()
    return _member_name(names).removesuffix(".npy")


def take_element(array: Array, index: int | None) -> Array:
    """Return an element of the first axis of the array of a file, or all of it for None."""
    if index is None:
        return array
    check_index(array.shape, index)
    return np.asarray(array[index])


def check_index(shape: tuple[int, ...], index: int) -> None:
    """Raise a ValueError if the array of a file has no such element on its first axis."""
    if not shape or not 0 <= index < shape[0]:
        raise ValueError(f"it has no element {index} on its first axis: its shape is {shape}")


def read_array_header(path: Path) -> ArrayHeader:
    """Return shape and dtype of the array that `read_array` would return.

    Raises
    ------
    ValueError, OSError
        As `read_array`, but for damage behind the header.
    """
    with open_regular(path) as file:
        if not _is_archive(file, path):
            return _read_header(file, path)
        import zipfile

        with _wrap_errors(path):
            archive = zipfile.ZipFile(file)
        name = _member_name(archive.namelist())
        with _wrap_errors(path):
            member = archive.open(name)
        with member:
            return _read_header(member, path)._replace(offset=-1)


def open_regular(path: Path) -> FileIO:
    """Open a file for reading; a pipe would wait for its writer."""
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is no regular file")
    return path.open("rb", buffering=0)


def _is_archive(file: FileIO, path: Path) -> bool:
    """Return whether a file is an .npz file; one that is no array file is an error."""
    start = file.read(len(MAGIC))
    file.seek(0)
    if not start:
        raise _unreadable(path, "it is empty")
    if start == MAGIC or start.startswith(ARCHIVE_MAGIC):
        return start != MAGIC
    raise _unreadable(path, "it holds no array, and pickled objects are never loaded")


def _read_header(file: IO[bytes] | FileIO, path: Path) -> ArrayHeader:
    """Return what the header at the start of a file says; the file is then at the values."""
    from numpy.lib import format as npy

    with _wrap_errors(path):  # NumPy parses headers as Python literals
        version = npy.read_magic(file)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
        if read is None:
            raise ValueError(f"version {version} of the format, which only named fields need")
        shape, fortran_order, dtype = read(file)
    if dtype.hasobject:
        raise _unreadable(
            path,
            "it holds Python objects, such as a list or arrays of different shapes, which are "
            "never loaded; save numbers, one array a file: np.save(path, np.asarray(array, "
            "'float32'))",
        )
    if dtype.itemsize == 0 or dtype.subdtype is not None or any(n < 0 for n in shape):
        raise _unreadable(path, f"dtype {dtype} of shape {shape}")
    return ArrayHeader(tuple(map(int, shape)), dtype, bool(fortran_order), file.tell())


def _read_values(file: FileIO, dtype: np.dtype[np.generic], count: int) -> Array:
    """Return the next values of a file."""
    values = np.empty(count, dtype)
    target = values.view(np.uint8).data if count else memoryview(b"")
    done = 0
    while done < len(target):
        block = file.readinto(target[done : done + BLOCK])
        if not block:
            raise ValueError(
                f"it became shorter while it was read: {len(target) - done:,} bytes are missing"
            )
        done += block
    return values


def _read_archive(file: FileIO, path: Path) -> Array:
    """Return the array of an .npz file."""
    with _wrap_errors(path):
        archive = np.load(file, allow_pickle=False)
        size = sum(member.file_size for member in archive.zip.infolist())
    if size > MAX_ARCHIVE_BYTES:
        raise ValueError(f"it would become {size:,} bytes in memory; save it as .npy instead")
    name = _member_name([member.filename for member in archive.zip.infolist()])
    with _wrap_errors(path):
        array = archive[name]
    if not isinstance(array, np.ndarray):
        raise _unreadable(path, f"{name!r} in it is no array")
    return array


@contextmanager
def _wrap_errors(path: Path) -> Iterator[None]:
    """Make a ValueError of what NumPy and zipfile raise on damaged files, which is anything."""
    try:
        yield
    except (OSError, MemoryError):
        raise
    except Exception as error:
        raise _unreadable(path, error) from error


def _member_name(names: list[str]) -> str:
    """Return the name of the array that an archive is read for."""
    keys = {name.removesuffix(".npy"): name for name in names}
    if len(keys) != 1 and "logits" not in keys:
        raise ValueError(
            f"its arrays are {', '.join(map(repr, keys)) or 'none'}; "
            "wanted is one called 'logits', or a file of one array"
        )
    return next(iter(keys.values())) if len(keys) == 1 else keys["logits"]


def _unreadable(path: Path, reason: object) -> ValueError:
    return ValueError(f"cannot be read as {path.suffix}: {reason}")
