"""Sliding windows and blocks: how parts of a size cover an image."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from segpost._core import arguments

Window = tuple[int, int, int, int]  # y, x, height, width


def windows(
    image_size: tuple[int, int],
    window: tuple[int, int],
    stride: tuple[int, int],
) -> Iterator[Window]:
    """Return windows that cover an image without a gap, row by row.

    Parameters
    ----------
    image_size : (H, W)
        The size of the image.
    window : (height, width)
        The size of every window; a side longer than the image's is cut to it.
    stride : (down, across)
        The distance between neighboring windows, at most one window. The last window of a row or
        column is moved back inside the image.

    Yields
    ------
    y, x, height, width : integers
        The argument `window` of `Merger.add`.

    Raises
    ------
    ValueError, TypeError
        If a size is invalid, or if the stride leaves gaps.

    Examples
    --------
    >>> import segpost
    >>> list(segpost.windows((4, 10), (4, 4), (4, 4)))
    [(0, 0, 4, 4), (0, 4, 4, 4), (0, 6, 4, 4)]
    """
    image = arguments.as_output_size(image_size, name="image_size")
    sides = arguments.as_output_size(window, name="window")
    steps = arguments.as_output_size(stride, name="stride")
    if any(step > side for step, side in zip(steps, sides, strict=True)):
        raise ValueError(f"stride {steps} leaves gaps between windows of {sides}")
    height, width = (min(side, total) for side, total in zip(sides, image, strict=True))
    rows, columns = (
        [min(start, total - side) for start in range(0, total - side + step, step)]
        for side, total, step in zip((height, width), image, steps, strict=True)
    )
    return ((y, x, height, width) for y in rows for x in columns)


def list_blocks(size: tuple[int, int], block: int | tuple[int, int]) -> list[Window]:
    """Return blocks that cover an area, each pixel once, row by row."""
    sides = block if isinstance(block, (tuple, list, np.ndarray)) else (block, block)
    height, width = arguments.as_output_size(sides, name="block")
    return [
        (y, x, min(height, size[0] - y), min(width, size[1] - x))
        for y in range(0, size[0], height)
        for x in range(0, size[1], width)
    ]


def shift_slice(part: slice, distance: int) -> slice:
    """Return a slice moved by a distance."""
    return slice(part.start + distance, part.stop + distance)


def mirror_slice(part: slice, length: int) -> slice:
    """Return a slice of a reversed axis of a length."""
    return slice(length - part.stop, length - part.start)
