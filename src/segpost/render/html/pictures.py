"""Images as URLs inside a page: photographs as WebP, pictures of few colors as indexed PNG."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

MAX_COLORS = 256  # of an indexed image
PHOTOGRAPH_OPTIONS = {"quality": 78}


def embed_image(content: bytes, kind: str = "png") -> str:
    """Return an image file as the URL of an `img` element.

    Parameters
    ----------
    content : bytes
        The file.
    kind : str
        Its format, as in the media type ``image/kind``.
    """
    return f"data:image/{kind};base64," + base64.b64encode(content).decode("ascii")


def embed_file(path: Path) -> str:
    """Return an image file as the URL of an `img` element, as it is; its ending is its format."""
    return embed_image(path.read_bytes(), path.suffix.removeprefix("."))


def embed_picture(picture: Any, kind: str = "png", **options: Any) -> str:
    """Return a Pillow image as the URL of an `img` element; `options` are those of its `save`."""
    buffer = io.BytesIO()
    picture.save(buffer, format=kind.upper(), **options)
    return embed_image(buffer.getvalue(), kind)


def embed_photograph(picture: Any) -> str:
    """Return a Pillow image as the URL of an `img` element, in the format of photographs."""
    return embed_picture(picture, photograph_format(), **PHOTOGRAPH_OPTIONS)


def embed_array(image: npt.NDArray[np.uint8]) -> str:
    """Return an (H, W, 3) array as the URL of an `img` element; needs Pillow.

    An image of at most 256 colors is an indexed PNG, which has them exactly. Another one is a
    photograph.
    """
    from PIL import Image

    values = image.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colors, indices = np.unique(values, return_inverse=True)
    if len(colors) > MAX_COLORS:
        return embed_photograph(Image.fromarray(image))
    picture = Image.fromarray(indices.reshape(values.shape).astype(np.uint8))
    table = np.stack([colors >> 16, colors >> 8 & 255, colors & 255], axis=-1)
    picture.putpalette(table.astype(np.uint8).tobytes())
    return embed_picture(picture, "png", optimize=True)


def photograph_format() -> str:
    """Return "webp", or "jpeg" where Pillow was built without it."""
    from PIL import features

    return "webp" if features.check("webp") else "jpeg"
