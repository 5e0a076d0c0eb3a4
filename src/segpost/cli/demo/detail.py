"""Details of images side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

GAP = 8  # white pixels between two details

Image = npt.NDArray[np.uint8]


def enlarge_side_by_side(
    images: Sequence[Image], box: tuple[int, int, int, int], factor: int
) -> Image:
    """Return the same part of several images, enlarged, side by side.

    Parameters
    ----------
    images : sequence of uint8 array of shape (H, W, 3)
        The images.
    box : (left, top, right, bottom)
        The part, in pixels.
    factor : int
        How often every pixel is repeated in both directions.
    """
    left, top, right, bottom = box
    gap = np.full(((bottom - top) * factor, GAP, 3), 255, np.uint8)
    row = []
    for image in images:
        part = image[top:bottom, left:right]
        row += [gap, part.repeat(factor, axis=0).repeat(factor, axis=1)]
    return np.concatenate(row[1:], axis=1)
