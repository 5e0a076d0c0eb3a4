"""Readers of images and label maps, which need Pillow."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segpost._core.arrays import Array
from segpost._core.text import FILE_ERRORS
from segpost.files.arrays import ARRAY_SUFFIXES, read_array
from segpost.files.geotiff import image_of_bands, is_geotiff, read_geotiff
from segpost.files.png import check_sums_of_png

Size = tuple[int, int]  # height, width

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
LABEL_SUFFIXES = (".png", ".tif", ".tiff", ".npy")
# Pillow tries no other formats: for some it starts other programs.
LABEL_FORMATS = ("PNG", "TIFF")  # lossless, with indexed or integer pixels
IMAGE_FORMATS = ("PNG", "TIFF", "JPEG", "GIF", "BMP", "WEBP")
MAX_PIXELS = 1 << 28  # of an image; a file that claims more is refused before it is decoded
ORIENTATION = 0x0112  # the EXIF tag
GRAY_SCALE = {"L;2": 85, "L;4": 17}  # by which Pillow multiplies 2 and 4 bits of gray
DECODE_CURE = "decode= turns its colors into labels"


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """Return an image as (H, W, 3) uint8, turned as its EXIF orientation says.

    Parameters
    ----------
    path : Path
        A PNG, TIFF, JPEG, GIF, BMP or WebP file. GeoTIFF is read by rasterio, if it is installed.

    Raises
    ------
    ValueError, OSError
        If it is damaged, is no image, is too large to be one, or has more than 8 bits a channel.
    """
    from PIL import ImageOps

    if is_geotiff(path):
        return image_of_bands(*read_geotiff(path, _check_pixels))
    with _open_image(path, IMAGE_FORMATS) as opened:
        if opened.mode == "F" or opened.mode.startswith("I"):  # Pillow would clip, not scale
            raise ValueError("it has more than 8 bits a channel; convert it to 8 bits")
        _check_sums(opened)
        opened.load()  # applies the orientation of TIFF
        ImageOps.exif_transpose(opened, in_place=True)
        return np.array(opened if opened.mode == "RGB" else opened.convert("RGB"))


def read_labels(
    path: Path,
    decode: Callable[[npt.NDArray[np.uint8]], Array] | None = None,
    check: Callable[[Size], None] = lambda size: None,
    cure: str = DECODE_CURE,
) -> Array:
    """Return the label map (H, W) of a lossless image, or of an .npy file.

    Indexed images give their indices, black-and-white ones 0 and 1, gray ones of 2 to 32 bits the
    values in the file. Images are turned as their EXIF orientation says, like those that
    `read_image` returns.

    Parameters
    ----------
    path : Path
        A PNG, TIFF or .npy file. GeoTIFF is read by rasterio, if it is installed.
    decode : function of an (H, W, 3) uint8 array, optional
        Returns the labels (H, W) of an image in colors. Without it such an image is refused.
    check : function of (height, width)
        Called with the size before the image is decoded; what it raises is raised.
    cure : str
        What the error about an image in colors advises.

    Raises
    ------
    ValueError, OSError
        If the file is damaged, or its values are no labels.
    """
    if path.suffix.lower() in ARRAY_SUFFIXES:
        array = read_array(path)
        if array.ndim != 2:
            raise ValueError(f"labels are (height, width), got an array of shape {array.shape}")
        check((array.shape[0], array.shape[1]))
        return array
    if is_geotiff(path):
        return _labels_of_bands(*read_geotiff(path, check), decode, cure)
    with _open_image(path, LABEL_FORMATS) as opened:
        size = (opened.height, opened.width)
        size = size[::-1] if _png_orientation(opened) > 4 else size
        check(size)
        _check_sums(opened)
        pixels = _label_pixels(opened, decode, cure)
        labels = _apply_orientation(pixels, _png_orientation(opened))
        if labels.shape != size:  # PNG lets the orientation come after the pixels
            check((labels.shape[0], labels.shape[1]))
        return labels


def read_unconverted(path: Path) -> Any:
    """Return a decoded Pillow image with its mode, format, palette and EXIF, for `diagnose`.

    Nothing is converted or turned. Gray of 2 or 4 bits has the values in the file.

    Parameters
    ----------
    path : Path
        A PNG, TIFF, JPEG, GIF, BMP or WebP file.

    Raises
    ------
    ValueError, OSError
        If the file is damaged, is no image, holds several, or is too large to be decoded.
    """
    from PIL import Image

    with _open_image(path, IMAGE_FORMATS) as opened:
        _check_single_frame(opened)
        _check_sums(opened)
        scale = GRAY_SCALE.get(_raw_mode(opened), 1) if opened.mode == "L" else 1
        opened.load()
        if scale == 1:
            image = opened.copy()
        else:
            image = Image.fromarray(np.array(opened) // np.uint8(scale))
        image.format = opened.format
        return image


@contextmanager
def limit_pixels(max_pixels: int) -> Iterator[None]:
    """Refuse images of more pixels inside the block, before they are decoded."""
    from PIL import Image

    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = max(max_pixels // 2, 1)  # Pillow raises at twice as many
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


@contextmanager
def _open_image(path: Path, formats: tuple[str, ...]) -> Iterator[Any]:
    """Open an image with Pillow; whatever goes wrong with it is a ValueError or OSError."""
    from PIL import Image, UnidentifiedImageError

    try:
        # An open file, not a path: Pillow maps plain TIFF of a path into memory, and then reads
        # those with an orientation wrongly.
        with path.open("rb") as file, Image.open(file, formats=formats) as opened:
            yield opened
    except Image.DecompressionBombError as error:
        raise ValueError(f"{error}; max_pixels= takes another limit") from error
    except UnidentifiedImageError:
        raise ValueError(_why_not_an_image(path, formats)) from None
    except FILE_ERRORS:
        raise
    except Exception as error:  # Pillow's decoders raise anything on damaged files
        raise ValueError(f"cannot be decoded: {error}") from error


def _check_sums(opened: Any) -> None:
    """Refuse a damaged PNG that is open and not decoded yet; Pillow skips sums of the pixels."""
    if opened.format == "PNG":
        position = opened.fp.tell()
        check_sums_of_png(opened.fp)
        opened.fp.seek(position)


def _png_orientation(opened: Any) -> int:
    """Return the EXIF orientation of a PNG, 1 to 8, if it was read yet; Pillow turns TIFF."""
    if opened.format != "PNG" or "exif" not in opened.info:
        return 1
    return int(opened.getexif().get(ORIENTATION, 1))


def _apply_orientation(array: Array, orientation: int) -> Array:
    """Return pixels turned upright.

    Arrays are turned, not Pillow images: Pillow changes the values of 2 and 4 bits of gray, which
    are corrected before, and may read the orientation of a PNG only after its pixels.
    """
    if 5 <= orientation <= 8:
        array = array.T
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return np.ascontiguousarray(array)


def _label_pixels(
    opened: Any, decode: Callable[[npt.NDArray[np.uint8]], Array] | None, cure: str
) -> Array:
    """Return the labels of an open image as they lie in the file."""
    _check_single_frame(opened)
    if opened.info.get("compression") == "jpeg":
        raise ValueError("it is compressed with JPEG, which changes labels")
    mode = opened.mode
    raw = _raw_mode(opened)
    if mode in ("1", "L") and "I" in raw.partition(";")[2]:
        raise ValueError("its tags say that 0 is white, so its values could be meant either way")
    if mode == "1":
        return np.array(opened).astype(np.uint8)
    if mode == "L":
        return np.array(opened) // np.uint8(GRAY_SCALE.get(raw, 1))
    if mode == "P" or mode.startswith("I"):
        return np.array(opened)
    if mode not in ("RGB", "RGBA", "LA", "PA"):
        raise ValueError(f"pictures of mode {mode} hold no labels")
    if decode is None:
        raise ValueError(f"it is a picture in colors ({mode}), not labels; {cure}")
    if "16" in raw:
        raise ValueError("it has 16 bits a color; palettes have 8")
    if mode in ("RGBA", "LA", "PA") and opened.getchannel("A").getextrema() != (255, 255):
        raise ValueError("some of its pixels are transparent, so their colors are no labels")
    return decode(np.array(opened.convert("RGB")))


def _labels_of_bands(
    bands: Array, colors: Any, decode: Callable[[npt.NDArray[np.uint8]], Array] | None, cure: str
) -> Array:
    """Return the labels in the bands of a GeoTIFF: one band of integers, or colors."""
    if len(bands) == 1:
        if bands.dtype.kind not in "iu":
            raise ValueError(f"it holds {bands.dtype}; labels are integers")
        return np.asarray(bands[0])
    if decode is None:
        raise ValueError(f"it is a picture of {len(bands)} bands, not labels; {cure}")
    if len(bands) != 3:
        raise ValueError(f"it has {len(bands)} bands; colors of labels have three")
    return decode(image_of_bands(bands, colors))


def _check_pixels(size: Size) -> None:
    """Refuse an image of more pixels than `limit_pixels` says, which Pillow does not read."""
    from PIL import Image

    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and size[0] * size[1] > 2 * limit:
        raise ValueError(
            f"{size[0]} x {size[1]} are more than {2 * limit} pixels; max_pixels= takes another "
            "limit"
        )


def _check_single_frame(opened: Any) -> None:
    """Refuse a file that holds several images."""
    frames = getattr(opened, "n_frames", 1)
    if frames > 1:
        raise ValueError(f"it holds {frames} pictures; wanted is one")


def _raw_mode(opened: Any) -> str:
    """Return the pixel layout in the file of an open image that is not decoded yet."""
    arguments = opened.tile[0][3] if opened.tile else opened.mode
    return str(arguments if isinstance(arguments, str) else arguments[0])


def _why_not_an_image(path: Path, formats: Sequence[str]) -> str:
    """Return why a file is no image of these formats."""
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        return "it is empty"
    if start.startswith(b"\xff\xd8") and "JPEG" not in formats:
        return "it is a JPEG picture, and JPEG changes labels; save them as PNG"
    return f"it is no {', '.join(formats[:-1])} or {formats[-1]} picture"
