"""Writers: a file is written as a whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from segpost._core.arrays import Array


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder, which replaces `path` when the block ends.

    On an exception the temporary file is removed and `path` stays as it was.

    Parameters
    ----------
    path : Path
        The file to write.

    Raises
    ------
    OSError
        As the block raises it, with the name of `path` in place of the temporary one.
    """
    unique = f"{os.getpid()}-{os.urandom(4).hex()}"  # for threads, and for hosts of one folder
    temporary = path.with_name(f".{path.stem}.{unique}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:  # the user knows the file by its own name
        if error.filename is not None and Path(error.filename) == temporary:
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8, atomically; file names in it that are no Unicode keep their bytes."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(text.encode("utf-8", "surrogateescape"))


def write_array(path: Path, array: Array) -> None:
    """Write an array as .npy, to a file of exactly this name, atomically."""
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)


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
