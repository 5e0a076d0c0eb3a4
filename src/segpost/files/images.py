"""Reading photographs and logits, writing pictures: what the commands share."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segpost import Palette, labels_from_colors

Array = npt.NDArray[Any]

Size = tuple[int, int]

IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
FORMATS = ("PNG", "TIFF", "JPEG", "GIF", "BMP", "WEBP")  # that pictures of mistakes come in
LABELS = (".png", ".tif", ".tiff", ".npy")
ARRAYS = (".npy", ".npz")
COLORS_CURE = "--colors PALETTE reads the labels from its colors, if it was drawn with that palette"
MOST_PIXELS = 1 << 28  # of a picture; a file that claims more is refused before it is decoded
MOST_BYTES = 1 << 32  # that an .npz file may become
GAP = 8  # pixels between pictures side by side
ORIENTATION = 0x0112  # the EXIF tag
SCALED = {"L;2": 85, "L;4": 17}  # Pillow spreads 2 and 4 bits of grey over 0..255


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """A photograph as (H, W, 3) uint8, turned the way its EXIF orientation says.

    Raises
    ------
    ValueError, OSError
        If it is no image, is too large to be one, or has more than 8 bits.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with path.open("rb") as file, Image.open(file) as opened:
            if opened.mode == "F" or opened.mode.startswith("I"):  # Pillow would clip, not scale
                raise ValueError(f"{path} has more than 8 bits a channel; convert it to 8 bits")
            opened.load()  # turns TIFF, whose orientation is then done with
            return np.array(ImageOps.exif_transpose(opened).convert("RGB"))
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path}: {error}") from error
    except UnidentifiedImageError:
        raise ValueError(f"{path} is no picture, or of a kind that Pillow does not know") from None


def read_labels(
    path: Path,
    colors: Palette | None = None,
    check: Callable[[Size], None] = lambda size: None,
    cure: str = COLORS_CURE,
) -> Array:
    """The label map (H, W) of a picture without loss, or of an .npy file.

    Indexed pictures give their indices, black-and-white ones 0 and 1, grey ones of 2 to 32 bits
    the values in the file. Pictures are turned the way their EXIF orientation says, as photographs
    are.

    Parameters
    ----------
    path : path
    colors : Palette, optional
        What the colors of an RGB picture mean; without it such a picture is refused.
    check : function of (height, width)
        Called before the picture is decoded; what it raises is raised.
    cure : str
        What the error about an RGB picture advises.

    Raises
    ------
    ValueError, OSError
        If the file is damaged, or its values are no labels.
    """
    if path.suffix.lower() in ARRAYS:
        array = read_logits(path)
        if array.ndim != 2:
            raise ValueError(f"labels are (height, width), got an array of shape {array.shape}")
        check((array.shape[0], array.shape[1]))
        return array
    with _opened(path, ("PNG", "TIFF")) as opened:
        size = (opened.height, opened.width)
        size = size[::-1] if _orientation(opened) > 4 else size
        check(size)
        pixels = _labels(opened, colors, cure)
        labels = _upright(pixels, _orientation(opened))
        if labels.shape != size:  # the orientation came after the pixels
            check((labels.shape[0], labels.shape[1]))
        return labels


