"""Pictures that came from anybody: what they say of themselves is read before they are decoded."""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import Image

Image.MAX_IMAGE_PIXELS = None  # the limit is an argument here
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX")


class Refused(Exception):
    """A picture that is not taken, with the status of HTTP."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def kind_of(content: bytes) -> str | None:
    """Return the format of Pillow that the first bytes tell."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    return "JPEG" if content.startswith(b"\xff\xd8\xff") else None


def decode_picture(content: bytes, max_pixels: int) -> np.ndarray:
    """Return the pixels (H, W, 3) uint8 of a PNG or JPEG, as they are stored, without alpha.

    Raises
    ------
    Refused
        415 for another format, 413 for more pixels than `max_pixels`, 422 for a broken file.
    """
    kind = kind_of(content)
    if kind is None:
        raise Refused(415, "the body is neither PNG nor JPEG")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            picture = Image.open(io.BytesIO(content), formats=[kind])
    except Exception:
        raise Refused(422, f"the header of the {kind} is broken") from None
    width, height = picture.size
    if width * height > max_pixels:
        raise Refused(413, f"{width} x {height} pixels exceed {max_pixels}")
    has_bytes = kind == "JPEG" or content[24] <= 8  # the bit depth of PNG's header
    if picture.mode not in MODES or not has_bytes:
        raise Refused(415, "the picture is neither gray nor RGB of 8 bits")
    try:
        pixels = picture.convert("RGB")
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError and others
        raise Refused(422, f"the {kind} is broken: {error}") from None
    return np.asarray(pixels)
