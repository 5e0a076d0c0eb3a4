"""The inputs of `segpost run`: files of logits, the items in them, and the image of each."""

from __future__ import annotations

import errno
import fnmatch
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from segpost._core.arrays import Array
from segpost._core.errors import warn_of_input
from segpost._core.suspicious_images import warn_of_label_image
from segpost._core.text import FILE_ERRORS, ErrorText, describe_error, display_path
from segpost.cli.run.arguments import join_outputs
from segpost.cli.run.journal import FileSum, Journal, sum_of_file
from segpost.files.arrays import ArrayHeader, take_element
from segpost.files.images import IMAGE_SUFFIXES, read_image
from segpost.files.listing import file_ending, name_without_ending, natural_key, walk_folder
from segpost.files.nifti import is_nifti
from segpost.files.tensors import LOGITS_SUFFIXES, read_logits, read_logits_header


class LogitsFile:
    """A file of logits.

    Parameters
    ----------
    name : str
        The name of its outputs below --out, without kind and ending.
    path : Path
        The file.
    key : str, optional
        The name of the tensor in it, as in `read_logits`.
    """

    def __init__(self, name: str, path: Path, key: str | None = None) -> None:
        self.name, self.path, self.key = name, path, key

    def read_header(self) -> ArrayHeader:
        """Return shape and dtype of its array."""
        return read_logits_header(self.path, self.key)

    def read(self, header: ArrayHeader, index: int | None) -> Array:
        """Return its array, or one element of the first axis.

        Raises
        ------
        ValueError, OSError
            As `read_array`, or if the file has changed since its check sum was taken.
        """
        if index is None or (header.offset >= 0 and not header.fortran_order):
            array = read_logits(self.path, self.key, index)
        else:
            array = take_element(LAST_ARRAY.read(self.path, self.key), index)
        if self._status != _status_of(self.path):
            raise ValueError("it changed while it was read")
        return array

    @cached_property
    def sum(self) -> FileSum:
        """The check sum of its content."""
        self._status  # noqa: B018  # of the time before
        return sum_of_file(self.path)

    @cached_property
    def _status(self) -> tuple[int, int]:
        return _status_of(self.path)


class Item(NamedTuple):
    """One image or volume of a file.

    Attributes
    ----------
    name : str
        The name of its outputs below --out, without kind and ending.
    file : LogitsFile
    about : str
        What messages call it.
    header : ArrayHeader or None
        What the file says of its array; None where it cannot be read.
    position : int or None
        Its index on the first axis, None where it is the whole array.
    problem : ErrorText or None
        Why nothing can be made of it.
    """

    name: str
    file: LogitsFile
    about: str
    header: ArrayHeader | None = None
    position: int | None = None
    problem: ErrorText | None = None

    def read(self) -> Array:
        """Return the logits."""
        assert self.header is not None
        return self.file.read(self.header, self.position)


