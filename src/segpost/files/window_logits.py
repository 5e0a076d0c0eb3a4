"""Readers of the logits of windows: a Zarr array, a folder of .npy files, or one .npy file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from segpost._core.arrays import Array
from segpost._core.text import FILE_ERRORS, display_path, format_names
from segpost.files.arrays import ARRAY_SUFFIXES, read_array
from segpost.files.tables import read_json_object, read_text

ZARR_FILES = ("zarr.json", ".zarray", ".zgroup")
DIGITS = re.compile(r"(\d+)")

Window = tuple[int, int, int, int]  # y, x, height, width


class WindowLogits(NamedTuple):
    """The logits of windows on disk.

    Attributes
    ----------
    read : function of an integer
        Returns the logits of the window with this index.
    names : tuple of str
        The names of the files in a folder; empty if all windows are in one array.
    total : int
        The number of windows.
    content : str
        The shape and the type of an array, or the number of files, for records.
    """

    read: Callable[[int], Array]
    names: tuple[str, ...]
    total: int
    content: str


def open_window_logits(path: Path) -> WindowLogits:
    """Open the logits of windows, without reading them.

    Parameters
    ----------
    path : Path
        A Zarr array or an .npy file of shape (N, C, h, w) or (N, h, w, C), or a folder of .npy or
        .npz files of one window each. The files of a folder are in the natural order of their
        names: ``2.npy`` is before ``10.npy``. Hidden files are ignored.

    Raises
    ------
    ValueError, OSError
        If it is none of these, or if chunks of a Zarr array are missing: they would be read as
        logits of 0.
    ImportError
        If a Zarr array is to be read and zarr is not installed.
    """
    if not path.is_dir():
        array = read_array(path)
        return _of_array(array, path, str(array.dtype))
    if any((path / name).exists() for name in ZARR_FILES):
        return _open_zarr(path)
    files = sorted(
        (
            file
            for file in path.iterdir()
            if file.suffix.lower() in ARRAY_SUFFIXES and not file.name.startswith(".")
        ),
        key=lambda file: natural_key(file.name),
    )
    if not files:
        raise ValueError(f"{display_path(path)} is no Zarr array, and holds no .npy or .npz file")

    def read(index: int) -> Array:
        try:
            return read_array(files[index])
        except ValueError as error:
            raise ValueError(f"{display_path(files[index])}: {error}") from error

    names = tuple(file.name for file in files)
    return WindowLogits(read, names, len(files), f"{len(files)} files")


def read_windows(path: Path, names: tuple[str, ...], count: int) -> list[Window]:
    """Return the windows of a JSON file, in the order of the logits.

    Parameters
    ----------
    path : Path
        A list of (y, x, height, width), or an object that has one for each file of a folder.
    names : tuple of str
        The names of these files, in order; empty if the logits are one array.
    count : int
        The number of windows that there are logits of.

    Raises
    ------
    ValueError, OSError
        If the file is no such list or object, or if windows and logits are not of the same number.
    """
    shown = display_path(path)
    text = read_text(path)
    if text.lstrip().startswith("{"):
        by_name = read_json_object(path)
        if not names:
            raise ValueError(f"{shown} has windows by file name, but the logits are one array")
        for one, other, what in (
            (set(names), by_name.keys(), "has no window for"),
            (by_name.keys(), set(names), "has windows of files that are not there:"),
        ):
            missing = sorted(set(one) - set(other), key=natural_key)
            if missing:
                raise ValueError(f"{shown} {what} {format_names(missing)}")
        windows = [by_name[name] for name in names]
    else:
        try:
            windows = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{shown}: {error}") from error
        if not isinstance(windows, list) or len(windows) != count:
            actual = len(windows) if isinstance(windows, list) else type(windows).__name__
            raise ValueError(f"{shown} must list the {count} windows of the logits, has {actual}")
    for index, window in enumerate(windows):
        is_window = isinstance(window, list) and len(window) == 4
        if not is_window or any(type(number) is not int for number in window):
            raise ValueError(
                f"{shown}: window {index} must be [y, x, height, width] of integers, got {window!r}"
            )
    return [(y, x, height, width) for y, x, height, width in windows]


def natural_key(name: str) -> tuple[tuple[str, int, str], ...]:
    """Return a sort key by which the numbers in names are in the order of their values.

    Examples
    --------
    >>> from segpost.files.window_logits import natural_key
    >>> sorted(["w10.npy", "w2.npy"], key=natural_key)
    ['w2.npy', 'w10.npy']
    """
    parts = DIGITS.split(name)
    numbers = [*parts[1::2], "0"]
    return tuple(
        (word, int(number), number) for word, number in zip(parts[::2], numbers, strict=True)
    )


def _open_zarr(path: Path) -> WindowLogits:
    """Open a Zarr array."""
    try:
        import zarr  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError as error:
        raise ImportError(
            f'a Zarr array needs zarr ({error}): pip install "segpost[geo]"', name="zarr"
        ) from None
    try:
        opened = zarr.open(str(path), mode="r")
    except Exception as error:  # metadata that are damaged raise anything
        raise ValueError(f"{display_path(path)} cannot be opened as Zarr: {error}") from error
    if isinstance(opened, zarr.Group):
        arrays = sorted(name for name, _ in opened.arrays())
        raise ValueError(
            f"{display_path(path)} is a Zarr group; pass one of its arrays, "
            f"such as {display_path(path / (arrays or ['logits'])[0])}: it has "
            f"{format_names(arrays) or 'none'}"
        )
    if opened.shards is None and opened.nchunks_initialized < opened.nchunks:
        missing = opened.nchunks - opened.nchunks_initialized
        raise ValueError(
            f"{display_path(path)} lacks {missing} of {opened.nchunks} chunks; they would be read "
            f"as logits of {opened.fill_value}. Write all windows first"
        )

    def read(index: int) -> Any:
        try:
            return opened[index]
        except FILE_ERRORS:
            raise
        except Exception as error:  # decoders of damaged chunks raise anything
            raise ValueError(f"{display_path(path)} cannot be decoded: {error}") from error

    return _of_array(opened, path, str(opened.dtype))._replace(read=read)


def _of_array(array: Any, path: Path, dtype: str) -> WindowLogits:
    """Return the windows of an array (N, C, h, w)."""
    if len(array.shape) != 4:
        raise ValueError(
            f"{display_path(path)} must have shape (windows, classes, height, width), got "
            f"{array.shape}"
        )
    content = f"{dtype} {'x'.join(map(str, array.shape))}"
    return WindowLogits(array.__getitem__, (), array.shape[0], content)
