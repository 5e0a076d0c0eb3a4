"""`probe_image`: an image that is the same on every machine, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from segpost._core import arguments

Image = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.int64]

# Shapes with hard edges: center (y, x) and radii in 1/64 of the sides, color, disk or rectangle.
SHAPES = (
    ((20, 18), (12, 10), (214, 62, 44), True),
    ((44, 46), (9, 12), (38, 92, 206), False),
    ((14, 48), (6, 8), (236, 204, 58), True),
    ((50, 14), (8, 5), (46, 158, 84), False),
    ((34, 32), (3, 28), (24, 26, 30), False),
)
NOISES = ((8, 64), (32, 40), (1, 24))  # cells a side (1: every pixel its own), and amplitude


def probe_image(size: tuple[int, int] = (513, 513)) -> Image:
    """Return an image to record fingerprints with: the same bytes on every machine.

    It holds gradients, noise of three scales and shapes with hard edges. It differs in every
    channel and under every flip and rotation, so that a change of the channel order, of the
    normalization or of the network changes the logits. All arithmetic is on integers: there is no
    random number generator and no rounding.

    Parameters
    ----------
    size : (H, W)
        The input size of the network, so that nothing is resized.

    Returns
    -------
    image : (H, W, 3) uint8, RGB

    Raises
    ------
    ValueError, TypeError
        If the size is not two integers of at least 1.

    Examples
    --------
    >>> import segpost
    >>> image = segpost.probe_image((65, 97))
    >>> image.shape, image[0, 0].tolist(), int(image.astype(int).sum())
    ((65, 97, 3), [71, 25, 219], 2647881)
    """
    height, width = arguments.as_output_size(size)
    y, x = np.arange(height)[:, None], np.arange(width)[None]
    down, right = y * 255 // max(height - 1, 1), x * 255 // max(width - 1, 1)
    slopes = (right, down, 255 - (2 * down + right) // 3)
    planes = []
    for channel, slope in enumerate(slopes):
        plane = slope * 3 // 4 + np.zeros((height, width), np.int64)
        for cells, amplitude in NOISES:
            plane += _noise(y, x, (height, width), cells, channel) * amplitude // 255
        planes.append(plane)
    image = np.stack(planes, axis=-1)
    down, right = (2 * y + 1) * 2048 // height, (2 * x + 1) * 2048 // width  # 1/4096 of a side
    for (cy, cx), (ry, rx), color, is_disk in SHAPES:
        dy, dx = np.abs(down - 64 * cy) * rx, np.abs(right - 64 * cx) * ry
        radius = 64 * ry * rx
        inside = dy**2 + dx**2 <= radius**2 if is_disk else np.maximum(dy, dx) <= radius
        image[inside] = (image[inside] + 3 * np.array(color)) // 4
    return image.clip(0, 255).astype(np.uint8)


def _noise(y: Any, x: Any, size: tuple[int, int], cells: int, channel: int) -> Plane:
    """Return a byte for each cell of a grid, or for each pixel: a hash of its position."""
    if cells > 1:
        y, x = y * cells // size[0], x * cells // size[1]
    mixed = (y * 0x9E3779B1 + x * 0x85EBCA77 + (3 * cells + channel) * 0xC2B2AE3D) & 0xFFFFFFFF
    for shift in (15, 13, 16):
        mixed = ((mixed ^ (mixed >> shift)) * 0x2C1B3C6D) & 0xFFFFFFFF
    return np.asarray(mixed >> 24, np.int64)
