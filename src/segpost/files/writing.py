"""Writers: a file is written as a whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from segpost._core.arrays import Array
from segpost._core.text import display_path
from segpost.files.temporary import temporary_path

MAX_LINKS = 40  # that are followed from one path
PROBE_BYTES = 4096  # a full disk lets empty files be made
DESCRIPTORS = re.compile(r"(?:/proc/(?:self|\d+)(?:/task/\d+)?|/dev)/fd")


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary file, whose content is at `path` when the block ends.

    A regular file is replaced, and the new one has its permissions. Of a link the target is
    replaced. A device, a pipe or an open file such as ``/dev/stdout`` is never replaced: the
    content is written to it. On an exception the temporary file is removed, and what is at `path`
    stays as it was.

    Parameters
    ----------
    path : Path
        The file to write.

    Raises
    ------
    OSError
        As the block raises it, with the name of `path` in place of the temporary one.
    """
    target = _follow_links(path)
    if _is_stream(target):
        import tempfile

        with _error_names(path), tempfile.TemporaryDirectory(prefix="segpost-") as folder:
            temporary = temporary_path(Path(folder), path.suffix)
            yield temporary
            _copy_to_stream(temporary, target)
        return
    temporary = temporary_path(target.parent, target.suffix)
    with _error_names(path, temporary):
        try:
            _create(temporary)
            yield temporary
            _replace_regular(temporary, target)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)


def replace_file(source: Path, path: Path) -> None:
    """Move a finished file of the same file system to `path`, as `atomic_write` would write it."""
    target = _follow_links(path)
    with _error_names(path, source):
        if not _is_stream(target):
            try:
                _replace_regular(source, target)
                return
            except OSError as error:
                if error.errno != errno.EXDEV:  # a link to another file system
                    raise
    import shutil  # which loads every compression

    with atomic_write(path) as temporary:
        shutil.copyfile(source, temporary)
    os.unlink(source)


def check_writable(path: Path) -> None:
    """Raise an OSError if a file at `path` could not be written.

    A temporary file beside it is written, renamed and removed; what is at `path` stays. A device
    or a pipe is left alone.
    """
    target = _follow_links(path)
    if _is_stream(target):
        return
    first, second = (temporary_path(target.parent) for _ in range(2))
    with _error_names(path, first):
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        try:
            _create(first)
            first.write_bytes(bytes(PROBE_BYTES))
            os.replace(first, second)
        finally:
            for temporary in (first, second):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary)


def write_text(path: Path, text: str | Iterable[str]) -> None:
    """Write a text, or its pieces one after the other, as UTF-8, atomically.

    File names in it that are no Unicode keep their bytes.
    """
    pieces = [text] if isinstance(text, str) else text
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        for piece in pieces:
            file.write(piece.encode("utf-8", "surrogateescape"))


def write_array(path: Path, array: Array) -> None:
    """Write an array as .npy, to a file of exactly this name, atomically."""
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def write_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write named arrays as .npz, to a file of exactly this name, atomically."""
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def write_png(path: Path, image: Array, colors: Array | None = None) -> None:
    """Write a uint8 image as PNG, atomically; needs Pillow.

    Parameters
    ----------
    path : Path
        The file to write.
    image : uint8 array of shape (H, W) or (H, W, 3)
        Gray, red, green and blue, or with `colors` indices into them.
    colors : uint8 array of shape (256, 3), optional
        The colors of the indices.

    Raises
    ------
    ImportError
        If Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(f"a PNG needs Pillow ({error}): pip install pillow", name="PIL") from None
    picture = Image.fromarray(np.ascontiguousarray(image))
    if colors is not None:
        picture.putpalette(colors.tobytes())
    with atomic_write(path) as temporary:
        picture.save(temporary, format="PNG")


def write_photograph(path: Path, image: Array, **options: Any) -> None:
    """Write a uint8 image in the format of the path's ending, such as WebP, atomically.

    Parameters
    ----------
    path : Path
        The file to write.
    image : uint8 array of shape (H, W) or (H, W, 3)
        Gray, or red, green and blue.
    **options
        Those of Pillow's `save`, such as ``quality``.
    """
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(image))
    with atomic_write(path) as temporary:
        picture.save(temporary, **options)


def _follow_links(path: Path) -> Path:
    """Return the path that symbolic links lead to; open files such as /dev/stdout stay links."""
    for _ in range(MAX_LINKS):
        folder = Path(os.path.realpath(path.parent))
        path = folder / path.name
        if DESCRIPTORS.fullmatch(str(folder)) or not path.is_symlink():
            return path
        path = folder / os.readlink(path)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))


def _is_stream(target: Path) -> bool:
    """Return whether a path without links is a device, a pipe or an open file."""
    if DESCRIPTORS.fullmatch(str(target.parent)):
        return True
    try:
        mode = os.lstat(target).st_mode
    except OSError:  # missing, or in a folder that is; writing says which
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _copy_to_stream(source: Path, target: Path) -> None:
    """Write the content of a file to a device, a pipe or an open file, at its position."""
    import shutil

    own = os.path.realpath("/proc/self/fd") == str(target.parent) or target.parent == Path(
        "/dev/fd"
    )
    if own and target.name.isdecimal():
        if sys.stdout is not None and target.name == "1":
            sys.stdout.flush()
        descriptor = os.dup(int(target.name))  # opened anew, a regular file would be cut
    else:
        descriptor = os.open(target, os.O_WRONLY)
    with source.open("rb") as content, open(descriptor, "wb") as stream:
        shutil.copyfileobj(content, stream)


def _create(temporary: Path) -> None:
    """Make an empty file that was not there; no link is followed."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    os.close(os.open(temporary, flags, 0o666))


def _replace_regular(temporary: Path, target: Path) -> None:
    """Rename a file to one that may be there, whose permissions it gets."""
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        pass
    else:
        if stat.S_ISREG(mode):
            with contextlib.suppress(PermissionError):  # a file system without permissions
                os.chmod(temporary, stat.S_IMODE(mode) & 0o777)
    os.replace(temporary, target)


@contextmanager
def _error_names(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Give an OSError about a temporary file the name of the file that the user knows."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # of a library, whose message names the file or says nothing
            name = display_path(path)
            reason = (
                str(error).removeprefix(f"{name}: ") or "it cannot be written: is the disk full?"
            )
            raise OSError(f"{name}: {reason}") from error
        if error.filename is None or (temporary and Path(error.filename) == temporary):
            error.filename = str(path)
            if error.errno == errno.ENOENT and not path.parent.exists():
                error.strerror = f"there is no folder {str(path.parent)!r}: create it first"
        raise
