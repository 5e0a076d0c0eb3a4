"""Images with an EXIF orientation, as cameras write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image")

ORIENTATION = 0x0112  # the EXIF tag
SIDEWAYS = (5, 6, 7, 8)
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def save_oriented(path: Path, pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Write an image with that EXIF orientation, and return the pixels of the upright image."""
    options = {"quality": 95, "subsampling": 0} if path.suffix == ".jpg" else {}
    image = Image.fromarray(pixels)
    plain = path.with_name(f"plain{path.suffix}")
    image.save(plain, **options)
    with Image.open(plain) as opened:
        upright = opened if orientation == 1 else opened.transpose(TURNS[orientation])
        seen = np.asarray(upright)
    plain.unlink()
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image.save(path, exif=exif, **options)
    return seen