def read_as_it_is(path: Path) -> Any:
    """A decoded Pillow picture with its mode, format, palette and EXIF, for `segpost.diagnose`.

    Nothing is converted or turned; grey of 2 or 4 bits has the values in the file.

    Raises
    ------
    ValueError, OSError
        If the file is damaged, is no picture, or is too large to be decoded.
    """
    from PIL import Image

    with _opened(path, FORMATS) as opened:
        if getattr(opened, "n_frames", 1) > 1:
            raise ValueError(f"it holds {opened.n_frames} pictures; wanted is one")
        scale = SCALED.get(_raw_mode(opened), 1) if opened.mode == "L" else 1
        opened.load()
        made = opened.copy() if scale == 1 else Image.fromarray(np.array(opened) // np.uint8(scale))
        made.format = opened.format
        return made


@contextmanager
def _opened(path: Path, formats: tuple[str, ...]) -> Iterator[Any]:
    """A picture that Pillow has opened; whatever goes wrong with it is a ValueError or OSError."""
    from PIL import Image, UnidentifiedImageError

    try:
        # Given a path, Pillow maps plain TIFF into memory, and those that lie sideways wrongly.
        with path.open("rb") as file, Image.open(file, formats=formats) as opened:
            yield opened
    except Image.DecompressionBombError as error:
        raise ValueError(f"{error}; --max-pixels takes another limit") from error
    except UnidentifiedImageError:
        raise ValueError(_what_else(path, formats)) from None
    except (ValueError, TypeError, OSError, MemoryError):
        raise
    except Exception as error:  # Pillow's decoders raise anything on damaged files
        raise ValueError(f"cannot be decoded: {error}") from error


def _orientation(opened: Any) -> int:
    """How a PNG is to be turned, 1 to 8, as far as it was read; Pillow turns TIFF itself."""
    if opened.format != "PNG" or "exif" not in opened.info:
        return 1
    return int(opened.getexif().get(ORIENTATION, 1))


def _upright(array: Array, orientation: int) -> Array:
    """The pixels as they are to be seen."""
    if 5 <= orientation <= 8:
        array = array.T
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return np.ascontiguousarray(array)


def _labels(opened: Any, colors: Palette | None, cure: str) -> Array:
    """The labels of an open picture."""
    if getattr(opened, "n_frames", 1) > 1:
        raise ValueError(f"it holds {opened.n_frames} pictures; wanted is one")
    if opened.info.get("compression") == "jpeg":
        raise ValueError("it is compressed with JPEG, which changes labels")
    mode = opened.mode
    raw = _raw_mode(opened)
    if mode in ("1", "L") and "I" in raw.partition(";")[2]:
        raise ValueError("its tags say that 0 is white, so its values could be meant either way")
    if mode == "1":
        return np.array(opened).astype(np.uint8)
    if mode == "L":
        return np.array(opened) // np.uint8(SCALED.get(raw, 1))
    if mode == "P" or mode.startswith("I"):
        return np.array(opened)
    if mode not in ("RGB", "RGBA", "LA", "PA"):
        raise ValueError(f"pictures of mode {mode} hold no labels")
    if colors is None:
        raise ValueError(f"it is a picture in colors ({mode}), not labels; {cure}")
    if "16" in raw:
        raise ValueError("it has 16 bits a color; palettes have 8")
    if mode in ("RGBA", "LA", "PA") and opened.getchannel("A").getextrema() != (255, 255):
        raise ValueError("some of its pixels are transparent, so their colors are no labels")
    picture: Array = labels_from_colors(np.array(opened.convert("RGB")), colors)
    return picture


def _raw_mode(opened: Any) -> str:
    """How the pixels lie in the file of an open picture that is not decoded yet."""
    arguments = opened.tile[0][3] if opened.tile else opened.mode
    return str(arguments if isinstance(arguments, str) else arguments[0])


def _what_else(path: Path, formats: Sequence[str]) -> str:
    """Why a file that should be a picture is none."""
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        return "it is empty"
    if start.startswith(b"\xff\xd8") and "JPEG" not in formats:
        return "it is a JPEG picture, and JPEG changes labels; save them as PNG"
    return f"it is no {', '.join(formats[:-1])} or {formats[-1]} picture"


@contextmanager
def pixel_limit(pixels: int) -> Iterator[None]:
    """Refuse pictures of more pixels than that, before they are decoded."""
    from PIL import Image

    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = max(pixels // 2, 1)  # Pillow raises at twice as many
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


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
    except (OSError, MemoryError):
        raise
    except Exception as error:  # NumPy reads headers as Python, which raises anything
        why = str(error)
        if "pickle" in why:  # NumPy says this of any file that it does not know
            why = "it holds no array, and pickled objects are never loaded"
        raise ValueError(f"cannot be read as {path.suffix}: {why}") from error
    if not isinstance(loaded, np.lib.npyio.NpzFile):
        array: Array = loaded
        return array
    with loaded as archive:
        keys = list(archive.files)
        members = [] if archive.zip is None else archive.zip.infolist()
        size = sum(member.file_size for member in members)
        if size > MOST_BYTES:
            raise ValueError(f"it would become {size:,} bytes in memory; save it as .npy instead")
        if len(keys) != 1 and "logits" not in keys:
            raise ValueError(
                f"its arrays are {', '.join(map(repr, keys)) or 'none'}; "
                "wanted is one called 'logits', or a file of one array"
            )
        try:
            array = archive[keys[0] if len(keys) == 1 else "logits"]
        except (OSError, MemoryError):
            raise
        except Exception as error:
            raise ValueError(f"cannot be read as {path.suffix}: {error}") from error
        if not isinstance(array, np.ndarray):
            raise ValueError(f"cannot be read as {path.suffix}: {keys[0]!r} in it is no array")
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


def enlarged(
    shown: Sequence[Array], box: tuple[int, int, int, int], times: int
) -> npt.NDArray[np.uint8]:
    """The same part (left, top, right, bottom) of pictures, side by side with white between."""
    left, top, right, bottom = box
    gap = np.full(((bottom - top) * times, GAP, 3), 255, np.uint8)
    row = []
    for picture in shown:
        part = picture[top:bottom, left:right]
        row += [gap, part.repeat(times, axis=0).repeat(times, axis=1)]
    return np.concatenate(row[1:], axis=1)


def save_png(path: Path, picture: Array) -> None:
    """Write an (H, W) or (H, W, 3) uint8 picture."""
    from PIL import Image

    Image.fromarray(np.ascontiguousarray(picture)).save(path, format="PNG")