class LastArray:
    """The array that was read last, for files whose elements cannot be read one by one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: tuple[Path, str | None, Array] | None = None

    def read(self, path: Path, key: str | None) -> Array:
        """Return the array of a file, as `read_logits`."""
        with self._lock:
            if self._last is None or self._last[:2] != (path, key):
                self._last = None  # before the next one is in memory
                self._last = (path, key, read_logits(path, key))
            return self._last[2]


LAST_ARRAY = LastArray()


def list_files(
    sources: Iterable[Path],
    pattern: str | None,
    journal: Journal,
    key: str | None = None,
    suffixes: Sequence[str] = LOGITS_SUFFIXES,
) -> list[LogitsFile]:
    """Return the files that are named, and those below the folders that are named.

    Parameters
    ----------
    sources : iterable of Path
        Files and folders. Hidden files in folders are left out.
    pattern : str, optional
        What the paths of files below a folder must match; * matches / too.
    journal : Journal
        Of the outputs, which are no inputs.
    key : str, optional
        The name of the tensor in files of several.
    suffixes : sequence of str
        The endings of files that count.
    """
    files: list[LogitsFile] = []
    wanted = ", ".join(suffixes)
    for source in sources:
        if source.is_dir():
            files += _files_below(source, pattern, journal, key, suffixes)
        elif file_ending(source) in suffixes:  # one that is missing fails as an item
            files.append(LogitsFile(name_without_ending(source), source, key))
        elif not source.exists() and (cure := join_outputs([str(source)])):
            raise ValueError(f"{display_path(source)} is no file{cure}")
        elif not source.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(source))
        else:
            cure = "np.save(path, logits) writes one of logits in a program"
            if is_nifti(source):
                cure = "pass --volume if it is a volume"
            raise ValueError(
                f"{display_path(source)} is neither a folder nor a file of logits ({wanted}); "
                f"{cure}"
            )
    return files


def _files_below(
    folder: Path,
    pattern: str | None,
    journal: Journal,
    key: str | None,
    suffixes: Sequence[str],
) -> list[LogitsFile]:
    """Return the files below a folder, in natural order."""
    out = journal.folder.resolve()
    outputs = {(out / name).resolve() for name in journal.owners}
    has_out = out != folder.resolve() and out.is_relative_to(folder.resolve())

    def is_output(path: Path) -> bool:
        if not (outputs or has_out):
            return False
        resolved = path.resolve()
        return resolved in outputs or (has_out and resolved.is_relative_to(out))

    inputs = [
        (name, path)
        for name, path in walk_folder(folder)
        if file_ending(path) in suffixes and not is_output(path)
    ]
    if not inputs:
        raise ValueError(f"{display_path(folder)} holds no file of logits ({', '.join(suffixes)})")
    matching = [
        LogitsFile(name[: -len(file_ending(path))], path, key)
        for name, path in sorted(inputs, key=lambda pair: natural_key(pair[0]))
        if pattern is None or fnmatch.fnmatchcase(name, pattern)
    ]
    if not matching:
        raise ValueError(
            f"none of {len(inputs)} files of logits in {display_path(folder)} matches "
            f"--glob {pattern!r}, the first is {inputs[0][0]!r}"
        )
    return matching


def list_items(
    file: LogitsFile,
    batch_ndim: int | None,
    check: Callable[[ArrayHeader], None],
) -> list[Item]:
    """Return the items of a file: its images, or itself.

    Parameters
    ----------
    file : LogitsFile
        Its header is read.
    batch_ndim : int, optional
        The number of dimensions of an array that is a batch; None where there are no batches.
    check : function of an ArrayHeader
        Raises a ValueError where nothing can be made of an array.
    """
    about = display_path(file.path)
    try:
        header = file.read_header()
        if 0 in header.shape:
            raise ValueError(f"it holds nothing: shape {header.shape}")
        check(header)
    except FILE_ERRORS as error:
        return [Item(file.name, file, about, problem=describe_error(error, about))]
    if len(header.shape) != batch_ndim:
        return [Item(file.name, file, about, header)]
    count = header.shape[0]
    if count == 1:
        return [Item(file.name, file, about, header, 0)]
    digits = len(str(count - 1))  # names in the order of the images
    names = [f"{file.name}-{index:0{digits}}" for index in range(count)]
    return [Item(n, file, f"{about} ({n})", header, index) for index, n in enumerate(names)]


class Images:
    """The photographs of the items.

    Parameters
    ----------
    source : Path, optional
        One image for all items, or a folder with images that have the items' names.
    """

    suffixes: Sequence[str] = IMAGE_SUFFIXES
    option, ending = "--image", ".jpg"

    def __init__(self, source: Path | None) -> None:
        self.source = source
        self.is_folder = source is not None and source.is_dir()
        self._by_name: dict[str, list[Path]] = {}
        if source is not None and self.is_folder:
            for name, path in walk_folder(source):
                ending = file_ending(path)
                if ending in self.suffixes:
                    self._by_name.setdefault(name[: -len(ending)], []).append(path)
        elif source is not None:
            self.check_source(source)

    def names_of(self, name: str) -> Sequence[str]:
        """Return the names that the image of an item may have."""
        return [name]

    def check_source(self, path: Path) -> None:
        """Read the one image, so that an error stops the command."""
        self._only = _read_named(path)

    @cached_property
    def sum(self) -> FileSum:
        """The check sum of the one image for all items."""
        assert self.source is not None
        return sum_of_file(self.source)

    def paths(self) -> Iterator[Path]:
        """Yield all images."""
        if self.source is not None and not self.is_folder:
            yield self.source
        for paths in self._by_name.values():
            yield from paths

    def path_of(self, name: str) -> Path | None:
        """Return the image of an item, None where there are no images.

        Raises
        ------
        ValueError
            If the folder has not one image of its name.
        """
        if not self.is_folder:
            return self.source
        wanted = self.names_of(name)
        matches = [path for one in wanted for path in self._by_name.get(one, [])]
        if len(matches) != 1:
            names = ", ".join(path.name for path in matches) or "none"
            words = " or ".join(map(repr, wanted))
            raise ValueError(f"one image in {self.source} should be called {words}, found {names}")
        return matches[0]

    def read(self, path: Path) -> Array:
        """Return the pixels of an image."""
        return _read_named(path) if self.is_folder else self._only

    def warn_of_files(self, names: Sequence[str], *, is_searched: bool) -> None:
        """Warn if there is one image, and several files of logits that seem to be of others.

        They are the files of a folder that was searched, or the image has the name of one of them.
        Outputs of several networks for one image have names of their own.
        """
        if self.source is None or self.is_folder or len(names) < 2:
            return
        if is_searched or self.source.stem in names:
            warn_of_input(
                f"{self.option} {display_path(self.source)} is one picture, and {len(names)} files "
                f"of logits are taken for its own: give a folder with {names[0]}{self.ending} and "
                "so on, or ignore this if they are of several networks"
            )

    def check_batch(self, names: Sequence[str]) -> None:
        """Raise a ValueError if there is one image, and several items in one file."""
        if self.source is not None and not self.is_folder and len(names) > 1:
            raise ValueError(
                f"it holds a batch of {len(names)}, but {self.option} is one picture; give a "
                f"folder with {names[0]}{self.ending} and so on"
            )


def _read_named(path: Path) -> Array:
    """Return the pixels of an image; errors have its name."""
    try:
        image = read_image(path)
    except ValueError as error:
        raise ValueError(f"{display_path(path)}: {error}") from error
    warn_of_label_image(image, f"the image {display_path(path)}")
    return image


def _status_of(path: Path) -> tuple[int, int]:
    """Return numbers that differ when a file has changed."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns
