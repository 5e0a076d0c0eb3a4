"""Listing of the files of a data set, each with its key: its name without the usual suffixes."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from segpost._core.text import MAX_NAMES, display_path, format_names

# Ends of names in which the predictions and the targets of one image differ.
SUFFIXES = (
    "_leftImg8bit",
    "_gtFine_labelIds",
    "_gtFine_labelTrainIds",
    "_gtCoarse_labelIds",
    "_gtCoarse_labelTrainIds",
    "_predictions",
    "_prediction",
    "_preds",
    "_pred",
    "_labels",
    "_label",
    "_masks",
    "_mask",
    "_seg",
    "_target",
    "_gt",
    "_logits",
    "_image",
)
INSTANCE_SUFFIXES = (
    "_gtFine_instanceIds",
    "_gtCoarse_instanceIds",
    "_instanceIds",
    "_instances",
    "_instance",
)
# Ends of the files of Cityscapes that are no label maps; and of those that are instance maps.
NOT_LABELS = ("_color", "_instanceIds", "_instanceTrainIds")
INSTANCES = ("_instanceIds",)
ALL_SUFFIXES = (*INSTANCE_SUFFIXES, *SUFFIXES)
DIGITS = re.compile(r"([0-9]+)")
DOUBLE_ENDINGS = (".nii.gz",)

ListedFile = tuple[str, int | None, int | None]  # name relative to the folder, inode, size


class DataFile(NamedTuple):
    """A file of a data set, and the key that pairs it with others."""

    key: str  # its name without suffixes
    name: str  # relative to the folder, with / between the parts; in lists as it is there
    folder: Path
    inode: int | None = None  # None where it is not known, and of links
    size: int | None = None  # in bytes; None where it was not looked up

    @property
    def path(self) -> Path:
        """Folder and name together."""
        return self.folder / self.name


def list_files(
    source: Path,
    what: str,
    kinds: Collection[str],
    suffixes: Sequence[str] = (),
    *,
    instances: bool = False,
) -> list[DataFile]:
    """Return the files of a source, sorted by their keys.

    Parameters
    ----------
    source : Path
        A folder, searched with everything below it; a .txt file with a path a line, relative to
        it; or a file.
    what : str
        What the source is called in errors.
    kinds : collection of str
        The endings of files that count, such as ".png".
    suffixes : sequence of str
        Ends of names, with or without the ending such as ".png", that are removed; only files
        that have one of them count. Without any, the common ones are removed where they are.
    instances : bool
        Whether instance maps are wanted, not label maps.

    Raises
    ------
    ValueError, OSError
        If there is no such file, or a list names one that is missing or one twice.
    """
    if is_single_file(source):
        if not source.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(source))
        own_key = _file_key(source.name, suffixes, instances)
        only_key = own_key or name_without_ending(source)
        return [DataFile(only_key, source.name, source.parent)]
    is_list = source.suffix.lower() == ".txt"
    folder = source.parent if is_list else source
    listed = _read_list(source) if is_list else _list_entries(source)
    files = [file for file in listed if _ending(file[0]) in kinds]
    if not files:
        others = sorted({_ending(name) for name, _, _ in listed} - {""})
        raise ValueError(
            f"{what}: {display_path(source)} holds no {', '.join(dict.fromkeys(kinds))} file"
            + (f", but {len(listed)} of {', '.join(others[:MAX_NAMES])}" if others else "")
        )
    data_files = [
        DataFile(key, name, folder, inode, size)
        for name, inode, size in files
        if (key := _file_key(name, suffixes, instances)) is not None
    ]
    if not data_files:
        ends = suffixes or (INSTANCES if instances else ("_labelIds", "_labelTrainIds"))
        raise ValueError(
            f"{what}: no file in {display_path(source)} has a name that ends with "
            f"{' or '.join(map(repr, ends))}, with or without its suffix; there is "
            f"{format_names([name for name, _, _ in files])}"
        )
    return sorted(data_files)


def is_single_file(source: Path) -> bool:
    """Return whether a source is one file, not a folder or a list."""
    return not source.is_dir() and source.suffix.lower() != ".txt"


def file_ending(path: Path) -> str:
    """Return the ending of the name of a file, in lower case; that of .nii.gz is both parts.

    Examples
    --------
    >>> from pathlib import Path
    >>> from segpost.files.listing import file_ending
    >>> file_ending(Path("case.1.nii.gz")), file_ending(Path("a.PNG"))
    ('.nii.gz', '.png')
    """
    return _ending(path.name)


def name_without_ending(path: Path) -> str:
    """Return the name of a file without what `file_ending` returns."""
    return path.name[: len(path.name) - len(file_ending(path))]


def walk_folder(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield relative names and paths of the files below a folder, without hidden ones.

    Links are followed, except to a folder that contains them.
    """
    return ((name, folder / name) for name, _, _ in _list_entries(folder))


def _list_entries(folder: Path) -> list[ListedFile]:
    """Return the files of `walk_folder`, by their relative names.

    The entries of a folder say all of it: only links are looked up.
    """
    files: list[ListedFile] = []
    _append_entries(files, str(folder), "", ())
    return files


def _append_entries(
    files: list[ListedFile], folder: str, prefix: str, ancestors: tuple[tuple[int, int], ...]
) -> None:
    """Append the files of a folder, whose names begin with a prefix."""
    status = os.stat(folder)
    identity = (status.st_dev, status.st_ino)
    if identity in ancestors:
        return
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=attrgetter("name")):
            name = entry.name
            if name.startswith("."):
                continue
            if _holds(entry.is_dir):
                _append_entries(files, entry.path, f"{prefix}{name}/", (*ancestors, identity))
            elif _holds(entry.is_file) or not os.path.exists(entry.path):
                # A dead link fails later; a pipe is no file.
                inode = None if entry.is_symlink() else entry.inode()
                files.append((prefix + name, inode, None))


def _holds(question: Callable[[], bool]) -> bool:
    """Return the answer about an entry; a link to itself is neither a folder nor a file."""
    try:
        return question()
    except OSError:
        return False


def natural_key(name: str) -> list[tuple[int, int | str]]:
    """Return the key by which names with numbers are sorted as their numbers are.

    Examples
    --------
    >>> from segpost.files.listing import natural_key
    >>> sorted(["a10", "a9", "b1"], key=natural_key)
    ['a9', 'a10', 'b1']
    """
    parts = DIGITS.split(name)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part]


def _read_list(source: Path) -> list[ListedFile]:
    """Return the files that a list has a line each for, relative to it."""
    text = source.read_bytes().decode("utf-8", "surrogateescape")
    lines = text.lstrip("\ufeff").split("\n")
    names = [name for line in lines if (name := line.strip(" \t\r"))]
    if not names:
        raise ValueError(f"{display_path(source)} names no file")
    if "\0" in text:
        raise ValueError(f"{display_path(source)} is no list of paths: it holds zero bytes")
    if len(set(names)) < len(names):
        repeated = sorted(name for name, times in Counter(names).items() if times > 1)
        raise ValueError(f"{display_path(source)} names {format_names(repeated)} more than once")
    prefix = os.path.join(source.parent, "")
    files: list[ListedFile] = []
    missing = []
    for name in names:
        path = name if os.path.isabs(name) else prefix + name
        if (status := _regular_status(path)) is None:
            missing.append(name)
        else:
            files.append((_as_posix(name), status.st_ino, status.st_size))
    if missing:
        raise ValueError(
            f"{display_path(source)} names {len(missing)} of {len(names)} files that are not "
            f"there, relative to {display_path(source.parent)}: {format_names(missing)}"
        )
    return files


def _as_posix(name: str) -> str:
    """Return `pathlib.PurePath.as_posix` of a name; most names are as they are."""
    is_plain = "//" not in name and "/." not in f"/{name}" and "\\" not in name
    return name if is_plain else Path(name).as_posix()


def _regular_status(path: str) -> os.stat_result | None:
    """Return the status of a regular file, or None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _ending(name: str) -> str:
    """Return the ending of a name as `file_ending` does."""
    last = _suffix(name).lower()
    if last != ".gz":
        return last
    double = _suffix(name[: -len(last)]).lower() + last
    return double if double in DOUBLE_ENDINGS else last


def _suffix(name: str) -> str:
    """Return the end of a name from its last dot on, as `pathlib.PurePath.suffix`."""
    start, _, end = name.rpartition(".")
    return f".{end}" if start and end and "/" not in end and start[-1] != "/" else ""


def _file_key(name: str, suffixes: Sequence[str], instances: bool) -> str | None:
    """Return a name without its suffixes, or None where the file is not one of the data set."""
    before, slash, last = name.rpartition("/")
    is_double = last.lower().endswith(DOUBLE_ENDINGS)
    stem = (last[:-3] if is_double else last).rpartition(".")[0] or last
    if suffixes:
        for end in suffixes:
            for name_part in (stem, last):  # without and with the ending of the file
                if name_part.endswith(end) and len(name_part) > len(end):
                    return before + slash + name_part[: -len(end)]
        return None
    is_other_kind = not stem.endswith(INSTANCES) if instances else stem.endswith(NOT_LABELS)
    if is_other_kind and ("_gtFine_" in stem or "_gtCoarse_" in stem):
        return None
    ends = ALL_SUFFIXES if instances else SUFFIXES
    while stem.endswith(ends):
        end = next((s for s in ends if stem.endswith(s) and len(stem) > len(s)), "")
        if not end:
            break
        stem = stem[: -len(end)]
    return before + slash + stem
