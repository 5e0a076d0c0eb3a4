"""Reading photographs and logits, writing pictures: what the commands share."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """A photograph as (H, W, 3) uint8, turned the way its EXIF orientation says.

    Raises
    ------
    ValueError, OSError
        If it is no image, is too large to be one, or has more than 8 bits.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            if opened.mode == "F" or opened.mode.startswith("I"):  # Pillow would clip, not scale
                raise ValueError(f"{path} has more than 8 bits a channel; convert it to 8 bits")
            return np.array(ImageOps.exif_transpose(opened).convert("RGB"))
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path}: {error}") from error


def read_logits(path: Path) -> Array:
    """The array of an .npy file, mapped and not loaded, or of an .npz file.

    Nothing is ever unpickled. An .npz file must hold one array, or one called ``logits``.

    Raises
    ------
    ValueError, OSError
        If the file is damaged, holds objects, or its arrays leave a choice.
    """
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        why = str(error)
        if "pickle" in why:  # NumPy says this of any file that it does not know
            why = "it holds no array, and pickled objects are never loaded"
        raise ValueError(f"cannot be read as {path.suffix}: {why}") from error
    if not isinstance(loaded, np.lib.npyio.NpzFile):
        array: Array = loaded
        return array
    with loaded as archive:
        keys = list(archive.files)
        if len(keys) != 1 and "logits" not in keys:
            raise ValueError(
                f"its arrays are {', '.join(map(repr, keys)) or 'none'}; "
                "wanted is one called 'logits', or a file of one array"
            )
        try:
            array = archive[keys[0] if len(keys) == 1 else "logits"]
        except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(f"cannot be read as {path.suffix}: {error}") from error
        return array


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to; it takes the place of `path` when all of it is written."""
    part = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    except OSError as error:  # the user knows the file by its own name
        if error.filename is not None and Path(error.filename) == part:
            error.filename = str(path)
        raise
    finally:
        part.unlink(missing_ok=True)


def grey(shares: Array) -> npt.NDArray[np.uint8]:
    """Floats of 0..1 as an 8-bit picture."""
    return np.rint(shares * 255.0).astype(np.uint8)


def save_png(path: Path, picture: Array) -> None:
    """Write an (H, W) or (H, W, 3) uint8 picture."""
    from PIL import Image

    Image.fromarray(np.ascontiguousarray(picture)).save(path, format="PNG")
